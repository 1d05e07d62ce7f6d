"""Coverage and quality of ring8 and grid25 for every game that takes points: `python -m zerosum.claims._modes`.

A table, not a claim: nothing here is tuned for a game but that width, latent and learning rate are alike for all, and
each sees the same number of rounds. It is written to `results/_modes.json`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import fields
from multiprocessing import get_context
from typing import Any

from ..data import open
from ..games import find, names
from . import RESULTS, _worker
from ._rigs import modes, play

DATA, SEEDS, ROUNDS, BATCH = ("ring8", "grid25"), (0, 1, 2), 3000, 128
ALIKE = {"z_dim": 2, "width": 32, "lr": 1e-3}  # of 4 * 32 hidden units; where the game has such a field with one value


def takes_points(game: str) -> bool:
    return "vector" in find(game).needs.get("x", ())


def options(game: str) -> dict[str, Any]:
    kind = find(game)
    own = {f.name: f.default for f in fields(kind)}  # pyright: ignore[reportArgumentType]
    return {name: value for name, value in ALIKE.items() if isinstance(own.get(name), int | float | None)}


def one(what: tuple[str, str, int]) -> dict[str, Any]:
    game, source, seed = what
    began = time.perf_counter()
    engine = play(find(game)(**options(game)), open(source), ROUNDS, seed, batch=BATCH)
    found = modes(engine, seed)
    seconds = round(time.perf_counter() - began, 1)
    return {"game": game, "data": source, "seed": seed, "covered": found.covered, "quality": found.quality} | {
        "seconds": seconds
    }
