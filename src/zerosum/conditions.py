"""What a user asks for, in words or numbers -> conditions as games see them."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import InputError, nearest
from .game import Game
from .spec import Classes, Column, Columns, Field, Spec, Words, words

One = str | int | float | Mapping[str, Any]
Condition = One | Sequence[One] | None


def conditional(game: Game) -> bool:
    """Can this game be told what to draw?"""
    return "y" in inspect.signature(game.sample).parameters


def understand(
    game: Game, spec: Spec, n: int, condition: Condition, extrapolate: bool = False, name: str = "y"
) -> Tensor | None:
    """The conditions `[n, ...]` that are asked for, in turn; None for None.

    Classes: a name or number, several as "cat,dog". Numbers and attributes: "beam=25", {"beam": 25}, or 25 where there
    is one column; several as "beam=10; beam=20". Columns that are not named are as in the data. Texts: "a red apple",
    several with ; between. A list holds several of any. `extrapolate` allows numbers outside the range trained on.

    Raises InputError for what the game has not learnt, with the nearest that it has.
    """
    if condition is None:
        return None
    if not conditional(game):
        raise InputError(f"{type(game).__name__} cannot be told what to draw: its sample takes no condition")
    y = asked(spec.fields[name], condition, extrapolate)
    return y[torch.arange(n) % len(y)]


def asked(field: Field, condition: Condition, extrapolate: bool = False) -> Tensor:
    """One row for each condition asked for."""
    several = condition if isinstance(condition, list | tuple | np.ndarray) else [condition]
    if not len(several):
        raise InputError("no condition is asked for: the list is empty")
    codec = field.codec
    if isinstance(codec, Classes):
        return torch.tensor([i for one in several for i in classes(codec, one)])
    if isinstance(codec, Words):
        return codec.encode([text for one in several for text in texts(codec, one)])
    assert isinstance(codec, Columns)
    told = [given for one in several for given in assignments(codec, one)]
    return torch.stack([row(field, codec, given, i, extrapolate) for i, given in enumerate(told)])


def classes(codec: Classes, one: Any) -> list[int]:
    """Numbers of the classes, "cat" or "cat,dog" or "cat; dog" or 3."""
    known = codec.names
    found = []
    for word in [one] if one in known else [w.strip() for w in re.split("[,;]", str(one))]:
        if word not in known and not (word.isdecimal() and int(word) < len(known)):
            raise InputError(f"no class {word!r}{nearest(word, known)} The classes are: {', '.join(known)}")
        found.append(known.index(word) if word in known else int(word))
    return found


def texts(codec: Words, one: Any) -> list[str]:
    """Captions whose words are all known."""
    if not isinstance(one, str):
        raise InputError(f"the condition is a caption, such as 'a red apple'; not {one!r}")
    found = [part.strip() for part in one.split(";")]
    for text in found:
        spoken = words(text)
        if not spoken:
            raise InputError("the caption is empty; say what is to be drawn, in words of the captions trained on")
        for word in spoken:
            if word not in codec.number:
                raise InputError(
                    f"the captions trained on have no word {word!r}{nearest(word, codec.vocabulary)} "
                    f"Words: {', '.join(codec.vocabulary[:30])}{', ...' if len(codec.vocabulary) > 30 else ''}"
                )
        if len(spoken) > codec.length:
            raise InputError(f"{text!r} has {len(spoken)} words; the captions trained on have {codec.length} at most")
    return found


def assignments(codec: Columns, one: Any) -> list[dict[str, Any]]:
    """ "beam=10; beam=20" -> [{"beam": "10"}, {"beam": "20"}]; a bare value is of the only column."""
    if isinstance(one, Mapping):
        return [dict(one)]
    names = [c.name for c in codec.columns]
    found = []
    for part in str(one).split(";"):
        given = {}
        for word in part.split(","):
            name, equals, value = word.partition("=")
            if not equals and len(names) > 1:
                raise InputError(
                    f"condition {word.strip()!r} of which column? {names[0]}=..., of: {', '.join(names[:30])}"
                )
            given[name.strip() if equals else names[0]] = value.strip() if equals else name.strip()
        found.append(given)
    return found


def row(field: Field, codec: Columns, given: Mapping[str, Any], i: int, extrapolate: bool) -> Tensor:
    """One encoded row; columns that are not given are those of the i-th condition seen in training."""
    names = [c.name for c in codec.columns]
    for name in given:
        if name not in names:
            raise InputError(f"no condition {name!r}{nearest(name, names)} Conditions: {', '.join(names[:30])}")
    seen = field.extra.get("seen", [])
    y = torch.tensor(seen[i % len(seen)], dtype=torch.float32) if seen else torch.zeros(codec.width)
    for column, block in zip(codec.columns, codec.blocks, strict=True):
        if column.name not in given:
            continue
        if column.categories:
            y[block] = 0.0
            y[block.start + category(column, given[column.name])] = 1.0
        else:
            y[block] = (number(column, given[column.name], extrapolate) - column.mean) / column.std
    return y


def category(column: Column, value: Any) -> int:
    known = [str(c) for c in column.categories]
    if str(value) not in known:
        near = nearest(str(value), known)
        raise InputError(f"{column.name} is never {str(value)!r}{near} It is one of: {', '.join(known[:30])}")
    return known.index(str(value))


def number(column: Column, value: Any, extrapolate: bool) -> float:
    """A number in the range trained on, or beyond it where that is allowed, and said."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{column.name} must be a number, as {column.name}={column.mean:g}; not {value!r}") from None
    if not np.isfinite(found):
        raise InputError(f"{column.name} must be a finite number, not {found}")
    low, high = column.low, column.high
    if low is not None and high is not None and not low <= found <= high:
        outside = f"{column.name}={found:g} lies outside of what was trained on, {low:g} to {high:g}"
        if not extrapolate:
            raise InputError(f"{outside}; allow it with --extrapolate (extrapolate=True)")
        print(f"zerosum: {outside}: nothing vouches for such samples", file=sys.stderr)
    return found


def columns(field: Field, y: Tensor, name: str = "y") -> dict[str, np.ndarray]:
    """Conditions as columns of a table, in the user's units: under `name`, or under the names of their own columns."""
    codec = field.codec
    if not isinstance(codec, Columns):
        return {name: field.decode(y)}
    unbounded = replace(codec, columns=tuple(replace(c, low=None, high=None) for c in codec.columns))
    values = unbounded.decode(y)
    if values.dtype.names is not None:
        return {column: values[column] for column in values.dtype.names}
    return {c.name: values[:, i] for i, c in enumerate(codec.columns)}


def caption(field: Field, y: Tensor) -> list[str]:
    """Each condition in a few words, as it would be asked for."""
    told = columns(field, y)
    if not isinstance(field.codec, Columns):
        return [str(v) for v in told["y"]]
    return [
        ", ".join(
            f"{name}={v:.4g}" if isinstance(v, float) else f"{name}={v}" for name, v in zip(told, row, strict=True)
        )
        for row in zip(*(v.tolist() for v in told.values()), strict=True)
    ]


def some(field: Field, n: int) -> Tensor:
    """Up to `n` different conditions of the data: every class, or numbers and texts that were seen."""
    if field.kind == "label":
        return torch.arange(min(n, len(field.classes)))
    seen = field.extra.get("seen", [])
    distinct = list(dict.fromkeys(tuple(row) for row in seen))[:n]
    kind = torch.int64 if field.kind == "text" else torch.float32
    return torch.tensor(distinct, dtype=kind).reshape(-1, *field.shape)
