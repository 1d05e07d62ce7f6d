"""Speed: the engine beside loops that a good user would write by hand, in turns, in one process.

Both play the same networks on the same data with the same batch. `ratio` is how many times as fast the engine is: the
median over repeats of (loop's time / engine's time), each pair timed back to back.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import Data
from ..data import open as open_data
from ..doctor import Doctor
from ..engine import Engine
from ..errors import InputError, nearest
from ..game import Game
from ..games.dcgan import DCGAN
from ..games.gan import GAN
from ..games.wgan_gp import WGANGP
from ..runs import create, versions
from . import loops


@dataclass(frozen=True)
class Comparison:
    """One row of the table."""

    says: str
    game: Callable[[], Game]
    shape: tuple[int, ...] | str  # of noise to train on, or a name that the data door knows
    batch: int
    loop: Callable[[Game, Data, int], Iterator[None]]
    rounds: int  # in one timing


COMPARISONS = {
    "mlp": Comparison("GAN, 784 values, batch 64", lambda: GAN(width=1200), (1, 28, 28), 64, loops.gan, 10),
    "points": Comparison("GAN, ring8, batch 512", GAN, "ring8", 512, loops.gan, 40),
    "dcgan": Comparison("DCGAN, 32x32 grey, batch 64", DCGAN, (1, 32, 32), 64, loops.gan, 3),
    "wgan_gp": Comparison("WGAN-GP, ring8, batch 64", WGANGP, "ring8", 64, loops.wgan_gp, 10),
    "wgan_gp_images": Comparison(
        "WGAN-GP, 32x32 grey, batch 64", lambda: WGANGP(width=32), (1, 32, 32), 64, loops.wgan_gp, 1
    ),
    "sampling": Comparison("DCGAN, 32x32 grey, 64 samples", DCGAN, (1, 32, 32), 64, loops.sampling, 10),
    "doctor": Comparison("GAN, ring8, batch 512, unwatched and watched", GAN, "ring8", 512, loops.unwatched, 300),
}


def run(only: str | None = None, repeats: int = 5) -> list[dict[str, Any]]:
    """Time one comparison or all, print a line each, and give the rows."""
    if only is not None and only not in COMPARISONS:
        raise InputError(f"no comparison {only!r}{nearest(only, COMPARISONS)} There are: {', '.join(COMPARISONS)}")
    if repeats < 1:
        raise InputError(f"repeats must be 1 or more, not {repeats}")
    print(
        f"{'name':15} {'ratio':>6} {'spread':>7} {'loop':>10} {'engine':>10}"
        f"  ms a round, {torch.get_num_threads()} threads"
    )
    rows = []
    for name in [only] if only else COMPARISONS:
        rows.append(compare(name, COMPARISONS[name], repeats))
        r = rows[-1]
        print(
            f"{name:15} {r['ratio']:6.2f} {r['spread']:7.2f} {r['loop_ms']:10.2f} {r['engine_ms']:10.2f}  {r['says']}",
            flush=True,
        )
    return rows


def compare(name: str, c: Comparison, repeats: int) -> dict[str, Any]:
    """Time the two in turns, after one turn of each that does not count."""
    data = open_data(c.shape if isinstance(c.shape, str) else noise(c.shape))
    engine = Engine(c.game(), data, batch=c.batch)
    by_hand = c.loop(engine_free(c.game(), data), data, c.batch)
    turn = turns(name, engine, c.batch)
    pairs = [(timed(lambda: next(by_hand), c.rounds), timed(turn, c.rounds)) for _ in range(repeats + 1)][1:]
    ratios = [loop / ours for loop, ours in pairs]
    return {
        "name": name,
        "says": c.says,
        "ratio": statistics.median(ratios),
        "spread": statistics.stdev(ratios) if len(ratios) > 1 else 0.0,
        "loop_ms": 1e3 * statistics.median(loop for loop, _ in pairs),
        "engine_ms": 1e3 * statistics.median(ours for _, ours in pairs),
        "repeats": repeats,
        "rounds": c.rounds,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def turns(name: str, engine: Engine, batch: int) -> Callable[[], Any]:
    """What the engine does in one turn of this comparison."""
    if name == "sampling":
        return lambda: engine.sample(batch)
    return partial(next, watched(engine)) if name == "doctor" else engine.round


def watched(engine: Engine) -> Iterator[None]:
    """Rounds with the doctor at their side, who must earn every look."""
    with tempfile.TemporaryDirectory() as folder:
        config = dict.fromkeys(("game", "data", "device", "versions"), "") | {"hyperparameters": {}, "settings": {}}
        doctor = Doctor(create(Path(folder), "bench", config), engine, rounds=1)
        doctor.grace = 0.0
        while True:
            engine.round()
            doctor.reading()
            yield


def timed(turn: Callable[[], Any], rounds: int) -> float:
    """Seconds of one of `rounds` turns."""
    began = time.perf_counter()
    for _ in range(rounds):
        turn()
    return (time.perf_counter() - began) / rounds


def noise(shape: tuple[int, ...], n: int = 2048) -> Tensor:
    """Pictures of uniform noise: speed does not depend on what they show."""
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def engine_free(game: Game, data: Data) -> Game:
    """The game's networks, built as the engine builds them."""
    game.build(data.spec)
    return game.train()
