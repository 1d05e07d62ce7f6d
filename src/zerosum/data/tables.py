"""Tables: CSV, TSV, Parquet, and pandas or polars frames. Numbers are standardised, other columns are categories."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import InputError, nearest
from ..features import Features
from ..spec import Column, Columns, Field
from .arrays import Array, Group, one_hot
from .conditions import check_columns, condition
from .fields import Options, asked_columns, column_of, dropped_note, hole_report, listed, missing_message
from .sources import Held, stamp

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}
EMPTY = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None"]  # as pandas has it
MANY = 1000  # categories of one column


def is_table(path: Path) -> bool:
    return Path(path.name.removesuffix(path.suffix) if path.suffix in PACKED else path.name).suffix.lower() in SUFFIXES


def read_table(path: Path) -> pl.DataFrame:
    """A file as a frame. Spaces around text are taken off; a text column that is all numbers becomes numbers."""
    import polars as pl

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path)
        body = PACKED[path.suffix](path.read_bytes()) if path.suffix in PACKED else path.read_bytes()
        frame = pl.read_csv(body, separator=separator(body), null_values=EMPTY, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error
    if frame.columns and all(is_number(name) for name in frame.columns):  # no header: the first row was taken for it
        frame = pl.read_csv(
            body,
            separator=separator(body),
            null_values=EMPTY,
            infer_schema=False,
            has_header=False,
            new_columns=[str(i) for i in range(frame.width)],
        )
    return frame.select(typed(frame[name]) for name in frame.columns)


def separator(body: bytes) -> str:
    """The most frequent of tab, semicolon and comma in the first line."""
    first = body[: body.find(b"\n") if b"\n" in body else len(body)]
    return max((",", ";", "\t"), key=lambda mark: first.count(mark.encode()))


def is_number(text: str) -> bool:
    try:
        float(text.partition("_duplicated_")[0])
    except ValueError:
        return False
    return True


def typed(column: pl.Series) -> pl.Series:
    """A column of text -> of whole numbers or decimals, where all of it is."""
    import polars as pl

    text = column.cast(pl.String).str.strip_chars()
    text = text.set(text.is_in(EMPTY), None)
    for kind in (pl.Int64, pl.Float64):
        numbers = text.cast(kind, strict=False)
        if numbers.null_count() == text.null_count() < len(text):
            return numbers
    return text


def frame_of(given: Any) -> pl.DataFrame | None:
    """A pandas or polars frame as a polars frame; None for anything else."""
    kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}"
    if kind == "polars.DataFrame":
        return given
    if kind != "pandas.DataFrame":
        return None
    import polars as pl

    columns = {str(name): given[name].astype(object).where(given[name].notna(), None).to_list() for name in given}
    return pl.DataFrame(columns, strict=False)


def frame_of_columns(given: dict[Any, Any]) -> pl.DataFrame:
    """A dict of one-dimensional columns as a frame."""
    import polars as pl

    columns = {str(name): np.asarray(v) for name, v in given.items()}
    return pl.DataFrame({name: v.tolist() if v.dtype == object else v for name, v in columns.items()}, strict=False)


def find_table(frame: pl.DataFrame, where: str, options: Options) -> tuple[list[Group], list[Group], list[str]]:
    """Groups to train on and to hold out, and notes, of a table."""
    notes: list[str] = []
    if options.size:
        raise InputError(f"size scales pictures; data {where!r} is a table")
    asked = asked_columns(options.labels)
    frame, forced = chosen_columns(frame, where, options, asked)
    if not set(frame.columns) - set(asked):
        raise InputError(f"data {where!r} has no columns to learn")
    frame = without_holes(frame, where, options, notes)
    first, rest = options.split(frame.height)
    columns, values = [], []
    for name in frame.columns:
        if name in asked:
            continue
        column, numbers = column_values(frame[name], name in forced, first, where)
        columns.append(column)
        values.append(numbers)
    constant = [c.name for c in columns if c.low == c.high and len(c.categories) < 2]
    if constant:
        notes.append(f"constant columns: {listed(constant)}")
    codec = Columns(tuple(columns), table=True)
    mark = stamp(np.stack(values, 1))
    rows = np.stack([v if c.categories else (v - c.mean) / c.std for c, v in zip(columns, values, strict=True)], 1)
    arrays = {"x": Array(Field((codec.width,), "vector", codec), Held(torch.from_numpy(rows.astype(np.float32)), mark))}
    if asked:
        arrays["y"] = condition(frame, asked, first, where, options)
    return [Group(arrays, rows=first)], [Group(arrays, rows=rest)] if len(rest) else [], notes


def chosen_columns(
    frame: pl.DataFrame, where: str, options: Options, conditions: Iterable[str]
) -> tuple[pl.DataFrame, set[str]]:
    """The columns asked for, conditions included, and those whose numbers are to be categories ("kind:category")."""
    asked = options.columns.split(",") if isinstance(options.columns, str) else options.columns
    names, forced = list(frame.columns), set()
    if asked is not None:
        names = []
        for word in (str(w).strip() for w in asked):
            name = word.removesuffix(":category") if word not in frame.columns else word
            names.append(name)
            forced |= {name} if name != word else set()
    names += [name for name in conditions if name not in names]
    check_columns(names, frame.columns, where)
    return frame.select(list(dict.fromkeys(names))), forced


def without_holes(frame: pl.DataFrame, where: str, options: Options, notes: list[str]) -> pl.DataFrame:
    """Rows with empty cells, NaN or infinite values stop the run, or are dropped."""
    holes = {name: hole for name in frame.columns if (hole := empty(frame[name])).any()}
    if not holes:
        return frame
    bad = np.logical_or.reduce(list(holes.values()))
    if options.missing == "stop":
        reports = [hole_report(f"column {name!r}", np.flatnonzero(hole)) for name, hole in holes.items()]
        raise InputError(f"data {where!r}: {missing_message(reports)}")
    notes.append(dropped_note(int(bad.sum()), frame.height))
    return frame.filter(~bad)


def empty(column: pl.Series) -> np.ndarray:
    hole = column.is_null()
    if column.dtype.is_float():
        hole = hole | ~column.is_finite().fill_null(False)
    return hole.to_numpy()


def column_values(column: pl.Series, as_category: bool, fit: np.ndarray, where: str) -> tuple[Column, np.ndarray]:
    """What a column is, and its numbers in the user's units, or the codes of its categories, float64 `[n]`."""
    import polars as pl

    if column.dtype.is_numeric() and not as_category:
        values = (column.cast(pl.Float64) if column.dtype.is_decimal() else column).to_numpy()
        return column_of(values[fit], column.name), values.astype(np.float64)
    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Boolean, pl.Categorical, pl.Enum)):
        raise InputError(
            f"data {where!r}: column {column.name!r} is {column.dtype}; only numbers, text and true/false can be "
            f"learned: convert it, or leave it out with --columns"
        )
    kept = column if column.dtype.is_numeric() or column.dtype == pl.Boolean else column.cast(pl.String)
    categories = kept.unique().sort().to_list()
    if len(categories) > MANY or (len(categories) > 50 and len(categories) > len(column) / 2):
        raise InputError(
            f"data {where!r}: column {column.name!r} has {len(categories):,} different values in {len(column):,} rows; "
            f"that is no category: leave it out with --columns"
        )
    codes = kept.replace_strict(categories, list(range(len(categories))), return_dtype=pl.Float64).to_numpy()
    return Column(column.name, categories=tuple(categories)), codes


def rows_of(frame: pl.DataFrame, codec: Columns, where: str) -> torch.Tensor:
    """The rows of a frame as a run sees them, whose columns these are, `[n, codec.width]`: standardised by the run's
    means, categories by the run's numbers. Other columns are left out."""
    user = codec.user if isinstance(codec, Features) else codec
    check_columns(user.names, frame.columns, where)
    frame = without_holes(frame.select(user.names), where, Options(), [])
    stored = torch.from_numpy(np.stack([as_column(frame[c.name], c, where) for c in user.columns], 1))
    return one_hot(codec.store(user, stored) if isinstance(codec, Features) else stored, codec)


def as_column(column: pl.Series, known: Column, where: str) -> np.ndarray:
    """Standardised numbers, or the codes of categories, float64 `[n]`."""
    if not known.categories:
        if not column.dtype.is_numeric():
            raise InputError(f"data {where!r}: column {known.name!r} holds numbers in the run, and {column.dtype} here")
        return (column.to_numpy().astype(np.float64) - known.mean) / known.std
    codes = {str(category): i for i, category in enumerate(known.categories)}
    for value in column.unique():
        if str(value) not in codes:
            near = nearest(str(value), codes)
            raise InputError(f"data {where!r}: column {known.name!r} was never {value!r} in the run's data{near}")
    return np.array([codes[str(value)] for value in column], np.float64)
