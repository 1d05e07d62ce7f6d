"""A checkpoint as a moment of the game: what D thinks of real and fake, and, in the plane, its map and its pull.

Checkpoints are deleted as a run goes on, so a moment is computed while its checkpoint is there, and kept as JSON.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import checkpoints
from ..data import Data
from ..errors import InputError
from ..game import Game
from ..runs import Run
from ..spec import Spec
from .models import takes_only_x
from .shelf import Shelf, trainer

SIDE = 48  # of the heat map
POINTS = 400  # shown of each kind
ARROWS = 120
JUDGED = 256  # samples behind D's scores
RECENT = 20  # runs that are looked at, newest first
QUANTILES = torch.linspace(0.02, 0.98, 25)


def judge_of(game: Game, spec: Spec) -> nn.Module | None:
    """The discriminator that can be asked about x alone, if there is one."""
    if "x" not in spec:
        return None
    found = [module for module in game.discriminators() if takes_only_x(module)]
    return found[0] if len(found) == 1 else None


def logits(judge: nn.Module, x: Tensor) -> Tensor:
    """One number a sample, `[n]`: patches are averaged. Raises ValueError where it gives something else."""
    out = judge(x)
    if not isinstance(out, Tensor) or not out.is_floating_point() or len(out) != len(x):
        raise ValueError("this discriminator gives no logits")
    return out.flatten(1).mean(1) if out.ndim > 1 else out


def moment(game: Game, spec: Spec, real: Tensor) -> dict[str, Any]:
    """D's scores as quantiles, and for points in the plane: points, heat map and arrows, in the user's units."""
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        fake = game.sample(max(POINTS, JUDGED)) if "x" in spec else None
    judge, found = judge_of(game, spec), {}
    if judge is not None and fake is not None:
        with torch.no_grad():
            both = {"real": logits(judge, real[:JUDGED]), "fake": logits(judge, fake[:JUDGED])}
        found["scores"] = {
            k: rounded(torch.quantile(v.double().nan_to_num(), QUANTILES.double())) for k, v in both.items()
        }
    if fake is not None and tuple(spec.x.shape) == (2,):
        found["plane"] = plane(judge, spec, real[:POINTS], fake[:POINTS])
    return found


def plane(judge: nn.Module | None, spec: Spec, real: Tensor, fake: Tensor) -> dict[str, Any]:
    """Where points are, how real D holds every place, and where its gradient pulls the fakes."""
    low, high = real.min(0).values, real.max(0).values
    centre, half = (low + high) / 2, 0.65 * (high - low)
    shown: dict[str, Any] = {"real": units(spec, real), "fake": units(spec, fake)}
    shown["low"], shown["high"] = units(spec, torch.stack([centre - half, centre + half]))
    if judge is not None:
        u = torch.linspace(-1, 1, SIDE)
        at = torch.stack(torch.meshgrid(u, u, indexing="xy"), -1).reshape(-1, 2) * half + centre
        with torch.no_grad():
            shown["heat"] = [rounded(row) for row in logits(judge, at).reshape(SIDE, SIDE)]
        x = fake[:ARROWS].clone().requires_grad_(True)
        with torch.enable_grad():
            pull = torch.autograd.grad(logits(judge, x).sum(), x)[0]
        length = pull.norm(dim=1).quantile(0.9).clamp_min(1e-12)
        step = (
            0.12 * half.min() * pull / length * (length / pull.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp(max=1)
        )
        shown["tips"] = units(spec, x.detach() + step)
    return shown


def units(spec: Spec, x: Tensor) -> list[list[float]]:
    """Points in the user's units."""
    codec = spec.x.codec
    mean, std = zip(*[(c.mean, c.std) for c in codec.columns], strict=True)  # type: ignore[union-attr]
    return [rounded(row) for row in x.double().nan_to_num() * torch.tensor(std) + torch.tensor(mean)]


def rounded(values: Tensor) -> list[float]:
    return [float(f"{v:.4g}") for v in values.tolist()]


class Moments:
    """Keeps them, and computes those of new checkpoints while a run goes on."""

    def __init__(self, shelf: Shelf, every: float = 0.5):
        self.shelf, self.every = shelf, every
        self._data: dict[str, Data] = {}
        self._failed: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def folder(self, name: str) -> Path:
        return self.shelf.private / "moments" / name

    def rounds(self, name: str) -> list[int]:
        """Of which there is a moment."""
        folder = self.folder(name)
        return sorted(int(p.stem) for p in folder.glob("*.json") if p.stem.isdecimal()) if folder.is_dir() else []

    def get(self, name: str, number: int) -> dict[str, Any] | None:
        path = self.folder(name) / f"{number}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def catch_up(self, run: Run) -> list[int]:
        """Compute what is missing for the checkpoints that are there; the rounds now known."""
        with self._lock:
            for number in checkpoints.numbers(run.checkpoints):
                if (run.name, number) not in self._failed and number not in self.rounds(run.name):
                    self._compute(run, number)
            return self.rounds(run.name)

    def _compute(self, run: Run, number: int) -> None:
        try:
            game, spec = run.load(number)
            found = moment(game, spec, self._real(run))
        except (InputError, OSError, ValueError, TypeError, RuntimeError, AttributeError, KeyError):
            # Its game is in a file, its data has gone, the checkpoint was deleted meanwhile, D is of another kind.
            self._failed.add((run.name, number))
            return
        folder = self.folder(run.name)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / ".new"
        temporary.write_text(json.dumps({"round": number, **found}))
        temporary.replace(folder / f"{number}.json")

    def _real(self, run: Run) -> Tensor:
        source = str(run.config["data"])
        if source not in self._data:
            self._data = {source: run.data()}  # one at a time in memory
        return self._data[source].held_out.take(max(POINTS, JUDGED), seed=0).x

    # In the background.

    def start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="moments", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread:
            self._thread.join(10)

    def _watch(self) -> None:
        """Follow the runs that are being played."""
        while not self._end.wait(self.every):
            began = time.monotonic()
            for name in self.shelf.names()[:RECENT]:
                try:
                    run = self.shelf.run(name)
                except (InputError, OSError):
                    continue  # damaged, or deleted meanwhile; the list of runs says so
                if trainer(run) is not None:
                    self.catch_up(run)
            self._end.wait(time.monotonic() - began)  # at most half of one core
