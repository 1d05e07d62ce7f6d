"""What data looks like, to games and to users.

Games see tensors: images in [-1, 1] as `[n, c, h, w]`, rows as `[n, d]` with numbers standardised and categories
one-hot, labels as integers `[n]`, texts as numbers of words `[n, length]`. A `Field` describes one such array and holds
the codec that leads back to the user's own units. A `Spec` is the named fields of a data set; it is plain values, so it
travels with every checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """Linear map between the user's pixel values in [low, high] and [-1, 1]."""

    low: float = 0.0
    high: float = 255.0
    dtype: str = "uint8"
    layout: str = "chw"  # of one picture as the user has it: "hw", "hwc" or "chw"

    def encode(self, values: Tensor) -> Tensor:
        """`[n, c, h, w]` in the user's range -> float32 in [-1, 1]."""
        return (values.to(torch.float32) - self.low) * (2 / (self.high - self.low)) - 1

    def decode(self, x: Tensor) -> np.ndarray:
        """`[n, c, h, w]` in [-1, 1] -> the user's range, dtype and layout, clipped to [low, high]."""
        values = (x.detach().cpu().double().clamp(-1, 1) + 1) * ((self.high - self.low) / 2) + self.low
        out = as_type(values.numpy(), self.dtype)
        return {"hw": lambda v: v[:, 0], "hwc": lambda v: v.transpose(0, 2, 3, 1), "chw": lambda v: v}[self.layout](out)


def as_type(values: np.ndarray, dtype: str) -> np.ndarray:
    """Numbers as a dtype; integers rounded, and kept within what the dtype holds."""
    if np.issubdtype(np.dtype(dtype), np.integer):
        limits = np.iinfo(dtype)
        values = values.round().clip(limits.min, limits.max)
    return values.astype(dtype)


@dataclass(frozen=True)
class Column:
    """One column of a table. Numbers are standardised; `categories`, where there are any, are one-hot."""

    name: str
    mean: float = 0.0
    std: float = 1.0
    low: float | None = None  # range of the training data, in the user's units
    high: float | None = None
    decimals: int | None = (
        None  # digits after the point to round to; 0 for whole numbers, None for as many as there are
    )
    categories: tuple[Any, ...] = ()

    @property
    def width(self) -> int:
        return len(self.categories) or 1


@dataclass(frozen=True)
class Columns:
    """Rows of numbers and categories. `table` tells a named table (decoded to a structured array) from a bare array."""

    columns: tuple[Column, ...]
    dtype: str = "float32"  # of a bare array
    table: bool = False

    @property
    def width(self) -> int:
        return sum(c.width for c in self.columns)

    @property
    def written(self) -> int:
        """Values of a row that a generator writes; the rest, where there is any, follows from them."""
        return self.width

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns in the user's units."""
        return tuple(c.name for c in self.columns)

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """Where each column lies in the encoded row."""
        ends = np.cumsum([c.width for c in self.columns]).tolist()
        return tuple(slice(end - c.width, end) for c, end in zip(self.columns, ends, strict=True))

    @cached_property
    def affine(self) -> tuple[Tensor, Tensor]:
        """Mean and spread of each value of the encoded row, float64."""
        mean = [m for c in self.columns for m in [0.0 if c.categories else c.mean] * c.width]
        std = [s for c in self.columns for s in [1.0 if c.categories else c.std] * c.width]
        return torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)

    def encode(self, values: Tensor) -> Tensor:
        """`[n, width]` in the user's units (categories already one-hot) -> standardised float32."""
        mean, std = (v.to(values.device, torch.float32) for v in self.affine)
        return (values.to(torch.float32) - mean) / std

    def decode(self, x: Tensor) -> np.ndarray:
        """`[n, width]` -> a bare array `[n, columns]`, or a structured array with one named field a column."""
        mean, std = self.affine
        return self.values((x.detach().cpu().double() * std + mean).numpy())

    def rows(self, values: np.ndarray) -> Tensor:
        """What `decode` gives -> `[n, width]`, float64. A category that is not known here is none of those that are."""
        parts = []
        for i, c in enumerate(self.columns):
            column = values[c.name] if values.dtype.names else values[:, i]
            if c.categories:
                parts.append(torch.tensor(column[:, None] == np.array(c.categories, dtype=object), dtype=torch.float64))
            else:
                parts.append((torch.tensor(column.astype(np.float64)) - c.mean)[:, None] / c.std)
        return torch.cat(parts, 1)

    def values(self, values: np.ndarray) -> np.ndarray:
        """`[n, width]` in the user's units -> what `decode` gives."""
        out = [self._decode_column(c, values[:, block]) for c, block in zip(self.columns, self.blocks, strict=True)]
        if not self.table:
            return as_type(np.stack(out, 1), self.dtype)
        rows = np.empty(len(values), dtype=[(c.name, v.dtype) for c, v in zip(self.columns, out, strict=True)])
        for c, v in zip(self.columns, out, strict=True):
            rows[c.name] = v if c.categories else self._within(c, v)
        return rows

    @staticmethod
    def _decode_column(column: Column, values: np.ndarray) -> np.ndarray:
        if column.categories:
            return np.array(column.categories, dtype=object)[values.argmax(1)]
        v = values[:, 0]
        if column.decimals is None:
            return v
        v = v.round(column.decimals)
        return v.astype(np.int64) if column.decimals == 0 else v

    @staticmethod
    def _within(column: Column, values: np.ndarray) -> np.ndarray:
        """Numbers of a named table stay in the range of the training data: no age below zero."""
        return values if column.low is None or column.high is None else values.clip(column.low, column.high)


@dataclass(frozen=True)
class Classes:
    """Names of the classes that an integer label counts, and how often each is in the training data."""

    names: tuple[str, ...]
    shares: tuple[float, ...] = ()  # of each class; empty: all alike

    def decode(self, y: Tensor) -> np.ndarray:
        return np.array(self.names, dtype=object)[y.detach().cpu().numpy()]


WORD = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """The words and marks of a text, in lower case."""
    return WORD.findall(text.lower())


@dataclass(frozen=True)
class Words:
    """Texts of at most `length` words, each word by its number in the vocabulary, counted from 1; 0 is no word."""

    vocabulary: tuple[str, ...]
    length: int

    @cached_property
    def number(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.vocabulary, 1)}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Texts -> `[n, length]`. Words beyond the length, or of no vocabulary (KeyError), are not for here."""
        rows = [[self.number[w] for w in words(text)] for text in texts]
        return torch.tensor([row + [0] * (self.length - len(row)) for row in rows], dtype=torch.int64)

    def decode(self, y: Tensor) -> np.ndarray:
        """Words joined by spaces, marks without one before them."""
        texts = [" ".join(self.vocabulary[i - 1] for i in row if i) for row in y.detach().cpu().tolist()]
        return np.array([re.sub(r" ([,.!?;:])", r"\1", text) for text in texts], dtype=object)


Codec = Pixels | Columns | Classes | Words


@dataclass(frozen=True)
class Field:
    """One named array, as games see it.

    `shape` is one example's: `(c, h, w)` for an image, `(d,)` for a vector, `()` for a label, `(length,)` for a text.
    `kind` is "image", "vector", "label" or "text". `extra` holds facts that only some data has, such as the centres of
    a toy mixture's modes (`{"modes": [[x, y], ...], "mode_std": s}`, in the user's units), or, of a condition, some of
    those trained on (`{"seen": [row, ...]}`, as games see them).
    """

    shape: tuple[int, ...]
    kind: str
    codec: Codec
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        """Values in one example."""
        return int(np.prod(self.shape))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.codec.names if isinstance(self.codec, Classes) else ()

    @property
    def shares(self) -> tuple[float, ...]:
        """How often each class is in the training data."""
        n = len(self.classes)
        return (isinstance(self.codec, Classes) and self.codec.shares) or (1 / max(n, 1),) * n

    @property
    def categorical(self) -> tuple[slice, ...]:
        """The one-hot blocks of a row."""
        if not isinstance(self.codec, Columns):
            return ()
        return tuple(b for c, b in zip(self.codec.columns, self.codec.blocks, strict=True) if c.categories)

    @property
    def written(self) -> tuple[int, ...]:
        """The shape of what a generator writes of one example; the rest of a row, if there is any, follows from it."""
        return (self.codec.written,) if isinstance(self.codec, Columns) else self.shape

    def decode(self, x: Tensor) -> np.ndarray:
        """Back to the user's own units."""
        return self.codec.decode(x)

    def __str__(self) -> str:
        if self.kind == "label":
            return f"label, {len(self.classes)} classes"
        if isinstance(self.codec, Words):
            return f"text of {self.codec.length} words at most, {len(self.codec.vocabulary)} in all"
        return f"{self.kind} {'x'.join(map(str, self.shape))}"


class Spec:
    """The named fields of a data set: `spec.x`, `spec.y`, `spec.a`..."""

    def __init__(self, **fields: Field):
        self.fields = fields

    def __getattr__(self, name: str) -> Field:
        fields = self.__dict__.get("fields", {})  # none yet while it is being copied
        if name not in fields:
            raise AttributeError(f"this data has no array {name!r}; it has {', '.join(fields)}")
        return fields[name]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {f}" for name, f in self.fields.items())

    def like(self, a: str, b: str) -> bool:
        """Are pictures a and b equally high and wide, or rows of the same length?"""
        fields = self.fields[a], self.fields[b]
        one, other = (f.shape[1:] if f.kind == "image" else f.shape for f in fields)
        return fields[0].kind == fields[1].kind and one == other

    def to_json(self) -> dict[str, Any]:
        """Plain values that `Spec.from_json` reads back."""
        return {
            name: {
                "shape": list(f.shape),
                "kind": f.kind,
                "extra": f.extra,
                type(f.codec).__name__.lower(): asdict(f.codec),
            }
            for name, f in self.fields.items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Spec:
        return cls(**{name: _field(v) for name, v in values.items()})


def _field(v: dict[str, Any]) -> Field:
    codec: Codec
    if "pixels" in v:
        codec = Pixels(**v["pixels"])
    elif "classes" in v:
        codec = Classes(tuple(v["classes"]["names"]), tuple(v["classes"].get("shares", ())))
    elif "words" in v:
        codec = Words(tuple(v["words"]["vocabulary"]), v["words"]["length"])
    elif "features" in v:
        from .features import Features

        f = v["features"]
        codec = Features.from_json(f, _columns(f).columns, _columns(f["user"]))
    else:
        codec = _columns(v["columns"])
    return Field(tuple(v["shape"]), v["kind"], codec, v["extra"])


def _columns(c: dict[str, Any]) -> Columns:
    columns = tuple(Column(**{**column, "categories": tuple(column["categories"])}) for column in c["columns"])
    return Columns(columns, c["dtype"], c["table"])
