"""Scattering events a second of one core: generators of several sizes beside Pythia, in one process.

Counted from the noise to px, py, pz, E in GeV, float64, inverse transform included; in CPU time, so a busy machine does
not count, though one that shares its caches and clock does. Speed does not depend on the weights: without runs to time,
generators are not trained. `times` is the ratio to Pythia's hard process alone, called and read from Python, which is
the fastest way to the scattered electron; showers and hadrons make Pythia slower and leave the electron as it is.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..data import open as open_data
from ..data.events import pythia
from ..engine import Engine
from ..errors import InputError
from ..game import Game
from ..games.fatgan import FATGAN
from ..portable import Portable, export, lowered
from ..runs import versions
from ..spec import Spec

FEATURES: dict[str, Any] = dict(features="cartesian", transform="px/py:isotropic")
LEAST = 0.5  # CPU seconds of one timing
Maker = Callable[[int], np.ndarray]  # seed -> one batch of events `[batch, 4]`, GeV


@dataclass(frozen=True)
class Size:
    """A generator of `depth` hidden layers of `width`."""

    width: int
    depth: int
    z: int

    @property
    def name(self) -> str:
        return f"{self.depth}x{self.width}, z {self.z}"

    def untrained(self) -> tuple[Game, Spec]:
        data = open_data("ep", **FEATURES)
        game = FATGAN(g_width=self.width, g_depth=self.depth, z_dim=self.z, width=8, depth=1)
        return Engine(game, data, batch=8).game.eval().requires_grad_(False), data.spec


@dataclass(frozen=True)
class Form:
    """How a generator is run, a batch at a time. `mixed` keeps the last layer in float32, whose output is T itself."""

    kind: Literal["eager", "compiled", "onnx"] = "eager"
    precision: Literal["float32", "bfloat16", "mixed"] = "float32"
    batch: int = 10_000

    @property
    def name(self) -> str:
        precision = {"float32": "", "bfloat16": ", bfloat16", "mixed": ", bfloat16 but for the last layer"}
        return f"{self.kind}{precision[self.precision]}, batch {self.batch:,}"

    def maker(self, game: Game, spec: Spec) -> Maker:
        """Makes one batch after another; from the same seed, of every form the same noise."""
        graph = Portable(deepcopy(game), spec)
        if self.precision != "float32":
            lowered(graph.game, self.precision == "mixed")
        forward: Callable[..., Tensor] = graph
        if self.kind == "onnx":
            forward = in_onnxruntime(game, spec)
        elif self.kind == "compiled":
            program = torch.export.export(graph, graph.noise(self.batch)).module()
            forward = torch.compile(program, dynamic=False, options={"freezing": True})

        @torch.no_grad()
        def events(seed: int) -> np.ndarray:
            if seed >= 0:
                torch.manual_seed(seed)
            return forward(*graph.noise(self.batch)).numpy()

        return events


def in_onnxruntime(game: Game, spec: Spec) -> Callable[..., Tensor]:
    """The exported graph, one thread."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "g.onnx"
        export(game, spec, path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options)
    names = [i.name for i in session.get_inputs()]

    def forward(*inputs: Tensor) -> Tensor:
        given = {name: v.numpy() for name, v in zip(names, inputs, strict=True)}
        return torch.from_numpy(np.asarray(session.run(None, given)[0]))

    return forward


SIZES = (Size(512, 5, 100), Size(128, 4, 32), Size(64, 4, 8), Size(32, 4, 8), Size(32, 3, 4))  # the first: the authors'
FORMS = (
    *(Form(batch=batch) for batch in (1000, 10_000, 100_000)),
    Form("compiled"),
    Form("compiled", batch=2000),
    Form("eager", "mixed"),
    Form("compiled", "mixed"),
    Form("compiled", "bfloat16"),
    Form("onnx"),
)


def run(repeats: int = 5) -> list[dict[str, Any]]:
    """Time every size in every form, print a line each, and give the rows."""
    return compared([(size.name, *size.untrained()) for size in SIZES], repeats)


def compared(
    generators: Sequence[tuple[str, Game, Spec]],
    repeats: int,
    forms: Sequence[Form] = FORMS,
    judge: Callable[[Maker], dict[str, float]] = lambda maker: {},
) -> list[dict[str, Any]]:
    """The same of these generators, each under its name; what `judge` finds in the events of each is added."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print(f"{'events, one thread':64} {'a CPU second':>12} {'spread':>8} {'times':>6}", flush=True)
    rows: list[dict[str, Any]] = []
    if importlib.util.find_spec("pythia8mc"):
        for name, off, read in (
            ("Pythia, hard process", True, True),
            ("Pythia, hard process, electron not read", True, False),
            ("Pythia, showers and hadrons", False, True),
        ):
            turn = partial(simulated, *simulator(off), read=read)
            rows.append({"name": name, "form": "", **timed(turn, repeats)})
            told(rows[-1], rows[0])
    else:
        print("Pythia is not installed: pip install 'zerosum[physics]'")
    for name, game, spec in generators:
        for form in forms:
            row: dict[str, Any] = {"name": name, "form": form.name}
            try:
                maker = form.maker(game, spec)
                row |= timed(lambda maker=maker: len(maker(-1)), repeats) | judge(maker)
            except (InputError, RuntimeError, ImportError) as error:
                row["failed"] = str(error).strip().splitlines()[0][:200]
            rows.append(row)
            told(row, rows[0])
    torch.set_num_threads(threads)
    return rows


def told(row: dict[str, Any], first: dict[str, Any]) -> None:
    """One line; `times` is put into the row."""
    label = ", ".join(filter(None, (row["name"], row["form"])))
    if "failed" in row:
        print(f"{label:64} {row['failed']}", flush=True)
        return
    row["times"] = row["rate"] / first["rate"] if first["name"].startswith("Pythia") else None
    times = "" if row["times"] is None else f"{row['times']:6.2f}"
    more = "".join(f"  {k} {v:.4g}" for k, v in row.items() if k.startswith(("chi2", "share")))
    print(f"{label:64} {row['rate']:12,.0f} {row['spread']:8,.0f} {times}{more}", flush=True)


def timed(turn: Callable[[], int], repeats: int) -> dict[str, Any]:
    """Events a CPU second: the median of `repeats` timings, after two turns that do not count."""
    turn()
    turn()
    rates = []
    for _ in range(repeats):
        began, made = time.process_time(), 0
        while time.process_time() - began < LEAST:
            made += turn()
        rates.append(made / (time.process_time() - began))
    spread = statistics.stdev(rates) if repeats > 1 else 0.0
    return {"rate": statistics.median(rates), "spread": spread, "repeats": repeats, "versions": versions()}


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


def simulated(made: Any, event: Any, n: int = 2000, read: bool = True) -> int:
    """A turn of Pythia's: the scattered electrons of `n` events."""
    momenta, done = [], 0
    while done < n:
        if not made.next():
            continue
        done += 1
        if read:
            electron = next(event[i] for i in range(5, event.size()) if event[i].id() == 11)
            momenta.append((electron.px(), electron.py(), electron.pz(), electron.e()))
    return n
