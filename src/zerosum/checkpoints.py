"""Checkpoints that a crash cannot spoil and a flipped bit cannot pass.

A checkpoint is a folder named by its round: `tensors.safetensors`, `state.json`, and `manifest.json` with the size and
SHA-256 of both. It is written under a temporary name, every file and folder fsynced, then renamed, then `latest` is
moved: at any moment the folder `checkpoints` holds only whole checkpoints. Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import InputError

TENSORS, STATE, MANIFEST, LATEST, BEST = "tensors.safetensors", "state.json", "manifest.json", "latest", "best"


class Damaged(Exception):
    """A checkpoint is not what was written."""


def save(folder: Path, number: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> Path:
    """Write checkpoint `number` below `folder`; returns its own folder. One that is there already, whole, is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{number:06d}"
    if target.exists():
        try:
            verify(target)
        except Damaged:
            shutil.rmtree(target)
    if not target.exists():
        for left_over in folder.glob(".tmp-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        temporary = folder / f".tmp-{number:06d}-{os.getpid()}"
        temporary.mkdir()
        try:
            _write(temporary, tensors, values)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        temporary.rename(target)
        _sync(folder)
    point(folder, LATEST, number)
    return target


def _write(folder: Path, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """The three files, the manifest last, each on the disk."""
    try:
        save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, folder / TENSORS)
    except SafetensorError as error:
        raise OSError(f"{folder / TENSORS} cannot be written: {error}") from error
    (folder / STATE).write_text(json.dumps(values, indent=1))
    files = {n: {"bytes": (folder / n).stat().st_size, "sha256": _digest(folder / n)} for n in (TENSORS, STATE)}
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "files": files}, indent=1))
    for name in (TENSORS, STATE, MANIFEST, ""):
        _sync(folder / name)


def point(folder: Path, name: str, number: int) -> None:
    """Let the file `name` hold the number of a checkpoint, in one atomic replacement."""
    temporary = folder / f".{name}-{os.getpid()}"
    temporary.write_text(f"{number:06d}\n")
    _sync(temporary)
    temporary.replace(folder / name)
    _sync(folder)


def numbers(folder: Path) -> list[int]:
    """Numbers of the checkpoints that are there, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.is_dir() and p.name.isdecimal())


def pointed(folder: Path, name: str) -> int | None:
    """The number that `latest` or `best` holds."""
    path = folder / name
    text = path.read_text().strip() if path.is_file() else ""
    return int(text) if text.isdecimal() else None


def prune(folder: Path, keep: int) -> None:
    """Delete all but the last `keep` checkpoints and the best."""
    for number in numbers(folder)[: -max(keep, 1)]:
        if number != pointed(folder, BEST):
            shutil.rmtree(folder / f"{number:06d}")


def verify(checkpoint: Path) -> None:
    """Raises Damaged unless every byte is the one that was written."""
    try:
        files = json.loads((checkpoint / MANIFEST).read_text())["files"]
        files = dict(files)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"{checkpoint.name}: its manifest cannot be read ({error})") from error
    for name in (TENSORS, STATE):
        path = checkpoint / name
        if not path.is_file() or path.is_symlink():
            raise Damaged(f"{checkpoint.name}: {name} is {'a link' if path.is_symlink() else 'missing'}")
        if files.get(name) != {"bytes": path.stat().st_size, "sha256": _digest(path)}:
            raise Damaged(f"{checkpoint.name}: {name} is not what was written")


def read(checkpoint: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Verify and load one checkpoint."""
    verify(checkpoint)
    try:
        return load_file(checkpoint / TENSORS), json.loads((checkpoint / STATE).read_text())
    except SafetensorError as error:
        raise Damaged(f"{checkpoint.name}: {TENSORS} holds no tensors ({error})") from error


def newest(folder: Path, number: int | None = None) -> tuple[Path, list[str]]:
    """The newest whole checkpoint (or `number` itself), and what was wrong with those that were passed over."""
    if number is not None:
        if number not in numbers(folder):
            raise InputError(f"no checkpoint of round {number} in {folder}; there are {numbers(folder) or 'none'}")
        try:
            verify(folder / f"{number:06d}")
        except Damaged as error:
            raise InputError(f"checkpoint {error}") from error
        return folder / f"{number:06d}", []
    damaged = []
    for candidate in reversed(numbers(folder)):
        path = folder / f"{candidate:06d}"
        try:
            verify(path)
        except Damaged as error:
            damaged.append(f"skipped checkpoint {error}")
            continue
        return path, damaged
    if not damaged:
        raise InputError(f"{folder.parent} has no checkpoint yet: train again, it ended before the first")
    raise InputError(f"no whole checkpoint in {folder}" + "".join(f"; {d}" for d in damaged))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """fsync a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
