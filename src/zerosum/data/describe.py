"""What the door saw, as plain values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spec import Classes, Column, Pixels, Words

if TYPE_CHECKING:
    from .arrays import Array, Data, Group


def describe(data: Data) -> dict[str, Any]:
    """JSON-able: name, source, counts, each array's shape and range or classes or columns, and the door's notes."""
    held = 0 if data.others is None else len(data.held_out)
    return {
        "name": data.name,
        "source": data.source,
        "options": data.options,
        "examples": len(data),
        "held_out": held,
        "arrays": {name: _array(array, group) for group in data.groups for name, array in group.arrays.items()},
        "fingerprint": data.fingerprint,
        "notes": list(data.notes),
    }


def _array(array: Array, group: Group) -> dict[str, Any]:
    field, codec = array.field, array.field.codec
    out: dict[str, Any] = {"kind": field.kind, "shape": list(field.shape), "examples": len(group)}
    out["stored"] = "in memory" if array.source.held else "read from disk"
    if isinstance(codec, Pixels):
        return out | {"dtype": codec.dtype, "range": [codec.low, codec.high], "layout": codec.layout}
    if isinstance(codec, Classes):
        return out | {"classes": _counts(_stored(array, group), codec.names)}
    if isinstance(codec, Words):
        few = codec.decode(array.source.take(np.arange(min(5, len(array.source)))))
        return out | {"vocabulary": len(codec.vocabulary), "longest": codec.length, "first": few.tolist()}
    rows = _stored(array, group) if any(c.categories for c in codec.columns) else None
    if "events" in field.extra:
        out["events"] = field.extra["events"]
    return out | {"columns": [_column(c, None if rows is None else rows[:, i]) for i, c in enumerate(codec.columns)]}


def _stored(array: Array, group: Group) -> np.ndarray:
    return array.source.take(np.arange(len(array.source)) if group.rows is None else group.rows).numpy()


def _counts(codes: np.ndarray, names: tuple[Any, ...]) -> dict[str, int]:
    found = Counter(codes.astype(int).tolist())
    return {str(name): found[i] for i, name in enumerate(names)}


def _column(column: Column, codes: np.ndarray | None) -> dict[str, Any]:
    if column.categories and codes is not None:
        return {"name": column.name, "categories": _counts(codes, column.categories)}
    return {
        "name": column.name,
        "mean": column.mean,
        "std": column.std,
        "range": [column.low, column.high],
        "decimals": column.decimals,
    }
