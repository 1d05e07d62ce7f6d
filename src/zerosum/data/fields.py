"""What an array is: pictures, rows of numbers, or labels; and how it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError
from ..spec import Classes, Column, Columns, Field, Pixels, Words, words
from . import order
from .arrays import Array, Group
from .sources import Held, Mapped, pixels, stamp

CHANNELS = (1, 3, 4)  # sizes of an axis that is taken for the channels
KINDS = ("class", "number", "text")  # of a condition, as "age:number" names one
LABELLED = ("y", "identity")  # arrays whose whole numbers and words are classes
LONGEST = 256  # words of a caption
MANY = 50  # classes beyond which labels must repeat


@dataclass(frozen=True)
class Options:
    """The keyword arguments of `zerosum.data`, checked. `size` is (h, w)."""

    columns: str | list[str] | None = None
    labels: str | None = None
    size: tuple[int, int] | None = None
    crop: str | int | tuple[int, int] | None = None
    flip: bool = False
    unpaired: bool = False
    bad_files: str = "stop"
    missing: str = "stop"
    holdout: float = 0.1
    limit: int | None = None
    data_dir: str | None = None
    memory: float = 2.0  # GiB

    def fits(self, size: int) -> bool:
        """Do so many bytes fit in memory?"""
        return size <= self.memory * 2**30

    def split(self, n: int, apart: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The examples of `n` to train on and those to hold out (none where a test set lies `apart`), both sorted."""
        if n < 2:
            raise InputError(f"at least 2 examples are needed; there {'is 1' if n == 1 else 'are none'}")
        pool = np.arange(n)
        if self.limit is not None and self.limit < n:
            pool = np.sort(order.chosen(self.limit, n, order.LIMIT))
        held = 0 if apart or not self.holdout else max(1, round(self.holdout * len(pool)))
        out = np.zeros(len(pool), bool)
        out[order.chosen(held, len(pool), order.SPLIT)] = True
        return pool[~out], pool[out]


@dataclass(frozen=True)
class Seen:
    """An array recognised: `values` are pictures in the field's layout, `[n, d]` rows, or `[n]` labels."""

    field: Field
    values: np.ndarray
    notes: tuple[str, ...] = ()

    def array(self, options: Options, values: np.ndarray | None = None) -> Array:
        """The array to read batches from; or another one like it, of `values`, such as its test set."""
        values = self.values if values is None else values
        codec, mark = self.field.codec, stamp(values)
        if isinstance(codec, Classes):
            return Array(self.field, Held(torch.from_numpy(coded(values, codec)), mark))
        if isinstance(codec, Words):
            return Array(self.field, Held(spelled(values, codec), mark))
        mapped = isinstance(values, np.memmap) and not options.fits(values.nbytes)
        if isinstance(codec, Pixels):
            if mapped:
                return Array(self.field, Mapped(values, mark, codec.layout, options.size))
            return Array(self.field, Held(pixels(values, codec.layout, options.size), mark))
        mean, std = (np.array([getattr(c, part) for c in codec.columns]) for part in ("mean", "std"))
        if mapped:
            return Array(self.field, Mapped(values, mark, mean=mean, std=std))
        rows = np.concatenate([((part - mean) / std).astype(np.float32) for part in chunks(values)])
        return Array(self.field, Held(torch.from_numpy(rows), mark))


def see(values: np.ndarray, name: str, options: Options, fit: np.ndarray, channels_first: bool = False) -> Seen:
    """Recognise array `name`. Numbers are standardised by the examples `fit`.

    `[n, h, w]`, `[n, h, w, c]`, `[n, c, h, w]` are pictures, `[n]` and `[n, d]` rows, except that an array named y
    which holds whole numbers or words is labels, and captions where hardly two are alike. `channels_first` decides
    where the axes allow both.
    """
    if values.dtype.kind in "US" or values.dtype == object:
        if name not in LABELLED:
            raise InputError(f"array {name!r} holds {values.dtype}; zerosum reads numbers, and text only as labels 'y'")
        return see_text(values) if name == "y" and is_text(values, options) else see_labels(values)
    if values.dtype.kind not in "buif":
        raise InputError(f"array {name!r} has dtype {values.dtype}; numbers are needed")
    numbers = name == "y" and "number" in asked_columns(options.labels).values()
    if (
        name == "y"
        and not numbers
        and values.ndim == 1
        and (values.dtype.kind in "bui" or bool((values == np.floor(values)).all()))
    ):
        return see_labels(values if values.dtype.kind in "bui" else values.astype(np.int64))
    if not values.size:
        raise InputError(f"array {name!r} is empty: its shape is {list(values.shape)}")
    if options.size and values.ndim == 2 and name != "y":
        values = unrolled(values, name, options.size)
    if values.ndim in (3, 4):
        return see_pictures(values, name, options, channels_first)
    if values.ndim in (1, 2):
        return see_rows(values.reshape(len(values), -1), name, options, fit)
    raise InputError(
        f"array {name!r} has shape {list(values.shape)}; "
        "pictures are [n, h, w], [n, h, w, c] or [n, c, h, w], rows of numbers [n, d]"
    )


def unrolled(values: np.ndarray, name: str, size: tuple[int, int]) -> np.ndarray:
    """Rows that are pictures rolled out, such as `[n, 784]`, -> `[n, h, w]` or `[n, h, w, c]`."""
    h, w = size
    channels, rest = divmod(values.shape[1], h * w)
    if rest or not channels:
        raise InputError(f"array {name!r} has {values.shape[1]} numbers a row, which is no multiple of {h}x{w}")
    return values.reshape((len(values), h, w) if channels == 1 else (len(values), h, w, channels))


def see_labels(values: np.ndarray) -> Seen:
    if values.ndim != 1:
        raise InputError(f"labels must be [n]; these have shape {list(values.shape)}")
    distinct = np.unique(values.astype(str) if values.dtype == object else values)
    if len(distinct) > MANY and len(distinct) > len(values) / 2:
        raise InputError(
            f"labels y hold {len(distinct):,} different values in {len(values):,} examples; labels are classes"
        )
    return Seen(Field((), "label", Classes(tuple(str(v) for v in distinct))), values)


def asked_columns(labels: str | None) -> dict[str, str | None]:
    """ "age:number,glasses" -> {"age": "number", "glasses": None}."""
    found: dict[str, str | None] = {}
    for word in (w.strip() for w in (labels or "").split(",") if w.strip()):
        name, colon, kind = word.rpartition(":")
        found[name if colon and kind in KINDS else word] = kind if colon and kind in KINDS else None
    return found


def is_text(values: np.ndarray, options: Options) -> bool:
    """Are labels captions? Where it is said, "y:text", or they are too many different ones to be classes."""
    if "text" in asked_columns(options.labels).values():
        return True
    distinct = np.unique(values.astype(str))
    spaced = np.char.count(distinct, " ").mean() >= 2  # sentences, if some are used again
    return len(distinct) > MANY and (len(distinct) > len(values) / 2 or bool(spaced))


def see_text(values: np.ndarray) -> Seen:
    """Captions, whose vocabulary is all words that occur."""
    spoken = [words(str(text)) for text in values.ravel()]
    empty = [i + 1 for i, found in enumerate(spoken) if not found]
    if empty:
        told = ", ".join(map(str, empty[:5])) + (", ..." if len(empty) > 5 else "")
        raise InputError(f"{len(empty):,} of {len(spoken):,} captions have no words (number {told}, counted from 1)")
    length = max(map(len, spoken))
    if length > LONGEST:
        i = max(range(len(spoken)), key=lambda i: len(spoken[i]))
        raise InputError(f"caption {i + 1} has {length:,} words; at most {LONGEST} are read")
    return Seen(Field((length,), "text", Words(tuple(sorted({w for found in spoken for w in found})), length)), values)


def spelled(values: np.ndarray, codec: Words) -> torch.Tensor:
    """Captions -> numbers of their words. Those of a test set may hold no others, nor be longer."""
    texts = [str(text) for text in values]
    unknown = sorted({w for text in texts for w in words(text)} - codec.number.keys())
    if unknown:
        raise InputError(f"the test set's captions have words that the training set's do not: {listed(unknown)}")
    if max(len(words(text)) for text in texts) > codec.length:
        raise InputError(f"the test set has captions longer than the training set's longest, {codec.length} words")
    return codec.encode(texts)


def coded(values: np.ndarray, codec: Classes) -> np.ndarray:
    """Labels -> int64 numbers of their classes."""
    distinct, inverse = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)
    number = {name: i for i, name in enumerate(codec.names)}
    unknown = [str(v) for v in distinct if str(v) not in number]
    if unknown:
        raise InputError(f"the test set has classes that the training set does not: {', '.join(unknown[:5])}")
    return np.array([number[str(v)] for v in distinct], np.int64)[inverse]


def see_pictures(values: np.ndarray, name: str, options: Options, channels_first: bool) -> Seen:
    layout, notes = layout_of(values.shape, channels_first), []
    if values.ndim == 4 and values.shape[1] not in CHANNELS and values.shape[3] not in CHANNELS:
        notes.append(f"{name}: shape {list(values.shape)} read as [n, {', '.join(layout)}]")
    axes = dict(zip(layout, values.shape[1:], strict=True))
    h, w = options.size or (axes["h"], axes["w"])
    low, high = range_of(values, name)
    dtype = "uint8" if values.dtype == np.bool_ else values.dtype.name
    if (low, high) != (0, 255) or dtype != "uint8":
        notes.append(f"{name}: {values.dtype.name} pictures, values {low:g} to {high:g} mapped to -1..1")
    return Seen(Field((axes.get("c", 1), h, w), "image", Pixels(low, high, dtype, layout)), values, tuple(notes))


def layout_of(shape: Sequence[int], channels_first: bool) -> str:
    """Of one picture: "hw", "hwc" or "chw"."""
    if len(shape) == 3:
        return "hw"
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first != last:
        return "chw" if first else "hwc"
    return "chw" if channels_first or (not first and shape[1] < shape[3]) else "hwc"


def range_of(values: np.ndarray, name: str) -> tuple[float, float]:
    """The values that become -1 and 1.

    Whole numbers: 0 and the largest of the bit depth, 255, 1023, 4095...; the largest value itself where it is 127 or
    less. Decimals: 0..1 or -1..1 where they lie within, 0..255 where that is likely. Else the smallest and largest.
    """
    if values.dtype == np.bool_:
        return 0.0, 1.0
    lows, highs = zip(*((float(v.min()), float(v.max())) for v in chunks(values)), strict=True)
    low, high = min(lows), max(highs)
    if not np.isfinite([*lows, *highs]).all():
        raise InputError(f"pictures {name!r} hold NaN or infinite values; replace them before training")
    if values.dtype.kind == "f":
        bottom = 0.0 if low >= 0 else -1.0
        if bottom <= low and high <= 1:
            return bottom, 1.0
    if low < 0 or high == 0 or (values.dtype.kind == "f" and not 127 < high <= 255):
        return low, high if high > low else low + 1
    return 0.0, high if high <= 127 else float(2 ** int(high).bit_length() - 1)


def chunks(values: np.ndarray, size: int = 1 << 26) -> Iterator[np.ndarray]:
    """Consecutive parts of at most about `size` bytes."""
    step = max(1, size * len(values) // max(1, values.nbytes))
    for i in range(0, len(values), step):
        yield values[i : i + step]


def see_rows(values: np.ndarray, name: str, options: Options, fit: np.ndarray) -> Seen:
    if options.size and name != "y":
        raise InputError(f"size scales pictures; array {name!r} has shape {list(values.shape)}")
    if values.nbytes < 1 << 30:
        found = tuple(column_of(np.asarray(values[:, i])[fit], str(i)) for i in range(values.shape[1]))
    else:
        found = large_columns(values, fit)
    constant = [c.name for c in found if c.low == c.high]
    notes = (f"{name}: constant columns {listed(constant)}",) if constant else ()
    return Seen(Field((values.shape[1],), "vector", Columns(found, values.dtype.name)), values, notes)


def column_of(values: np.ndarray, name: str) -> Column:
    """Mean, spread, range and decimals of a column of numbers."""
    x = values.astype(np.float64)
    mean, std = float(x.mean()), float(x.std())
    steady = x.min() == x.max()
    return Column(
        name,
        mean=float(x[0]) if steady else mean,
        std=1.0 if steady or not std else std,
        low=float(x.min()),
        high=float(x.max()),
        decimals=decimals_of(values),
    )


def large_columns(values: np.ndarray, fit: np.ndarray) -> tuple[Column, ...]:
    """Columns of an array that is read in parts; their decimals are not looked for, unless they are whole numbers."""
    inside = np.zeros(len(values), bool)
    inside[fit] = True
    d, start = values.shape[1], 0
    total, square, low, high = np.zeros(d), np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)
    origin = values[fit[0]].astype(np.float64)
    for part in chunks(values):
        x = part[inside[start : start + len(part)]].astype(np.float64) - origin
        start += len(part)
        if len(x):
            total, square = total + x.sum(0), square + (x**2).sum(0)
            low, high = np.minimum(low, x.min(0)), np.maximum(high, x.max(0))
    mean = total / len(fit)
    std = np.sqrt(np.maximum(square / len(fit) - mean**2, 0))
    std[(low == high) | (std == 0)] = 1
    whole = 0 if values.dtype.kind in "bui" else None
    numbers = zip(mean + origin, std, low + origin, high + origin, strict=True)
    return tuple(
        Column(str(i), float(m), float(s), float(a), float(b), whole) for i, (m, s, a, b) in enumerate(numbers)
    )


def decimals_of(values: np.ndarray, most: int = 6) -> int | None:
    """The fewest digits after the point that keep every value within its precision, up to `most`; else None."""
    if values.dtype.kind in "bui":
        return 0
    x, precision = values.astype(np.float64), float(np.finfo(values.dtype).eps)
    k = 0
    while k <= most and 10.0**-k > 100 * precision * float(np.abs(x).max()):
        if (np.abs(x - x.round(k)) <= 4 * precision * np.abs(x)).all():
            return k
        k += 1
    return None


def listed(words: Sequence[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    return ", ".join(words[:most]) + (f" and {len(words) - most:,} more" if len(words) > most else "")


def complete(arrays: dict[str, np.ndarray], options: Options, notes: list[str]) -> np.ndarray:
    """The examples in which every number is finite. Others stop the run with their numbers, or are left out."""
    lengths = {name: len(v) if v.ndim else 0 for name, v in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n:,}" for name, n in lengths.items())
        raise InputError(f"arrays that belong together must have the same number of examples; {told}")
    bad = np.zeros(next(iter(lengths.values())), bool)
    reports = []
    for name, values in arrays.items():
        if values.dtype.kind != "f" or values.ndim not in (1, 2) or not values.size:
            continue
        rows = values.reshape(len(values), -1)
        holes = np.concatenate([~np.isfinite(part) for part in chunks(rows)])
        reports += [
            hole_report(f"array {name!r}, column {i}", np.flatnonzero(holes[:, i]))
            for i in np.flatnonzero(holes.any(0))
        ]
        bad |= holes.any(1)
    if reports and options.missing == "stop":
        raise InputError(missing_message(reports))
    if reports:
        notes.append(dropped_note(int(bad.sum()), len(bad)))
    return np.flatnonzero(~bad)


def hole_report(where: str, rows: np.ndarray) -> str:
    numbers = ", ".join(str(r + 1) for r in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return f"{where}: {len(rows):,} {'value (row' if len(rows) == 1 else 'values (rows'} {numbers})"


def missing_message(reports: Sequence[str]) -> str:
    return (
        f"missing values (empty, NaN or infinite) in {'; '.join(reports[:5])}{'; ...' if len(reports) > 5 else ''}. "
        + ("Rows are counted from 1. Fill them in, or leave such rows out with --missing drop (missing='drop')")
    )


def dropped_note(bad: int, total: int) -> str:
    return f"{bad:,} of {total:,} rows left out for missing values"


def groups_of(
    groups: Sequence[dict[str, np.ndarray]],
    options: Options,
    tests: Sequence[dict[str, np.ndarray]] | None = None,
    channels_first: bool = False,
) -> tuple[list[Group], list[Group], list[str]]:
    """Arrays that are read with the same index, group by group -> groups to train on and to hold out, and notes.

    The held-out part is `tests` where given, else a fixed random share of each group.
    """
    train: list[Group] = []
    held: list[Group] = []
    notes: list[str] = []
    for number, given in enumerate(groups):
        good = complete(given, options, notes)
        first, rest = (good[part] for part in options.split(len(good), tests is not None))
        seen = {name: see(v, name, options, first, channels_first) for name, v in given.items()}
        arrays = {name: s.array(options) for name, s in seen.items()}
        train.append(Group(arrays, number, first))
        notes += [note for s in seen.values() for note in s.notes]
        if tests is not None:
            alike = {name: seen[name].array(options, v) for name, v in tests[number].items()}
            held.append(Group(alike, number, complete(tests[number], options, notes)))
        elif len(rest):
            held.append(Group(arrays, number, rest))
    return train, held, notes
