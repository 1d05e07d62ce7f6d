"""Coverage and quality of ring8 and grid25 for every game that takes points: `python -m zerosum.claims._modes`.

A table, not a claim. All games have the same width, latent, learning rate, batch and number of rounds, and else their
defaults; nothing is tuned for any of them. It is written to `results/_modes.json`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import fields
from multiprocessing import get_context
from typing import Any

from ..data import open
from ..games import find, names
from . import RESULTS, _worker
from ._rigs import modes, play

SOURCES, SEEDS, ROUNDS, BATCH = ("ring8", "grid25"), (0, 1, 2), 2000, 128
RATE, ALIKE = 1e-3, {"width": 32, "z_dim": 2}  # hidden layers of 4 * 32 units


def takes_points(game: str) -> bool:
    """Does it play on ring8 and grid25, points with labels?"""
    kinds = {"x": "vector", "y": "label"}
    return all(kinds.get(array) in wanted for array, wanted in find(game).needs.items())


def options(game: str) -> dict[str, Any]:
    """The fields that are alike for all games, as this one has them."""
    own = {f.name: f.default for f in fields(find(game))}  # pyright: ignore[reportArgumentType]
    rates = {name: (RATE, RATE) if isinstance(own[name], tuple) else RATE for name in own if name.startswith("lr")}
    return {"width": 128 if own["width"] is None else ALIKE["width"], "z_dim": ALIKE["z_dim"], **rates}


def one(what: tuple[str, str, int]) -> dict[str, Any]:
    game, source, seed = what
    began = time.perf_counter()
    found = modes(play(find(game)(**options(game)), open(source), ROUNDS, seed, batch=BATCH), seed)
    seconds = round(time.perf_counter() - began, 1)
    return {"game": game, "data": source, "seed": seed, "covered": found.covered, "quality": found.quality} | {
        "seconds": seconds
    }


def main(asked: list[str]) -> None:
    """Play these games, or all; write a row a game and set, values in the order of the seeds. Others' rows are kept."""
    from ..runs import versions

    jobs, path = os.cpu_count() or 1, RESULTS / "_modes.json"
    games = [game for game in asked or names() if takes_points(game)]
    waiting = [(game, source, seed) for game in games for source in SOURCES for seed in SEEDS]
    done = []
    with get_context("spawn").Pool(jobs, initializer=_worker) as pool:
        for found in pool.imap_unordered(one, waiting):
            done.append(found)
            print(f"{len(done)} of {len(waiting)}: {found}", flush=True)
    rows = []
    for game, source in dict.fromkeys(what[:2] for what in waiting):
        runs = sorted((f for f in done if (f["game"], f["data"]) == (game, source)), key=lambda f: f["seed"])
        lists = {name: [f[name] for f in runs] for name in ("covered", "quality", "seconds")}
        of = len(open(source).spec.x.extra["modes"])
        setting = {"rounds": ROUNDS, "batch": BATCH, "options": options(game)}
        rows.append({"game": game, "data": source, "modes": of, **lists, **setting, "versions": versions()})
    kept = [row for row in json.loads(path.read_text()) if row["game"] not in games] if path.exists() else []
    path.write_text(json.dumps(sorted(kept + rows, key=lambda row: row["game"]), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
