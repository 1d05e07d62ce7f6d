"""Files of arrays: .npy, .npz and idx. Nothing is ever unpickled."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np

from ..errors import InputError
from .fields import Options, asked_columns, listed

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npy(path: Path, options: Options) -> np.ndarray:
    """An array; memory-mapped where it is larger than the memory allowed."""
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise unreadable(path, "a .npy array of numbers", error) from error
    return np.array(mapped) if options.fits(mapped.nbytes) else mapped


def read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise unreadable(path, "an .npz of arrays of numbers", error) from error


def unreadable(path: Path, what: str, error: Exception) -> InputError:
    hint = (
        "; arrays of Python objects are pickles, which zerosum never opens"
        if "pickle" in str(error) or "Python objects" in str(error)
        else ""
    )
    return InputError(f"{path} cannot be read as {what}: {error}{hint}")


def read_idx(path: Path) -> np.ndarray:
    """An idx file (the format of MNIST), packed with gzip or not."""
    try:
        body = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise unreadable(path, "an idx file", error) from error
    if len(body) < 4 or body[:2] != b"\0\0" or body[2] not in IDX_TYPES:
        raise InputError(f"{path} is not an idx file: it does not begin with two zero bytes and a known type")
    axes = body[3]
    shape = np.frombuffer(body, ">u4", axes, 4).astype(int).tolist() if len(body) >= 4 + 4 * axes else []
    dtype = np.dtype(IDX_TYPES[body[2]])
    wanted = 4 + 4 * axes + int(np.prod(shape)) * dtype.itemsize
    if not shape or len(body) != wanted:
        raise InputError(f"{path} is damaged: its header says {wanted:,} bytes (shape {shape}), it has {len(body):,}")
    values = np.frombuffer(body, dtype, offset=4 + 4 * axes).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def is_idx(path: Path) -> bool:
    name = path.name.removesuffix(".gz")
    return name.endswith(".idx") or "idx" in name.rpartition("-")[0].rpartition("-")[2]


# Names under which people keep arrays in an .npz.
X = ("x", "images", "data", "arr_0")
Y = ("y", "labels", "label", "targets", "target", "captions", "caption", "arr_1")
CLASSES = ("words", "classes", "names", "class_names")


def sort_out(
    arrays: dict[str, np.ndarray], where: str, options: Options
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]] | None, list[str]]:
    """Arrays by name -> groups that are read with the same index, their test sets if there are any, and notes.

    x with labels y; a and b, a pair if they are equally many, else independent; x_train, y_train, x_test, y_test.
    One array alone is x. `columns` names the array to be x, `labels` the one to be y.
    """
    lower = {name.lower(): name for name in arrays}
    if "x_train" in lower:
        parts = [
            {
                k: named_classes(arrays[lower[f"{k}_{part}"]], k, arrays, lower)
                for k in ("x", "y")
                if f"{k}_{part}" in lower
            }
            for part in ("train", "test")
        ]
        return [parts[0]], [parts[1]] if "x" in parts[1] else None, []
    if "a" in lower and "b" in lower and "x" not in lower:
        a, b = arrays[lower["a"]], arrays[lower["b"]]
        if len(a) == len(b):
            return [{"a": a, "b": b}], None, ["a and b are equally many: read as pairs"]
        return [{"a": a}, {"b": b}], None, ["a and b are not equally many: read as two independent sets"]
    chosen_x = options.columns if isinstance(options.columns, str) else None
    x = pick(arrays, lower, chosen_x, X, where, alone=True)
    y = pick(arrays, lower, next(iter(asked_columns(options.labels)), None), Y, where)
    if x is None:
        raise InputError(
            f"{where} has arrays {listed(list(arrays))}, and none named x: "
            f"say which it is with --columns (columns={next(iter(arrays), '')!r})"
        )
    group = {"x": arrays[x]}
    if y is not None and y != x:
        group["y"] = named_classes(arrays[y], "y", arrays, lower)
    if "identity" in lower and lower["identity"] not in (x, y):
        group["identity"] = arrays[lower["identity"]]
    rest = [name for name in arrays if name not in (x, y, lower.get("identity")) and name.lower() not in CLASSES]
    return [group], None, [f"arrays left out: {listed(rest)}"] if rest else []


def pick(
    arrays: dict[str, np.ndarray],
    lower: dict[str, str],
    asked: str | None,
    usual: tuple[str, ...],
    where: str,
    alone: bool = False,
) -> str | None:
    if asked is not None:
        if asked not in arrays:
            raise InputError(f"{where} has no array {asked!r}; it has {listed(list(arrays))}")
        return asked
    known = next((lower[name] for name in usual if name in lower), None)
    return next(iter(arrays)) if known is None and alone and len(arrays) == 1 else known


def named_classes(y: np.ndarray, name: str, arrays: dict[str, np.ndarray], lower: dict[str, str]) -> np.ndarray:
    """Labels that count the entries of an array of class names -> those names."""
    key = next((lower[k] for k in CLASSES if k in lower), None)
    if name != "y" or key is None or arrays[key].dtype.kind not in "US" or y.dtype.kind not in "ui" or y.ndim != 1:
        return y
    names = arrays[key]
    return names[y] if len(y) and y.min() >= 0 and y.max() < len(names) else y
