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
from ..doctor.probe import judges, opinions
from ..errors import InputError
from ..game import Batch, Game
from ..runs import Run
from ..spec import Spec
from .models import in_plane, takes_only_x
from .shelf import Shelf, trainer

SIDE = 48  # of the heat map
POINTS = 400  # shown of each kind
ARROWS = 120
JUDGED, JUDGED_PICTURES = 256, 64  # examples behind D's scores
RECENT = 20  # runs that are looked at, newest first
QUANTILES = torch.linspace(0.02, 0.98, 25)


def surveyor(game: Game, x: Tensor) -> nn.Module | None:
    """The first discriminator that can be asked about x alone: its map can be drawn."""
    for module in filter(takes_only_x, game.discriminators()):
        try:
            logits(module, x[:2])
        except (RuntimeError, ValueError):
            continue  # it reads a condition beside x, or gives no logits
        return module
    return None


def logits(judge: nn.Module, x: Tensor) -> Tensor:
    """One number a sample, `[n]`: patches are averaged. Raises ValueError where it gives something else."""
    out = judge(x)
    if not isinstance(out, Tensor) or not out.is_floating_point() or len(out) != len(x):
        raise ValueError("this discriminator gives no logits")
    return out.flatten(1).mean(1) if out.ndim > 1 else out


def moment(game: Game, spec: Spec, real: Batch) -> dict[str, Any]:
    """The scores of each discriminator as quantiles, by its name, and the names of those that could not be heard; for
    points in the plane: points, heat map and arrows, in the user's units."""
    few = JUDGED_PICTURES if any(f.kind == "image" for f in spec.fields.values()) else JUDGED
    heard = opinions(game, Batch(**{k: v[:few] for k, v in real.tensors.items()}))
    found: dict[str, Any] = {
        "judges": {k: {"real": quantiles(a), "fake": quantiles(b)} for k, (a, b) in heard.items()},
        "unheard": [k for k in judges(game) if k not in heard],
    }
    if "x" in spec and in_plane(spec.x):
        with torch.random.fork_rng([]), torch.no_grad():
            torch.manual_seed(0)
            fake = game.sample(POINTS)
        found["plane"] = plane(surveyor(game, real.x), spec, real.x[:POINTS], fake)
    return found


def quantiles(values: Tensor) -> list[float]:
    return rounded(torch.quantile(values.double().nan_to_num(), QUANTILES.double()))


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
        shrink = (length / pull.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp(max=1)
        step = 0.12 * half.min() * pull / length * shrink
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
        if not path.is_file():
            return None
        found = json.loads(path.read_text())
        if "scores" in found:  # as they were kept before games with several discriminators were heard
            found["judges"] = {"D": found.pop("scores")}
        return {"judges": {}, "unheard": [], **found}

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
            found = moment(game, spec, self.real(run))
        except (InputError, OSError, ValueError, TypeError, RuntimeError, AttributeError, KeyError):
            # Its game is in a file, its data has gone, the checkpoint was deleted meanwhile, D is of another kind.
            self._failed.add((run.name, number))
            return
        folder = self.folder(run.name)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / ".new"
        temporary.write_text(json.dumps({"round": number, **found}))
        temporary.replace(folder / f"{number}.json")

    def real(self, run: Run) -> Batch:
        """Some examples that were not trained on, always the same."""
        source = str(run.config["data"])
        data = self._data.get(source) or run.data()
        self._data = {source: data}  # one at a time in memory
        return data.held_out.take(max(POINTS, JUDGED), seed=0)

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
