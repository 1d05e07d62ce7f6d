"""A table in a folder of pictures that says what each shows: captions, classes, attributes, identities.

captions.csv, labels.csv, attributes.csv or metadata.csv (.tsv, .jsonl, or .txt with a file and a caption a line); its
column `file` (file_name, filename, image, path) names the pictures. A picture may have several lines.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .arrays import Array
from .conditions import check_columns, class_array, condition
from .fields import Options, asked_columns, listed
from .places import Place

if TYPE_CHECKING:
    import polars as pl

STEMS = ("captions", "labels", "attributes", "metadata")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".txt")
FILES = ("file", "file_name", "filename", "image", "path")
CAPTIONS = ("caption", "captions", "text")


def sheet_name(names: list[str], where: str) -> str | None:
    """The table among the files, if there is one."""
    found = [n for n in names if PurePosixPath(n).stem in STEMS and PurePosixPath(n).suffix.lower() in SUFFIXES]
    if len(found) > 1:
        raise InputError(f"data {where!r}: which table says what pictures show? There are {listed(found)}")
    return found[0] if found else None


def read_sheet(place: Place, name: str, where: str) -> pl.DataFrame:
    """The table; its first column, `file`, holds names as the place has them."""
    import polars as pl

    with place.open(name) as f:
        body = f.read()
    try:
        frame = parsed(body, PurePosixPath(name).suffix.lower())
    except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InputError(f"data {where!r}: {name} cannot be read: {str(error).splitlines()[0]}") from error
    files = next((c for c in frame.columns if c.strip().lower() in FILES), None)
    if files is None:
        raise InputError(
            f"data {where!r}: {name} needs a column 'file' that names the pictures; it has {frame.columns}"
        )
    base = str(PurePosixPath(name).parent)
    names = [str(v).strip().replace("\\", "/") for v in frame[files]]
    full = [n if base == "." else f"{base}/{n}" for n in names]
    return frame.drop(files).insert_column(0, pl.Series("file", full))


def parsed(body: bytes, suffix: str) -> pl.DataFrame:
    import polars as pl

    from .tables import EMPTY, separator, typed

    if suffix == ".jsonl":
        rows = [json.loads(line) for line in body.decode("utf-8").splitlines() if line.strip()]
        return pl.DataFrame(rows, strict=False)
    if suffix == ".txt":
        mark = "\t" if b"\t" in body else ","
        cells = [line.partition(mark) for line in body.decode("utf-8").splitlines() if line.strip()]
        cells = cells[1:] if cells and cells[0][0].strip().lower() in FILES else cells
        return pl.DataFrame({"file": [c[0] for c in cells], "caption": [c[2].strip() for c in cells]})
    frame = pl.read_csv(io.BytesIO(body), separator=separator(body), null_values=EMPTY, infer_schema=False)
    return frame.select(typed(frame[c]) for c in frame.columns)


def described(frame: pl.DataFrame, names: list[str], where: str) -> list[str]:
    """The pictures of the table's lines, each as often as it has lines. Pictures without a line stop the run."""
    lines = set(frame["file"])
    without = [name for name in names if name not in lines]
    if without:
        raise InputError(
            f"data {where!r}: the table says nothing of {len(without):,} of {len(names):,} pictures "
            f"({listed(without, 3)})"
        )
    there = set(names)
    return [name for name in frame["file"] if name in there]


def sheet_arrays(frame: pl.DataFrame, names: list[str], where: str, options: Options) -> dict[str, Array]:
    """The condition y, and `identity` where there is such a column, of pictures in this order."""
    lines: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(frame["file"]):
        lines[name].append(i)
    frame = frame[[lines[name].pop(0) for name in names]].drop("file")
    known = frame.columns
    caption = next((c for c in known if c.lower() in CAPTIONS), None)
    default: dict[str, str | None] = {caption: "text"} if caption else {c: None for c in known if c != "identity"}
    asked = asked_columns(options.labels) or default
    check_columns(asked, known, where)
    holes = {c: frame[c].null_count() for c in [*asked, *({"identity"} & set(known))] if frame[c].null_count()}
    if holes:
        told = ", ".join(f"{c} ({n:,})" for c, n in holes.items())
        raise InputError(f"data {where!r}: empty cells in the table of pictures: {told}")
    arrays = {"y": condition(frame, asked, np.arange(len(frame)), where, options)} if asked else {}
    if "identity" in known and "identity" not in asked:
        arrays["identity"] = class_array(frame["identity"], where, "identity")
    return arrays
