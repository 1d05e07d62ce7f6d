"""Opens whatever the user names or gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import torch

from ..errors import InputError, nearest
from ..spec import Classes
from . import events
from .arrays import Data, Group
from .conditions import kept_only, remembered
from .events import files as event_files
from .events.pythia import pythia
from .featured import with_features
from .fields import Options, groups_of
from .named import NAMES, named, roots
from .pairs import WORDS, find_joined, put_together, taken_apart
from .pairs import unpaired as unpaired_groups
from .readers import X, is_idx, read_idx, read_npy, read_npz, sort_out
from .sheets import located
from .tables import find_table, frame_of, frame_of_columns, is_table, read_table
from .toys import TOYS, toy

if TYPE_CHECKING:
    import polars as pl

    from .places import Archive, Folder

Found = tuple[list[Group], list[Group], list[str]]  # to train on, to hold out, notes


def open(
    source: Any,
    *,
    columns: str | list[str] | None = None,
    labels: str | None = None,
    only: str | list[str] | None = None,
    size: str | int | tuple[int, int] | None = None,
    crop: str | int | tuple[int, int] | None = None,
    flip: bool = False,
    unpaired: bool = False,
    bad_files: str = "stop",
    missing: str = "stop",
    features: str | None = None,
    transform: str | list[str] | None = None,
    augment_columns: str | list[str] | None = None,
    holdout: float = 0.1,
    limit: int | None = None,
    data_dir: str | Path | None = None,
    memory: float = 2.0,
) -> Data:
    """Data from a name, a file, a folder, or arrays.

    Args:
        source: a name ("digits", "mnist", "ring8", "ring8:20000", "quickdraw:flamingo"); a folder or zip of pictures,
            or of wav files, sub-folders being classes; .npy, .npz, idx, .csv, .tsv, .parquet; a tensor, an array, a
            pair (x, y), a dict of arrays, a pandas or polars frame. Pairs a, b: "edges:photos/", "halves:facades/",
            "A/+B/"; two domains: "apples/,tomatoes/". Particle events: "ep", "pythia:dis?beam=50&n=200000", HepMC, LHE,
            ROOT, text tapes, with facts behind the name as in "tape.txt?beam=50&unit=MeV".
        columns: of a table, those to use, "age,income"; "kind:category" takes numbers for categories. In an .npz, the
            array to be x.
        labels: the column or array that holds the classes, or another condition: "beam:number", "caption:text", or
            several columns of attributes, "glasses,age". Of a folder of pictures: columns of the table in it, or a
            table that lies elsewhere, "people.csv", "people.csv:age,glasses".
        only: the classes to use, "cat,dog"; the others are as if they were not there.
        size: "64" or "48x64" (height x width): pictures are scaled to cover it, and cropped at the centre. Of sound:
            mel bands x columns of a piece.
        crop: "64" or "48x64": cut so much out of each picture, anywhere in training; of pairs the same of both.
        flip: show each picture mirrored half of the time.
        unpaired: train on pairs as two domains, a of one half of them and b of the other.
        bad_files: "stop" with an error that names files that are no pictures, or "skip" them.
        missing: "stop" with an error that names empty cells, or "drop" such rows.
        features: of scattering events: "direct", "cartesian" (or "fat"), "spherical" or "scattered" coordinates.
        transform: of a table: what a generator writes, "age:positive,share:bounded(0,1),angle:periodic(360)".
        augment_columns: of a table: what a discriminator sees beside it, "bmi=weight/height**2".
        holdout: share of the examples that is never trained on, where there is no test set; 0 for none.
        limit: use at most so many examples, drawn once at random.
        data_dir: folder in which public sets are looked for, before ZEROSUM_DATA.
        memory: GiB; data that take more are read from disk batch by batch.

    Raises:
        InputError: with what was wrong, where, and what would be right.
    """
    given = dict(columns=columns, labels=located(labels), size=size, crop=crop, flip=flip, unpaired=unpaired)
    given |= dict(bad_files=bad_files, missing=missing, holdout=holdout, limit=limit, memory=memory)
    given |= dict(features=features, transform=transform, augment_columns=augment_columns)
    given |= dict(only=only, data_dir=None if data_dir is None else str(data_dir))
    if isinstance(source, Data):
        return source
    options = checked({k: v for k, v in given.items() if k not in (*FEATURES, "only")})
    where, name = whereabouts(source, options)
    train, held, notes = find(where, options)
    if flip and not any(a.field.kind == "image" for g in train for a in g.arrays.values()):
        raise InputError("flip mirrors pictures; this data has none")
    if only is not None:
        train, held = ([kept_only(group, only) for group in part] for part in (train, held))
    if not held:
        notes = [*notes, "nothing is held out: metrics compare with the training data"]
    kept = {k: v for k, v in given.items() if v != DEFAULTS[k]}
    reopen = str(where) if isinstance(where, (str, Path, Stated)) else "memory"
    train, held = with_shares(unpaired_groups(train) if unpaired else train, held)
    cut = None if crop is None else fitting(size_of(crop, "crop"), train)
    found = Data(name, tuple(train), reopen, kept, flip, cut, notes, tuple(held) or None)
    return with_features(found, features, transform, augment_columns)


def fitting(crop: tuple[int, int], groups: list[Group]) -> tuple[int, int]:
    """The crop, where all pictures are as large, and cut-outs of pairs in two resolutions can agree."""
    for group in groups:
        sizes = {a.field.shape[1:] for a in group.arrays.values() if a.field.kind == "image"}
        if not sizes:
            raise InputError("crop cuts pictures; this data has none")
        (h, w), (small, _) = max(sizes), min(sizes)
        if crop[0] != h and any("sound" in a.field.extra for a in group.arrays.values()):
            raise InputError(f"crop of sound keeps its {h} mel bands: --crop {h}x{crop[1]}")
        if crop[0] > h or crop[1] > w:
            raise InputError(f"crop {crop[0]}x{crop[1]} is larger than the pictures, which are {h}x{w}")
        if any(side % (h // small) for side in crop):
            raise InputError(f"crop must be a multiple of {h // small}, as b is so many times larger than a")
    return crop


def with_shares(train: list[Group], held: list[Group]) -> tuple[list[Group], list[Group]]:
    """The same groups, whose labels know how often each class is trained on, and whose other conditions remember some
    of those trained on."""
    told = {}
    for group in train:
        for name, array in group.arrays.items():
            if isinstance(array.field.codec, Classes):
                labels = array.source.take(np.arange(len(array.source)) if group.rows is None else group.rows)
                shares = torch.bincount(labels.long(), minlength=len(array.field.classes)).double() / len(labels)
                codec = replace(array.field.codec, shares=tuple(shares.tolist()))
                told[name] = replace(array.field, codec=codec)
            elif name == "y" and array.field.kind in ("vector", "text"):
                told[name] = remembered(group, array)

    def with_told(group: Group) -> Group:
        arrays = {k: replace(a, field=told[k]) if k in told else a for k, a in group.arrays.items()}
        return replace(group, arrays=arrays)

    return [with_told(g) for g in train], [with_told(g) for g in held]


@dataclass(frozen=True)
class Stated:
    """A file of events, and what the user states of them behind a question mark."""

    path: Path
    query: str

    def __str__(self) -> str:
        return f"{self.path}?{self.query}"


FEATURES = ("features", "transform", "augment_columns")
DEFAULTS: dict[str, Any] = dict(open.__kwdefaults__ or {})


def checked(given: dict[str, Any]) -> Options:
    """The options, or an InputError that says which is wrong."""
    for name, allowed in (("bad_files", ("stop", "skip")), ("missing", ("stop", "drop"))):
        if given[name] not in allowed:
            raise InputError(
                f"{name} must be {' or '.join(allowed)}, not {given[name]!r}{nearest(str(given[name]), allowed)}"
            )
    if not 0 <= given["holdout"] < 1:
        raise InputError(f"holdout is a share of the examples, from 0 to less than 1; not {given['holdout']}")
    if given["limit"] is not None and given["limit"] < 2:
        raise InputError(f"limit must be at least 2 examples, not {given['limit']}")
    if given["memory"] < 0:
        raise InputError(f"memory is in GiB, 0 or more; not {given['memory']}")
    return Options(**{**given, "size": None if given["size"] is None else size_of(given["size"])})


def size_of(given: str | int | tuple[int, int] | list[int], what: str = "size") -> tuple[int, int]:
    """ "64" -> (64, 64); "48x64" -> (48, 64), height first."""
    parts = list(given) if isinstance(given, (tuple, list)) else re.split("[x*]", str(given).strip().lower())
    if len(parts) not in (1, 2) or not all(str(p).isdecimal() and int(p) > 0 for p in parts):
        raise InputError(f"{what} {given!r} must be like 64, or 48x64 for height x width")
    return int(parts[0]), int(parts[-1])


def whereabouts(source: Any, options: Options) -> tuple[Any, str]:
    """A name as we know it, a path that exists, or arrays as they are; and a short name for folders."""
    if isinstance(source, str) and source.partition(":")[0] not in WHOLE and (joined := taken_apart(source)):
        inner = [whereabouts(part, options) for part in joined[1]]
        name = "-".join([joined[0]] * (joined[0] in WORDS) + [name for _, name in inner])
        return put_together(joined[0], [str(where) for where, _ in inner]), safe(name)
    if isinstance(source, (str, Path)):
        word = str(source).partition(":")[0].lower().replace("_", "-")
        if isinstance(source, str) and word in (*NAMES, *TOYS, *EVENTS):
            rest = source.partition(":")[2]
            known = f"{word}:{rest}" if rest else word
            return known, safe(known)
        path = Path(source).expanduser()
        bare, _, query = str(path).partition("?")
        if query and not path.exists() and Path(bare).is_file():
            path = Path(bare).resolve()
            return Stated(path, query), safe(path.name.partition(".")[0])
        if not path.exists():
            raise InputError(no_such(str(source)))
        path = path.resolve()
        return path, safe(path.name if path.is_dir() else path.name.partition(".")[0])
    return source, "data"


def safe(name: str) -> str:
    """Fit for a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "data"


def no_such(source: str) -> str:
    if source == "memory":
        return "this data was given as arrays in memory; give the same arrays again, from Python"
    if "/" in source or "\\" in source or re.search(r"\.\w{2,7}(\?.*)?$", source):
        return f"there is no file or folder {source!r}"
    known = (*NAMES, *EVENTS, *TOYS)
    near = nearest(source.partition(":")[0], known)
    return f"no data is named {source!r}, and there is no such file{near or '.'} Names: {', '.join(known)}"


def find(where: Any, options: Options) -> Found:
    if isinstance(where, str) and where.partition(":")[0] not in WHOLE and (joined := taken_apart(where)):
        return find_joined(*joined, options, lambda part, o: find(whereabouts(part, o)[0], o))
    picture_set = isinstance(where, str) or (
        isinstance(where, Path) and (where.is_dir() or where.suffix.lower() == ".zip")
    )
    for name in ("columns", "labels"):
        named = isinstance(where, str)
        if picture_set and (named or name == "columns") and getattr(options, name) is not None:
            raise InputError(f"{name} is for tables and .npz; data {str(where)!r} is neither")
    if isinstance(where, str):
        return find_named(where, options)
    if isinstance(where, Stated):
        return find_stated(where, options)
    if isinstance(where, Path):
        return find_path(where, options)
    return find_arrays(where, options)


EVENTS = ("ep", "pythia")
CAPTIONED = ("fxemoji", "scenes", "shapes")
WHOLE = (*EVENTS, "scenes")  # names behind whose colon a comma parts no domains


def find_stated(where: Stated, options: Options) -> Found:
    words = dict(parse_qsl(where.query, keep_blank_values=True))
    found = find_path(where.path, options, events.given(words, str(where.path)))
    if not any("events" in a.field.extra for g in found[0] for a in g.arrays.values()):
        raise InputError(f"{where}: facts behind a question mark are for events, columns px, py, pz, E; these are none")
    return found


def find_named(where: str, options: Options) -> Found:
    word = where.partition(":")[0]
    if word == "ep":
        train, test = events.sample()
        return events.groups(train, where, options, test)
    if word == "pythia":
        return events.groups(pythia(where, options, roots(options)), where, options)
    if where.partition(":")[0] in TOYS:
        if options.size:
            raise InputError(f"size scales pictures; {where} has none")
        train, held = toy(where, options)
        return [train], [held], []
    if word in CAPTIONED or where == "fruits360:captions":
        options = replace(options, labels="y:text")
    train, test = named(where, options)
    return groups_of([train], options, None if test is None else [test])


PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
ALONE = (*PICTURES, ".wav")
GIVABLE = "a name, a path, a tensor, an array, a pair (x, y), a dict of arrays, or a pandas or polars frame"
READABLE = "folders and .zip of pictures or .wav, .npy, .npz, idx, .csv, .tsv, .parquet, events in .hepmc, .lhe, .root"


def find_path(path: Path, options: Options, facts: dict[str, Any] | None = None) -> Found:
    """`facts` are what the user states of events."""
    suffix, facts = path.suffix.lower(), facts or {}
    if path.is_dir():
        return find_folder(path, options)
    if (found := event_files.read(path, facts, options)) is not None:
        return events.groups(found, str(path), options)
    if is_idx(path):
        return find_idx(path, options)
    if suffix == ".npy":
        values = read_npy(path, options)
        found = event_files.of_arrays({"x": values}, facts)
        return groups_of([{"x": values}], options) if found is None else events.groups(found, str(path), options)
    if suffix == ".npz":
        if (found := event_files.of_arrays(read_npz(path), facts)) is not None:
            return events.groups(found, str(path), options)
        groups, tests, notes = sort_out(read_npz(path), str(path), options)
        train, held, more = groups_of(groups, options, tests)
        return train, held, notes + more
    if suffix == ".zip":
        from .places import Archive

        return find_files(Archive(path), str(path), options)
    if is_table(path):
        return find_frame(read_table(path), str(path), options, facts)
    hint = f"; put {'recordings' if suffix == '.wav' else 'pictures'} in a folder" if suffix in ALONE else ""
    raise InputError(f"{path}: files that end in {suffix!r} are not read{hint}. zerosum reads {READABLE}")


def find_folder(path: Path, options: Options) -> Found:
    """Pictures, recordings, or the four files of an idx set."""
    from .named import IDX, idx_set, packed_or_not
    from .places import Folder

    files = [packed_or_not(path, f"{name}.gz") for name in IDX]
    if all(files):
        train, test = idx_set(None)([f for f in files if f])
        return groups_of([train], options, None if test is None else [test])
    return find_files(Folder(path), str(path), options)


def find_files(place: Folder | Archive, where: str, options: Options) -> Found:
    """Pictures or recordings, whichever most of the files are."""
    from .images import find_pictures
    from .wavs import find_sounds, of_sounds

    return (find_sounds if of_sounds(place) else find_pictures)(place, where, options)


def find_idx(path: Path, options: Options) -> Found:
    """Pictures; their labels lie beside them, under the usual name."""
    arrays = {"x": read_idx(path)}
    beside = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if beside != path and beside.exists():
        arrays["y"] = read_idx(beside)
    return groups_of([arrays], options)


def find_arrays(given: Any, options: Options) -> Found:
    frame = frame_of(given)
    given = by_name(given)
    if frame is None and isinstance(given, dict) and is_columns(given):
        frame = frame_of_columns(given)
    if frame is not None:
        return find_frame(frame, "the table", options, {})
    first = torch.is_tensor(given) or (isinstance(given, dict) and any(map(torch.is_tensor, given.values())))
    arrays = {name: as_array(v) for name, v in (given if isinstance(given, dict) else {"x": given}).items()}
    groups, tests, notes = sort_out(arrays, "the dict", options)
    train, held, more = groups_of(groups, options, tests, channels_first=first)
    return train, held, notes + more


def find_frame(frame: pl.DataFrame, where: str, options: Options, facts: dict[str, Any]) -> Found:
    """Events, where the columns say so, unless labels or other columns are asked for; else a table."""
    found = None if options.labels else event_files.of_frame(frame, options.columns, facts)
    return find_table(frame, where, options) if found is None else events.groups(found, where, options)


def by_name(given: Any) -> Any:
    """A pair -> {"x": ..., "y": ...}; a structured array -> its columns; anything else as it is."""
    if isinstance(given, tuple) and len(given) == 2:
        return {"x": given[0], "y": given[1]}
    if isinstance(given, np.ndarray) and given.dtype.names:
        return {name: given[name] for name in given.dtype.names}
    if isinstance(given, dict) and not given:
        raise InputError("the dict holds no arrays")
    return given


def is_columns(given: dict[Any, Any]) -> bool:
    """Is a dict a table: one-dimensional columns under names of their own?"""
    usual = {"x_train", *X}
    one = all(np.ndim(v) == 1 for v in given.values()) and len({len(v) for v in given.values()}) == 1
    return one and not any(str(name).lower() in usual for name in given)


def as_array(value: Any) -> np.ndarray:
    """A tensor, an array or nested lists of numbers as an array."""
    if torch.is_tensor(value):
        return value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"the data given is no array: {error}") from error
    if not array.ndim:
        raise InputError(f"data cannot be read from {type(value).__name__} {value!r}: give {GIVABLE}")
    return array
