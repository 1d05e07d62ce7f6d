"""What runs learned, kept in memory: latents in, samples out, in milliseconds."""

from __future__ import annotations

import base64
import inspect
import io
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import conditions, latent, translation
from ..conditions import conditional
from ..data import pictures
from ..data.images import MODES, Plan, decode, why
from ..errors import InputError
from ..game import Game
from ..runs import Run
from ..spec import Columns, Field, Spec

HELD = 3  # models in memory
SLIDERS = 8  # directions shown
SEARCH = 120  # steps of an inversion
EXAMPLES = 12  # conditions that are offered where they are not classes
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
        walkable, ways = self.walkable(), translation.directions(self.game) if "a" in self.spec else []
        shown: dict[str, Any] = {
            "run": self.name,
            "round": self.number,
            "kind": self.out.kind,
            "shape": list(self.out.shape),
            "abilities": [name for name in ABILITIES if callable(getattr(self.game, name, None))],
            "ways": ways,
            "inputs": {way: list(self.spec.fields[way[0]].shape) for way in ways},
            "latents": self.shape.numel() if walkable else 0,
            "gaussian": walkable and latent.natural(self.game) == "spherical",
            "invertible": walkable and self.out.kind == "image",
            "plane": in_plane(self.out),
            "condition": self.condition(),
        }
        return {**shown, "unsaved": self.unsaved()}

    def condition(self) -> dict[str, Any] | None:
        """What it can be told: classes, captions, or numbers with the range that they were trained on."""
        if not conditional(self.game) or "y" not in self.spec:
            return None
        y = self.spec.y
        shown = {"kind": y.kind, "classes": list(y.classes), "examples": [], "numbers": []}
        if isinstance(y.codec, Columns) and not any(c.categories or c.low is None for c in y.codec.columns):
            shown["numbers"] = [{"name": c.name, "low": c.low, "high": c.high, "mean": c.mean} for c in y.codec.columns]
        return {**shown, "examples": conditions.caption(y, conditions.some(y, EXAMPLES))}

    def unsaved(self) -> str | None:
        """Why it cannot be saved as a page, in the user's words; None where nothing is known to prevent it."""
        told = self.condition()
        if "x" not in self.spec:
            return "it translates, and a page would have to read pictures of yours; only games that draw are saved"
        if not self.walkable():
            return "it draws nothing from latents"
        if self.out.kind != "image" and not in_plane(self.out):
            return "it makes rows of a table; only pictures and points in the plane are saved"
        if told and not told["classes"]:
            what = "captions" if told["kind"] == "text" else "numbers"
            return f"it is told {what}; only games that are told classes, or nothing, are saved"
        return None

    # Latents, as rows whatever their shape in the game.

    def walkable(self) -> bool:
        """Has it a latent space?"""
        try:
            latent.need(self.game, "latent")
        except InputError:
            return False
        return "x" in self.spec

    @cached_property
    def shape(self) -> torch.Size:
        """Of one sample's latents. Raises InputError where there are none."""
        return latent.latents(self.game, 1).shape[1:]

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """`[n, size]`, those of the first n samples that `zerosum sample --seed` draws."""
        with self.lock:
            return latent.latents(self.game, n, seed).flatten(1)

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[n, *shape]` of these latents `[n, size]`. Other noise, if any, is the same at every call."""
        size = self.shape.numel()
        if z.ndim != 2 or z.shape[1] != size or not len(z) or not torch.isfinite(z).all():
            raise InputError(f"latents of {self.name} are {size} finite numbers each")
        with self.lock:
            return latent.render(self.game, z.view(-1, *self.shape), latent.held(self.game, y))

    @cached_property
    def directions(self) -> Tensor:
        """`[k, size]`, unit length: along which samples change most."""
        with self.lock:
            return latent.directions(self.game, "pca", SLIDERS, 512)

    def invert(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, float]:
        """Latents `[size]` whose sample comes closest to a picture `[1, c, h, w]`, and the distance that is left, a
        root mean square."""
        with self.lock:
            found = latent.invert(self.game, x, y=y, steps=SEARCH, restarts=2)
        return found.z.flatten(), float(found.error.sqrt())

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
        titles = names or list(of.codec.names if isinstance(of.codec, Columns) else [])
        listed = [list(row) for row in values.tolist()] if names else np.asarray(values, float).round(6).tolist()
        return {"kind": "vector", "n": len(x), "columns": titles, "rows": listed}


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


def in_plane(field: Field) -> bool:
    """Are these points, of two numbers each?"""
    codec = field.codec
    return isinstance(codec, Columns) and "events" not in field.extra and [c.width for c in codec.columns] == [1, 1]


def takes_only_x(module: torch.nn.Module) -> bool:
    """Can this discriminator be asked about x alone?"""
    parameters = list(inspect.signature(module.forward).parameters.values())
    return sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) == 1
