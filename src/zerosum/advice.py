"""Verbs of the doctor: what is wrong with a run, or will be with a game on this data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import RunName, write_json

if TYPE_CHECKING:
    from .data import Data
    from .game import Game
    from .settings import Settings


def doctor(run: RunName, json: Path | None = None, deep: bool = False, game: str | None = None) -> None:
    """Tell what is wrong with a run, by its signals, and what to try.

    Args:
        run: its folder, number or name, or "latest"
        json: write the findings here, too
        deep: look at its newest checkpoint and its data again, and estimate the duality gap
        game: the Python file of a game of yours; loading it runs it
    """
    from . import runs, training
    from .doctor.examine import examine, table

    found = runs.find(run, game=game)
    out = examine(found, training.restored(found) if deep else None)
    print(table(out))
    if json:
        write_json(json, out)


def check_game(game: Game, data: Data, settings: Settings) -> int:
    """Print the mistakes that can be seen before training; 1 where one of them is critical."""
    from .doctor import checks, light
    from .training import prepare

    found = checks.of(prepare(game, data, settings))
    for finding in found:
        print(f"{finding.severity}: {finding}")
    print("nothing found" if not found else f"{len(found)} found: {light(found)}")
    return int(light(found) == "red")
