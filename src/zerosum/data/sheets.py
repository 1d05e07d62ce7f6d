"""A table of what pictures show: captions, classes, attributes, identities.

captions.csv, labels.csv, attributes.csv or metadata.csv (.tsv, .jsonl, or .txt with a file and a caption a line) in
their folder, or any such file that `labels` names; its column `file` (file_name, filename, image, path) names the
pictures. A picture may have several lines.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from pathlib import Path, PurePosixPath
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


def told_apart(labels: str | None) -> tuple[Path | None, str | None]:
    """ "people.csv:age,glasses" -> the file, and the columns; no file where the first word is none."""
    name, _, columns = (labels or "").partition(":")
    path = Path(name).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        return None, labels
    if not path.is_file():
        raise InputError(f"labels {labels!r}: there is no file {name!r}")
    return path.resolve(), columns or None


def located(labels: str | None) -> str | None:
    """The same, with the whole path of the file."""
    path, columns = told_apart(labels)
    return labels if path is None else f"{path}:{columns}" if columns else str(path)


def read_sheet(place: Place, name: str, where: str) -> pl.DataFrame:
    """The table `name` of the place; its first column, `file`, holds names as the place has them."""
    with place.open(name) as f:
        frame = sheet_of(f.read(), name, where)
    base = str(PurePosixPath(name).parent)
    return frame if base == "." else renamed(frame, [f"{base}/{n}" for n in frame["file"]])


def sheet_beside(path: Path, names: list[str], where: str) -> pl.DataFrame:
    """A table that lies elsewhere, whose pictures are named from their folder on, or from the table's."""
    frame = sheet_of(path.read_bytes(), str(path), where)
    root, there = Path(where).resolve(), set(names)
    inside = f"{root.relative_to(path.parent).as_posix()}/" if root.is_relative_to(path.parent) else ""
    return renamed(frame, [n if n in there else n.removeprefix(inside) for n in frame["file"]])


def renamed(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    import polars as pl

    return frame.with_columns(pl.Series("file", names))


def sheet_of(body: bytes, name: str, where: str) -> pl.DataFrame:
    """The table in a file; its first column, `file`, holds names with / between their parts."""
    import polars as pl

    try:
        frame = parsed(body, PurePosixPath(name).suffix.lower())
    except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InputError(f"data {where!r}: {name} cannot be read: {str(error).splitlines()[0]}") from error
    files = next((c for c in frame.columns if c.strip().lower() in FILES), None)
    if files is None:
        raise InputError(
            f"data {where!r}: {name} needs a column 'file' that names the pictures; it has {frame.columns}"
        )
    names = [str(v).strip().replace("\\", "/") for v in frame[files]]
    return frame.drop(files).insert_column(0, pl.Series("file", names))


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
    asked = asked_columns(told_apart(options.labels)[1]) or default
    check_columns(asked, known, where)
    holes = {c: frame[c].is_null().arg_true() for c in [*asked, *({"identity"} & set(known))]}
    if any(map(len, holes.values())):
        told = [f"{c} ({len(rows):,}: {listed([names[i] for i in rows], 3)})" for c, rows in holes.items() if len(rows)]
        raise InputError(f"data {where!r}: empty cells in the table of pictures: {', '.join(told)}")
    arrays = {"y": condition(frame, asked, np.arange(len(frame)), where, options)} if asked else {}
    if "identity" in known and "identity" not in asked:
        arrays["identity"] = class_array(frame["identity"], where, "identity")
    return arrays
