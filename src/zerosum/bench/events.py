"""Scattering events a second of one core: generators of several sizes beside Pythia, in one process.

Counted from the noise to px, py, pz, E in GeV, float64, inverse transform included; in CPU time, so a busy machine does
not count. Speed does not depend on the weights, so these are not trained. `times` is the ratio to Pythia's hard process
alone, the fastest way to the scattered electron; showers and hadrons make Pythia slower and leave it as it is.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..data import open as open_data
from ..data.events import pythia
from ..engine import Engine
from ..games.fatgan import FATGAN
from ..portable import units
from ..runs import versions

FEATURES: dict[str, Any] = dict(features="cartesian", transform="px/py:isotropic")
LEAST = 0.5  # CPU seconds of one timing


@dataclass(frozen=True)
class Way:
    """One way to events: a generator of `depth` hidden layers of `width`, a batch at a time."""

    width: int
    depth: int
    z: int
    batch: int = 10_000
    compiled: bool = False
    bf16: bool = False

    @property
    def name(self) -> str:
        kind = " compiled" * self.compiled + " bf16" * self.bf16
        return f"{self.depth}x{self.width}, z {self.z}, batch {self.batch:,}{kind}"


WAYS = (
    Way(512, 5, 100),  # the authors'
    Way(128, 4, 32),
    *(Way(64, 4, 8, batch) for batch in (1000, 10_000, 100_000)),
    Way(64, 4, 8, bf16=True),
    Way(64, 4, 8, compiled=True),
    Way(32, 4, 8),
    Way(32, 4, 8, compiled=True),
    Way(32, 3, 4, compiled=True),
)


def run(repeats: int = 5) -> list[dict[str, Any]]:
    """Time every way, print a line each, and give the rows."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print(f"{'events':44} {'a CPU second':>12} {'spread':>8} {'times':>6}   one thread", flush=True)
    rows: list[dict[str, Any]] = []
    if importlib.util.find_spec("pythia8mc"):
        for name, off in (("Pythia, hard process", True), ("Pythia, showers and hadrons", False)):
            rows.append(timed(name, partial(simulated, *simulator(off)), repeats))
            told(rows[-1], rows[0])
    else:
        print("Pythia is not installed: pip install 'zerosum[physics]'")
    for way in WAYS:
        rows.append(timed(way.name, generated(way), repeats))
        told(rows[-1], rows[0])
    torch.set_num_threads(threads)
    return rows


def told(row: dict[str, Any], first: dict[str, Any]) -> None:
    row["times"] = row["rate"] / first["rate"] if first["name"].startswith("Pythia") else None
    times = "" if row["times"] is None else f"{row['times']:6.2f}"
    print(f"{row['name']:44} {row['rate']:12,.0f} {row['spread']:8,.0f} {times}", flush=True)


def timed(name: str, turn: Callable[[], int], repeats: int) -> dict[str, Any]:
    """Events a CPU second: the median of `repeats` timings, after one turn that does not count."""
    turn()
    rates = []
    for _ in range(repeats):
        began, made = time.process_time(), 0
        while time.process_time() - began < LEAST:
            made += turn()
        rates.append(made / (time.process_time() - began))
    spread = statistics.stdev(rates) if repeats > 1 else 0.0
    return {
        "name": name,
        "rate": statistics.median(rates),
        "spread": spread,
        "repeats": repeats,
        "versions": versions(),
    }


def generated(way: Way) -> Callable[[], int]:
    """A turn that makes one batch of events."""
    data = open_data("ep", **FEATURES)
    game = Engine(FATGAN(width=way.width, depth=way.depth, z_dim=way.z), data, batch=8).game
    game.eval().requires_grad_(False)

    def events(z: Tensor) -> Tensor:
        return units(game.G(z), data.spec.x)

    forward = torch.compile(events) if way.compiled else events

    @torch.inference_mode()
    def turn() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=way.bf16):
            forward(game.prior(way.batch))
        return way.batch

    return turn


def simulator(process_only: bool) -> tuple[Any, Any]:
    """Pythia, ready, and where it keeps its event."""
    import pythia8mc

    made = pythia8mc.Pythia("", False)
    off = ("PartonLevel:all", "HadronLevel:all", "Check:event")
    for line in pythia.SETTINGS:
        if process_only or not line.startswith(off):
            made.readString(line.format(beam=50, target=50, q2min=2, seed=1))
    made.init()
    return made, made.process if process_only else made.event


def simulated(made: Any, event: Any, n: int = 2000) -> int:
    """A turn of Pythia's: the scattered electrons of `n` events."""
    momenta = []
    while len(momenta) < n:
        if made.next():
            electron = next(event[i] for i in range(5, event.size()) if event[i].id() == 11)
            momenta.append((electron.px(), electron.py(), electron.pz(), electron.e()))
    return n
