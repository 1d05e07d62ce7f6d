"""Columns that say what an example is -> the condition `y`: classes, numbers and attributes, or text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..errors import InputError, nearest
from ..spec import Classes, Columns, Field
from . import order
from .arrays import Array, Group, one_hot
from .fields import MANY, Options, coded, listed, see_labels, see_text
from .sources import Held, stamp

if TYPE_CHECKING:
    import polars as pl

SEEN = 512  # conditions that the spec remembers, to draw from


def check_columns(asked: Iterable[str], known: Sequence[str], where: str) -> None:
    for name in asked:
        if name not in known:
            near = nearest(name, known)
            raise InputError(f"data {where!r} has no column {name!r}{near or '.'} Columns: {listed(known, 30)}")


def condition(
    frame: pl.DataFrame, asked: dict[str, str | None], fit: np.ndarray, where: str, options: Options
) -> Array:
    """One column is classes, or numbers where it holds decimals, or text where hardly two cells are alike, unless its
    kind is told; several are one row of numbers and categories."""
    import polars as pl

    if len(asked) == 1:
        (name, kind), column = next(iter(asked.items())), frame[next(iter(asked))]
        if kind == "text" or (kind is None and column.dtype == pl.String and reads_as_text(column)):
            return see_text(column.cast(pl.String).to_numpy()).array(options)
        decimals = column.dtype.is_float() and not (column == column.round(0)).all()
        if kind == "class" or (kind is None and not decimals):
            return class_array(column, where, name)
    if "text" in asked.values():
        raise InputError(f"data {where!r}: a text is a condition by itself; --labels names {', '.join(asked)}")
    return numbers(frame, asked, fit, where)


def reads_as_text(column: pl.Series) -> bool:
    distinct = column.n_unique()
    return distinct > MANY and distinct > len(column) / 2


def class_array(column: pl.Series, where: str, name: str) -> Array:
    if column.dtype.is_float() and not (column == column.round(0)).all():
        raise InputError(f"data {where!r}: labels are classes; column {name!r} holds decimals")
    whole = column.cast(int) if column.dtype.is_float() else column
    values = whole.to_numpy() if whole.dtype.is_integer() else np.array([str(v) for v in whole])
    try:
        field = see_labels(values).field
    except InputError as error:
        hint = f", or numbers: --labels {name}:number" if whole.dtype.is_integer() else ""
        raise InputError(f"data {where!r}: {error}{hint}") from error
    assert isinstance(field.codec, Classes)
    return Array(field, Held(torch.from_numpy(coded(values, field.codec)), stamp(values)))


def numbers(frame: pl.DataFrame, asked: dict[str, str | None], fit: np.ndarray, where: str) -> Array:
    from .tables import column_values

    found = [column_values(frame[name], kind == "class", fit, where) for name, kind in asked.items()]
    codec = Columns(tuple(c for c, _ in found), table=True)
    mark = stamp(np.stack([v for _, v in found], 1))
    rows = np.stack([v if c.categories else (v - c.mean) / c.std for c, v in found], 1)
    return Array(Field((codec.width,), "vector", codec), Held(torch.from_numpy(rows.astype(np.float32)), mark))


def remembered(group: Group, array: Array) -> Field:
    """The field of a condition, with some of those trained on, `extra["seen"]`."""
    group = replace(group, arrays={"y": array})
    rows = group.read(order.chosen(min(SEEN, len(group)), len(group), order.TAKE))["y"]
    codec = array.field.codec
    seen = one_hot(rows, codec) if isinstance(codec, Columns) else rows.long()
    return replace(array.field, extra=array.field.extra | {"seen": seen.tolist()})


def kept_only(group: Group, only: str | list[str]) -> Group:
    """The examples of some classes."""
    names = [w.strip() for w in only.split(",")] if isinstance(only, str) else [str(w) for w in only]
    codec = group.arrays["y"].field.codec if "y" in group.arrays else None
    if not isinstance(codec, Classes):
        raise InputError(f"only {', '.join(names)}: this data has no classes")
    for name in names:
        if name not in codec.names:
            raise InputError(f"no class {name!r}{nearest(name, codec.names)} The classes are: {', '.join(codec.names)}")
    rows = np.arange(len(group)) if group.rows is None else group.rows
    labels = group.arrays["y"].source.take(rows).numpy()
    kept = rows[np.isin(labels, [codec.names.index(name) for name in names])]
    if not len(kept):
        raise InputError(f"only {', '.join(names)}: no examples are left")
    return replace(group, rows=kept)
