"""What runs learned, kept in memory: latents in, samples out, in milliseconds.

A game draws its latents from `Prior` modules. Giving it latents means letting those modules give them back, so every
game can be walked through, whatever its `sample` does with them.
"""

from __future__ import annotations

import base64
import inspect
import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data import pictures
from ..data.images import MODES, Plan, decode, why
from ..engine import BLOCK, SAMPLE
from ..errors import InputError
from ..game import Game
from ..priors import Labels, Normal, Prior
from ..runs import Run, conditional
from ..seeds import mix
from ..spec import Field, Spec

HELD = 3  # models in memory
ABILITIES = ("encode", "translate", "classify", "score", "complete")


@dataclass
class Model:
    """A game with its averaged weights at one checkpoint. `lock` is held while it works."""

    name: str
    number: int
    game: Game
    spec: Spec
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def out(self) -> Field:
        """What it makes."""
        return self.spec.x if "x" in self.spec else self.spec.b

    def describe(self) -> dict[str, Any]:
        """What the page must know to show its controls."""
        walkable = self.walkable()
        shown: dict[str, Any] = {
            "run": self.name,
            "round": self.number,
            "kind": self.out.kind,
            "shape": list(self.out.shape),
            "abilities": [name for name in ABILITIES if callable(getattr(self.game, name, None))],
            "latents": self.size if walkable else 0,
            "gaussian": walkable and all(isinstance(p, Normal) for p in self.priors),
            "invertible": walkable and self.out.kind == "image",
            "condition": None,
        }
        if conditional(self.game) and "y" in self.spec:
            y = self.spec.y
            shown["condition"] = {"kind": y.kind, "classes": list(y.classes), "shape": list(y.shape)}
        return shown

    # Latents.

    def walkable(self) -> bool:
        with self.lock, torch.no_grad():
            return bool(self.priors)

    @property
    def priors(self) -> list[Prior]:
        """Those from which `sample` draws, in its order, without labels."""
        if not hasattr(self, "_priors"):
            self._priors: list[Prior] = []
            self.size = 0
            if hasattr(self.game, "sample") and "x" in self.spec:
                with torch.random.fork_rng([]):
                    self._priors, drawn = self._record(2)
                self.size = drawn.shape[1]
        return self._priors

    def _record(self, n: int, y: Tensor | None = None) -> tuple[list[Prior], Tensor]:
        """The priors that a call of `sample` asks, and what they gave, side by side `[n, size]`. What game takes a
        condition is given one: then no latent depends on which."""
        if y is None and conditional(self.game):
            of = self.spec.y
            y = torch.zeros(n, *of.shape, dtype=torch.long if of.kind == "label" else torch.float32)
        asked: list[Prior] = []
        gave: list[Tensor] = []

        def note(module: Prior, args: tuple, out: Tensor) -> None:
            asked.append(module)
            gave.append(out.float().flatten(1))

        everywhere = [m for m in self.game.modules() if isinstance(m, Prior) and not isinstance(m, Labels)]
        handles = [m.register_forward_hook(note) for m in everywhere]
        try:
            self.game.sample(n, **({} if y is None else {"y": y}))
        finally:
            for handle in handles:
                handle.remove()
        return asked, torch.cat(gave, 1) if gave else torch.zeros(n, 0)

    @torch.no_grad()
    def latents(self, n: int, seed: int = 0) -> Tensor:
        """`[n, size]`, those of the first n samples that `zerosum sample --seed` draws."""
        assert self.priors
        blocks = []
        with self.lock, torch.random.fork_rng([]):
            for i in range(0, n, BLOCK):
                torch.manual_seed(mix(seed, SAMPLE, i))
                blocks.append(self._record(BLOCK)[1])
        return torch.cat(blocks)[:n]

    @torch.no_grad()
    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[n, *shape]` of these latents `[n, size]`. Other noise, if any, is the same at every call."""
        if not self.priors:
            raise InputError(f"{self.name} draws no latents that could be given")
        if z.ndim != 2 or z.shape[1] != self.size or not len(z) or not torch.isfinite(z).all():
            raise InputError(f"latents of {self.name} are {self.size} finite numbers each")
        with self.lock, self._giving(z), torch.random.fork_rng([]):
            torch.manual_seed(0)
            return self.game.sample(len(z), **({} if y is None else {"y": y})).float()

    @contextmanager
    def _giving(self, z: Tensor) -> Iterator[None]:
        """Inside, the priors give `z`, each its part."""
        begin, handles, queues = 0, [], {}
        for prior in self.priors:
            with torch.random.fork_rng([]):
                shape = prior(1).shape[1:]
            width = shape.numel()
            queues.setdefault(prior, []).append(z[:, begin : begin + width].reshape(len(z), *shape))
            begin += width
        for prior, queue in queues.items():
            handles.append(prior.register_forward_hook(lambda module, args, out, queue=queue: queue.pop(0)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def directions(self, k: int = 8) -> Tensor:
        """`[k, size]`: the latents' principal directions by how much samples change along them, one standard deviation
        of the prior long: by regression on the samples' principal components (GANSpace, Harkonen et al. 2020)."""
        z = self.latents(512, seed=1).double()
        x = torch.cat([self.render(part) for part in z.float().split(128)]).flatten(1).double()
        centred, spread = z - z.mean(0), z.std(0).clamp_min(1e-6)
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            principal = torch.pca_lowrank(x - x.mean(0), q=min(k, *x.shape, self.size))[2]
        scores = (x - x.mean(0)) @ principal
        slope = torch.linalg.lstsq(centred, scores / scores.std(0).clamp_min(1e-12)).solution.T * spread.square()
        return (slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-12) * spread.mean() * z.shape[1] ** 0.25).float()

    def invert(self, x: Tensor, steps: int = 100, starts: int = 8) -> tuple[Tensor, float]:
        """Latents `[size]` whose sample comes closest to a picture `[1, c, h, w]`, and the distance that is left
        (root mean square, in [0, 2]): the best of some draws, then descent by Adam."""
        z = self.latents(256, seed=2)
        far = (self.render(z) - x).square().flatten(1).mean(1)
        z = z[far.argsort()[:starts]].clone().requires_grad_(True)
        optimizer = torch.optim.Adam([z], lr=0.05)
        with self.lock, torch.enable_grad(), torch.random.fork_rng([]):
            for _ in range(steps):
                optimizer.zero_grad()
                with self._giving(z):
                    torch.manual_seed(0)
                    loss = (self.game.sample(starts) - x).square().flatten(1).mean(1)
                (loss.sum() + 1e-3 * z.square().sum(1).mean()).backward()
                optimizer.step()
        far = (self.render(z.detach()) - x).square().flatten(1).mean(1)
        return z.detach()[far.argmin()], float(far.min().sqrt())

    # Pictures in and out.

    def tensor(self, content: bytes, array: str = "x") -> Tensor:
        """An uploaded picture as the game sees it, `[1, c, h, w]`, scaled to cover and cropped at the centre."""
        wanted = self.spec.fields[array]
        if wanted.kind != "image":
            raise InputError(f"{self.name} takes no pictures")
        return wanted.codec.encode(torch.from_numpy(picture(content, wanted)[None]))  # type: ignore[union-attr]

    def pack(self, x: Tensor, of: Field | None = None) -> dict[str, Any]:
        """Samples as JSON: pictures as one PNG without gaps, row by row; rows in the user's units."""
        of = of or self.out
        if of.kind == "image":
            columns = max(1, round(len(x) ** 0.5))
            sheet = pictures.shown(x)
            n, h, w, _ = sheet.shape
            rows = -(-n // columns)
            canvas = np.zeros((rows * h, columns * w, 3), np.uint8)
            for i, tile in enumerate(sheet):
                top, left = i // columns * h, i % columns * w
                canvas[top : top + h, left : left + w] = tile
            shown = {"kind": "image", "n": n, "columns": columns, "height": h, "width": w}
            return {**shown, "png": base64.b64encode(png(Image.fromarray(canvas))).decode()}
        values = of.decode(x)
        names = list(values.dtype.names or [])
        listed = [list(row) for row in values.tolist()] if names else np.asarray(values, float).round(6).tolist()
        return {"kind": "vector", "n": len(x), "columns": names or [str(i) for i in range(of.size)], "rows": listed}


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def picture(content: bytes, field: Field) -> np.ndarray:
    """`[c, h, w]` of a file that anybody sent, decoded as the data door does it: known formats, bounded size."""
    c, h, w = field.shape
    if c not in MODES:
        raise InputError(f"pictures of {c} channels cannot be uploaded")
    codec = field.codec
    try:
        values = decode(io.BytesIO(content), Plan(h, w, c, "uint8", scale=True))
    except Exception as error:  # decoders raise anything on damaged files
        raise InputError(f"the upload cannot be used: {why(error)}") from error
    low, high = codec.low, codec.high  # type: ignore[union-attr]
    return values.astype(np.float32) / 255 * (high - low) + low


class Models:
    """The last few, by run and round."""

    def __init__(self, held: int = HELD):
        self.held = held
        self._models: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, run: Run, number: int | None = None) -> Model:
        """The model of a run at a checkpoint, the newest whole one if not said."""
        wanted = (run.name, run.rounds if number is None else number)
        with self._lock:
            if wanted not in self._models:
                game, spec = run.load(number)
                self._models[wanted] = Model(*wanted, game, spec)
                while len(self._models) > self.held:
                    self._models.popitem(last=False)
            self._models.move_to_end(wanted)
            return self._models[wanted]


def takes_only_x(module: torch.nn.Module) -> bool:
    """Can this discriminator be asked about x alone?"""
    parameters = list(inspect.signature(module.forward).parameters.values())
    return sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) == 1
