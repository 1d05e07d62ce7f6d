"""Verbs of the doctor and of the theory lab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from .arguments import RunName, write_json

if TYPE_CHECKING:
    from .data import Data
    from .game import Game
    from .settings import Settings

Name = Positional[Annotated[str, arg(metavar="[NAME]")]]
Words = Positional[Annotated[tuple[str, ...], arg(metavar="[WORDS]")]]


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


def theory(name: Name = "", words: Words = (), out: Path | None = None) -> None:
    """Show what games stand on: zerosum theory NAME prints the numbers and draws the picture.

    Args:
        name: of a demonstration; without it they are listed
        words: distances takes two distributions, "normal(0, 1)" "laplace"; dirac a loss; arrows data
        out: .png or .gif; theory-NAME.png beside you if not said, .gif where it moves
    """
    from .theory import lab

    if not name:
        for known, function in lab.DEMONSTRATIONS.items():
            print(f"{known:12} {(function.__doc__ or '').splitlines()[0]}")
        return
    shown = lab.show(name, *words)
    print(lab.table(shown.rows))
    print(f"\n{shown.says}")
    path = out or Path(f"theory-{name}.{'gif' if len(shown.frames) > 1 else 'png'}")
    print(f"\npicture: {shown.save(path)}")
