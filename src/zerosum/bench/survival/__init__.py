"""What a run survives, in figures: `python -m zerosum.bench.survival NAME ...` (all without a name).

Each experiment does real harm to real files and processes, and prints how often it was survived. Its row in
docs/reliability.md is written by `python -m tools.reliability` from the results in `results/survival`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ... import recorder
from ...errors import InputError, nearest
from ...runs import versions
from .many import elastic, hangs
from .play import determinism, nan, order
from .runs import kill, signals, soak
from .storage import corruption, crash, disk, retention

RESULTS = Path(__file__).parents[1] / "results" / "survival"
Figures = dict[str, Any]
EXPERIMENTS: dict[str, tuple[str, Callable[..., Figures]]] = {
    f.__name__: (row, f)
    for row, f in [
        ("2", kill), ("3", signals), ("4", crash), ("5", corruption), ("6", disk), ("7", nan), ("9", elastic),
        ("11", hangs), ("12", order), ("17", retention), ("20", determinism), ("21", soak),
    ]
}  # fmt: skip


def run(name: str, n: int | None = None) -> Figures:
    """One experiment, with `n` trials where its own number is not meant, in a folder that is deleted after it."""
    row, experiment = EXPERIMENTS[name]
    torch.set_num_threads(1)
    pictures = recorder.Recorder.picture, recorder.Recorder.reals
    recorder.Recorder.picture = recorder.Recorder.reals = lambda self: None
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = experiment(Path(folder)) if n is None else experiment(Path(folder), n)
    finally:
        recorder.Recorder.picture, recorder.Recorder.reals = pictures
    says = " ".join((experiment.__doc__ or "").split())
    seconds = round(time.monotonic() - began, 1)
    return {"name": name, "row": row, "says": says, "figures": figures, "seconds": seconds, "versions": versions()}


def main(names: list[str]) -> None:
    """Run experiments, as NAME or NAME=TRIALS, print and keep their figures."""
    for word in names or list(EXPERIMENTS):
        name, _, n = word.partition("=")
        if name not in EXPERIMENTS:
            raise InputError(f"no experiment {name!r}{nearest(name, EXPERIMENTS)} There are: {', '.join(EXPERIMENTS)}")
        found = run(name, int(n) if n.isdecimal() else None)
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        print(name, "; ".join(f"{k} {v}" for k, v in found["figures"].items()), f"({found['seconds']} s)", flush=True)
