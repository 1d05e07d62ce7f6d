"""Folders and zip archives of pictures: which files they hold, and what their names say."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Protocol

from ..errors import InputError

if TYPE_CHECKING:
    import polars as pl

LARGEST_ENTRY = 1 << 29  # bytes of one picture file in an archive
LARGEST_RATIO = 200  # of an entry to its packed size, where the entry is larger than 1 MiB
UNSEEN = ("Thumbs.db", "desktop.ini", "__MACOSX", "dataset.json")
LABELS = "dataset.json"
TESTS = ("test", "val", "valid", "validation")


class Place(Protocol):
    """Files by name. `names` are sorted, with / between parts; `refused` says why entries are not to be opened."""

    names: list[str]
    refused: dict[str, str]

    def open(self, name: str) -> IO[bytes]: ...

    def mark(self, name: str) -> str: ...


def unseen(name: str) -> bool:
    return any(part in UNSEEN or (part.startswith(".") and part != "..") for part in PurePosixPath(name).parts)


class Folder:
    """Files of a folder and its sub-folders; hidden ones are passed over."""

    def __init__(self, path: Path):
        self.path, self.refused, self.base = path, {}, ""
        found, been = [], set()
        for here, folders, files in os.walk(path, followlinks=True):
            real = os.path.realpath(here)
            if real in been:  # a link that leads back
                folders.clear()
                continue
            been.add(real)
            found += [Path(here, f).relative_to(path).as_posix() for f in files]
        self.labels = (path / LABELS).read_bytes() if (path / LABELS).is_file() else None
        self.names = sorted(name for name in found if not unseen(name))

    def open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def mark(self, name: str) -> str:
        return str((self.path / name).stat().st_size)


class Archive:
    """Entries of a zip file, read in place: nothing is written to disk."""

    def __init__(self, path: Path):
        self.path, self._open = path, None
        try:
            entries = [e for e in self._zip().infolist() if not e.is_dir()]
            found = next((e for e in entries if PurePosixPath(e.filename).name == LABELS), None)
            self.labels = None if found is None else self._zip().read(found)
            self.base = "" if found is None else found.filename.removesuffix(LABELS)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path} cannot be read as a zip archive: {error}") from error
        self.entries = {e.filename: e for e in entries if not unseen(e.filename)}
        self.names = sorted(self.entries)
        self.refused = {name: why for name, e in self.entries.items() if (why := refusal(e))}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}

    def _zip(self) -> zipfile.ZipFile:
        """Opened once in each process, since processes must not share a file's position."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = os.getpid(), zipfile.ZipFile(self.path)
        return self._open[1]

    def open(self, name: str) -> IO[bytes]:
        return self._zip().open(name)

    def mark(self, name: str) -> str:
        return f"{self.entries[name].file_size} {self.entries[name].CRC}"


def refusal(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not to be opened, or nothing."""
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name.partition("/")[0]:
        return "its name leads out of the archive"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a symbolic link"
    if entry.flag_bits & 1:
        return "encrypted"
    ratio = entry.file_size / max(1, entry.compress_size)
    if entry.file_size > LARGEST_ENTRY or (entry.file_size > 1 << 20 and ratio > LARGEST_RATIO):
        return f"unpacks to {entry.file_size:,} bytes from {entry.compress_size:,}"
    return ""


def stamp(place: Place, names: Sequence[str], sample: int = 64) -> str:
    """Hash of names and sizes, and of the content of some files evenly spread."""
    digest = hashlib.blake2b(digest_size=16)
    for name in names:
        digest.update(f"{name}\0{place.mark(name)}\0".encode())
    for name in names[:: max(1, len(names) // sample)]:
        with place.open(name) as f:
            digest.update(f.read(1 << 16))
    return digest.hexdigest()


@dataclass
class Domain:
    """The files of one array: to train on, and to test on where they lie apart. `classes` is empty for no labels."""

    array: str
    train: list[str]
    test: list[str] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    sheet: pl.DataFrame | None = None  # what a table says of the files


def domains(names: list[str]) -> list[Domain]:
    """What the folders say.

    trainA and trainB (testA, testB) are two independent sets, a and b; train and test (or val) are the two parts of one
    set; other folders are classes, unless pictures lie beside them.
    """
    skip = len(PurePosixPath(os.path.commonpath([os.path.dirname(name) for name in names])).parts)
    parts = {name: PurePosixPath(name).parts[skip:] for name in names}
    tops = {p[0] if len(p) > 1 else "" for p in parts.values()}

    def under(*folders: str) -> list[str]:
        return [name for name in names if parts[name][0] in folders]

    if {"trainA", "trainB"} <= tops <= {"trainA", "trainB", "testA", "testB"}:
        return [Domain(x.lower(), under(f"train{x}"), under(f"test{x}")) for x in "AB"]
    if "train" in tops and tops <= {"train", *TESTS}:
        return [Domain("x", under("train"), under(*TESTS), by_folder({n: p[1:] for n, p in parts.items()}))]
    return [Domain("x", list(names), [], by_folder(parts))]


def by_folder(parts: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Classes by the first folder; none where there is only one, or pictures lie beside it."""
    classes = {name: p[0] for name, p in parts.items() if len(p) > 1}
    return classes if len(classes) == len(parts) and len(set(classes.values())) > 1 else {}


def labels_of(text: bytes | None, base: str, names: Sequence[str], where: str) -> dict[str, str] | None:
    """Classes by dataset.json, `{"labels": [["00000/img.png", 6], ...]}`: {} for null, None without the file.

    Names there are relative to `base`, the folder in which the file lies.
    """
    if text is None:
        return None
    try:
        pairs = json.loads(text)["labels"]
        labels = {} if pairs is None else {base + str(name).replace("\\", "/"): label for name, label in pairs}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{where}: {LABELS} must be like {{"labels": [["00000/img.png", 6], ...]}}: {error!r}'
        ) from error
    if not all(isinstance(label, int | str) for label in labels.values()):
        raise InputError(f"{where}: labels in {LABELS} must be whole numbers or names, one a picture")
    without = [name for name in names if name not in labels] if labels else []
    if without:
        raise InputError(
            f"{where}: {LABELS} has no label for {len(without):,} of {len(names):,} pictures ({without[0]}, ...)"
        )
    return {name: str(labels[name]) for name in names} if labels else {}
