"""Data: named arrays with a spec, and batches that are a pure function of (seed, position)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..game import Batch
from ..spec import Classes, Columns, Field, Pixels, Spec, Words
from . import order
from .sources import Source


@dataclass(frozen=True, eq=False)
class Array:
    """One named array: what it is, and where its examples are read."""

    field: Field
    source: Source

    def ready(self, stored: Tensor) -> Tensor:
        """Examples as the source keeps them -> as games see them."""
        codec = self.field.codec
        if isinstance(codec, Pixels):
            return codec.encode(stored)
        if isinstance(codec, Classes | Words):
            return stored.long()
        return one_hot(stored, codec)


def one_hot(rows: Tensor, codec: Columns) -> Tensor:
    """`[n, columns]` of standardised numbers and category codes -> `[n, width]`, each category a block of its own."""
    if not any(c.categories for c in codec.columns):
        return rows.float()
    coded = torch.tensor([bool(c.categories) for c in codec.columns], device=rows.device)
    start = torch.tensor([b.start for b in codec.blocks], device=rows.device)
    out = torch.zeros(len(rows), codec.width, device=rows.device)
    out[:, start[~coded]] = rows[:, ~coded].float()
    return out.scatter_(1, start[coded] + rows[:, coded].long(), 1.0)


@dataclass(frozen=True, eq=False)
class Group:
    """Arrays that are read with the same index. `number` tells its random order from other groups'."""

    arrays: dict[str, Array]
    number: int = 0
    rows: np.ndarray | None = None  # the examples of the sources that belong here; None for all
    cumulative: np.ndarray | None = None  # running sum of probabilities; None for a shuffled order

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())).source) if self.rows is None else len(self.rows)

    def at(self, start: int, stop: int, seed: int) -> np.ndarray:
        """Which examples of this group stand at positions `start`..`stop`-1."""
        if self.cumulative is not None:
            return order.drawn(seed, self.number, self.cumulative, start, stop)
        return order.shuffled(seed, self.number, len(self), start, stop)

    def read(self, index: np.ndarray, device: str | torch.device = "cpu") -> dict[str, Tensor]:
        """These examples of every array, as the sources keep them."""
        index = index if self.rows is None else self.rows[index]
        return {name: array.source.take(index, device) for name, array in self.arrays.items()}


Stored = tuple[dict[str, Tensor], np.ndarray | None, np.ndarray | None]  # examples; which to flip; where to crop


@dataclass(frozen=True, eq=False)
class Data:
    """Arrays, their spec, and an endless shuffled order of examples.

    Position p shows example P(p mod N) of epoch p // N, N = `len(data)`, so that each epoch holds each example once
    (see `order`). Independent groups, such as unpaired a and b, each have their own order and length.
    """

    name: str  # short, safe in a folder's name
    groups: tuple[Group, ...]
    source: str = "memory"  # what `open` takes to find it again
    options: dict[str, Any] = field(default_factory=dict)  # and the keyword arguments
    flip: bool = False
    crop: tuple[int, int] | None = None  # (h, w) that is cut out of each picture, of the largest array of its group
    notes: list[str] = field(default_factory=list)
    others: tuple[Group, ...] | None = None  # of the held-out part; None where there is none

    @cached_property
    def spec(self) -> Spec:
        return Spec(
            **{name: self._field(group, array) for group in self.groups for name, array in group.arrays.items()}
        )

    def _field(self, group: Group, array: Array) -> Field:
        """What games see of an array: where pictures are cropped, what is left of them."""
        if self.crop is None or array.field.kind != "image":
            return array.field
        return replace(array.field, shape=(array.field.shape[0], *cut(self.crop, group, array)))

    @property
    def train(self) -> Data:
        return self

    @property
    def held_out(self) -> Data:
        """Examples that are never trained on; the data itself where nothing was held out (a note says so)."""
        return self if self.others is None else replace(self, groups=self.others, flip=False, others=None)

    def __len__(self) -> int:
        return len(self.groups[0])

    def __repr__(self) -> str:
        return f"Data({self.name!r}, {len(self):,} examples, {self.spec})"

    def batch(
        self, position: int, n: int, *, seed: int = 0, rank: int = 0, world: int = 1, device: str | torch.device = "cpu"
    ) -> Batch:
        """The examples at positions `position`..`position + n - 1`; of these, every `world`-th from `rank` on."""
        return self._ready(self._stored(position, n, seed, rank, world, device), device)

    def stream(
        self,
        position: int,
        n: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        device: str | torch.device = "cpu",
        workers: int = 0,
    ) -> Iterator[Batch]:
        """Consecutive batches from `position` on, for ever: what `batch` gives at position, position + n, ...

        Files are read by `workers` processes, where there are any; the batches are the same whatever their number.
        """
        if workers and not all(array.source.held for group in self.groups for array in group.arrays.values()):
            from .workers import read_ahead

            for stored in read_ahead(self, position, n, seed, rank, world, workers):
                yield self._ready(stored, device)
        while True:
            yield self.batch(position, n, seed=seed, rank=rank, world=world, device=device)
            position += n

    def take(self, n: int, seed: int = 0) -> Batch:
        """`n` distinct random examples of each group, all where there are no more; unflipped, cropped at the centre."""
        stored = [
            (group.read(order.chosen(n, len(group), order.TAKE, seed, group.number)), None, None)
            for group in self.groups
        ]
        return self._ready(stored, "cpu")

    def all(self, name: str = "x", limit: int | None = None) -> Tensor:
        """Array `name` as games see it, in the order of the source, float32 `[n, *shape]` (labels int64)."""
        group = next((g for g in self.groups if name in g.arrays), None)
        if group is None:
            raise InputError(f"data {self.name!r} has no array {name!r}; it has {', '.join(self.spec.fields)}")
        one = replace(group, arrays={name: group.arrays[name]})
        n = len(one) if limit is None else min(limit, len(one))
        parts = [one.read(np.arange(i, min(i + 4096, n))) for i in range(0, n, 4096)]
        return torch.cat([self._seen(group, name, part[name]) for part in parts])

    def reweighted(self, weights: Tensor) -> Data:
        """The same data, the first group's examples drawn with replacement in proportion to `weights` `[len(self)]`."""
        w = weights.detach().cpu().double().numpy()
        if w.shape != (len(self),) or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
            raise InputError(
                f"weights must be {len(self)} numbers of 0 or more, one for each example, and not all 0; "
                f"these have shape {list(w.shape)}, smallest {w.min(initial=np.inf)}, sum {w.sum()}"
            )
        return replace(self, groups=(replace(self.groups[0], cumulative=w.cumsum()), *self.groups[1:]))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of shapes and content (of a sample, where there is much), to notice at resume that the data changed."""
        digest = hashlib.blake2b(digest_size=16)
        for group in self.groups:
            digest.update(repr([(name, a.field.shape, a.source.stamp) for name, a in group.arrays.items()]).encode())
            digest.update(str(len(group)).encode() if group.rows is None else group.rows.tobytes())
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """What the door saw, JSON-able: source, counts, shapes, ranges, classes with counts, columns, notes."""
        from .describe import describe

        return describe(self)

    def _stored(
        self, position: int, n: int, seed: int, rank: int, world: int, device: str | torch.device
    ) -> list[Stored]:
        """For each group the examples as the sources keep them, which of them to flip, and where to crop them."""
        mine = slice(rank, None, world)
        return [
            (
                group.read(group.at(position, position + n, seed)[mine], device),
                order.coins(seed, group.number, position, position + n)[mine] if self.flip else None,
                order.places(seed, group.number, position, position + n)[mine] if self.crop else None,
            )
            for group in self.groups
        ]

    def _seen(self, group: Group, name: str, values: Tensor, places: np.ndarray | None = None) -> Tensor:
        """Examples of an array as games see them, cropped at `places`, or at the centre."""
        array = group.arrays[name]
        x = array.ready(values)
        if self.crop is None or array.field.kind != "image":
            return x
        heights = [a.field.shape[1] for a in group.arrays.values() if a.field.kind == "image"]
        return cropped(x, cut(self.crop, group, array), array.field.shape[1] // min(heights), places)

    def _ready(self, stored: Sequence[Stored], device: str | torch.device) -> Batch:
        out = {}
        for group, (tensors, flips, places) in zip(self.groups, stored, strict=True):
            for name, values in tensors.items():
                x = self._seen(group, name, values.to(device, non_blocking=True), places)
                if flips is not None and group.arrays[name].field.kind == "image":
                    x = torch.where(torch.from_numpy(flips).to(x.device)[:, None, None, None], x.flip(-1), x)
                out[name] = x
        return Batch(**out)


def cut(crop: tuple[int, int], group: Group, array: Array) -> tuple[int, int]:
    """Height and width of this array's crops: of pairs in two resolutions the same cut-out of both."""
    by = max(a.field.shape[1] for a in group.arrays.values() if a.field.kind == "image") // array.field.shape[1]
    return crop[0] // by, crop[1] // by


def cropped(x: Tensor, size: tuple[int, int], step: int, places: np.ndarray | None) -> Tensor:
    """A cut-out of each picture, at `places` in [0, 1), or at the centre; corners are multiples of `step`."""
    (h, w), free = size, np.array([x.shape[2] - size[0], x.shape[3] - size[1]]) // step
    if places is None:
        top, left = free // 2 * step
        return x[..., top : top + h, left : left + w]
    corners = (places * (free + 1)).astype(int) * step
    return torch.stack([v[:, t : t + h, s : s + w] for v, (t, s) in zip(x, corners.tolist(), strict=True)])
