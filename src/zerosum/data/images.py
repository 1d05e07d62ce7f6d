"""Folders and zips of pictures: checked, and decoded at once or, where they take too much memory, batch by batch."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import InputError
from ..spec import Classes, Field, Pixels
from . import order
from .arrays import Array, Group
from .fields import Options, coded, listed
from .places import Archive, Domain, Folder, Place, domains, labels_of, stamp
from .sheets import described, read_sheet, sheet_arrays, sheet_beside, sheet_name, told_apart
from .sources import Held

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 100_000_000  # of one picture
ORIENTATION = 0x0112  # EXIF tag; from 5 on, height and width are exchanged
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
HIGH = {"uint8": 255.0, "uint16": 65535.0}

T = TypeVar("T")


@dataclass(frozen=True)
class Header:
    """What a file says of its picture. `depth` is "uint8", "uint16" or "float32"."""

    h: int
    w: int
    channels: int
    depth: str
    mode: str
    reduced: bool  # 16 bits a channel that Pillow reads as 8


@dataclass(frozen=True)
class Plan:
    """How all pictures of a set are decoded."""

    h: int
    w: int
    channels: int
    depth: str
    scale: bool  # to (h, w); else they have that size

    @property
    def nbytes(self) -> int:
        return self.h * self.w * self.channels * np.dtype(self.depth).itemsize


def header(f: IO[bytes]) -> Header:
    with Image.open(f, formats=FORMATS) as im:
        w, h = im.size
        if w * h > MOST_PIXELS:
            raise ValueError(f"{h}x{w} pixels, more than {MOST_PIXELS:,} in all")
        has_exif = "exif" in im.info or "Raw profile type exif" in im.info
        if has_exif and im.format != "TIFF" and im.getexif().get(ORIENTATION, 1) >= 5:
            w, h = h, w
        deep = im.mode.startswith("I")
        channels = 4 if im.has_transparency_data else 1 if deep or im.mode in ("1", "L", "F") else 3
        depth = "uint16" if deep else "float32" if im.mode == "F" else "uint8"
        return Header(h, w, channels, depth, im.mode, not deep and any(";16" in str(tile) for tile in im.tile))


def decode(f: IO[bytes], plan: Plan) -> np.ndarray:
    """A picture, upright, `[channels, h, w]`."""
    with Image.open(f, formats=FORMATS) as im:
        ImageOps.exif_transpose(im, in_place=True)
        values = _deep(im, plan) if plan.depth != "uint8" else _shallow(im, plan)
    values = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    if values.shape != (plan.channels, plan.h, plan.w):
        raise ValueError(f"{'x'.join(map(str, values.shape[1:]))} pixels, not {plan.h}x{plan.w}")
    return values


def _fit(im: Image.Image, plan: Plan) -> Image.Image:
    return ImageOps.fit(im, (plan.w, plan.h), Image.Resampling.LANCZOS) if plan.scale else im


def _shallow(im: Image.Image, plan: Plan) -> np.ndarray:
    if im.mode.startswith("I"):
        im = Image.fromarray((np.asarray(im).clip(0, 65535) // 257).astype(np.uint8))
    return np.asarray(_fit(im.convert(MODES[plan.channels]), plan))


def _deep(im: Image.Image, plan: Plan) -> np.ndarray:
    """One channel of 16 bits, or of floats."""
    values = np.asarray(im if im.mode.startswith(("I", "F")) else im.convert("L")).astype(np.float32)
    if plan.depth == "uint16" and not im.mode.startswith("I"):
        values = values * 257
    if plan.scale:
        values = np.asarray(_fit(Image.fromarray(values), plan))
    return values.round().clip(0, 65535).astype(np.uint16) if plan.depth == "uint16" else values


def as_field(paths: Sequence[Path], field: Field) -> tuple[Tensor, list[str]]:
    """Any pictures as games see `field`, `[n, c, h, w]` in [-1, 1], and notes on what was changed in them."""
    (channels, h, w), codec, found, notes = field.shape, field.codec, [], []
    if channels not in MODES:
        raise InputError(f"pictures of {channels} channels cannot be read from a file")
    assert isinstance(codec, Pixels)
    for path in paths:
        try:
            with path.open("rb") as f:
                head = header(f)
                found.append(decode(f, Plan(h, w, channels, "uint8", scale=True)))
        except FileNotFoundError:
            raise InputError(f"there is no file {str(path)!r}") from None
        except (OSError, ValueError, Image.DecompressionBombError, SyntaxError) as error:
            raise InputError(f"{path}: {why(error)}") from error
        if (head.h, head.w) != (h, w):
            notes.append(f"{path}: {head.h}x{head.w} pixels, scaled to {h}x{w}")
        if head.channels != channels:
            notes.append(f"{path}: {head.mode} read as {MODES[channels]}")
    return torch.from_numpy(np.stack(found)).float() / 127.5 - 1, notes


class Pictures:
    """Picture files, decoded when they are read."""

    held = False

    def __init__(self, place: Place, names: Sequence[str], plan: Plan, stamp: str, skip: bool, labels: np.ndarray):
        self.place, self.plan, self.stamp = place, plan, stamp
        self.names = np.array([os.fsencode(name) for name in names])  # one block, not a million objects
        self.skip, self.labels = skip, labels

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        return torch.from_numpy(np.stack([self._one(int(i)) for i in index]))

    def _one(self, i: int) -> np.ndarray:
        """Picture i; a damaged one stops the run, or the next one of its class is shown instead."""
        for j in self._from(i):
            name = os.fsdecode(self.names[j])
            try:
                with self.place.open(name) as f:
                    return decode(f, self.plan)
            except Exception as error:  # decoders raise anything on damaged files
                if not self.skip:
                    raise InputError(f"{name}: {why(error)}. Leave such files out with --bad-files skip") from error
                warnings.warn(f"{name} left out: {why(error)}", stacklevel=2)
        raise InputError(f"{os.fsdecode(self.names[i])}, and all other pictures of its class, cannot be decoded")

    def _from(self, i: int) -> Iterator[int]:
        yield i
        for j in range(i + 1, i + len(self)):
            if self.labels[j % len(self)] == self.labels[i]:
                yield j % len(self)


def why(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not a picture"
    return "more pixels than allowed" if isinstance(error, Image.DecompressionBombError) else f"damaged ({error})"


def each(place: Place, names: Sequence[str], work: Callable[[IO[bytes]], T], what: str) -> Iterator[T | Exception]:
    """`work` of every file in turn, done by threads; or what it raised."""
    from rich.console import Console
    from rich.progress import track

    def one(name: str) -> T | Exception:
        try:
            with place.open(name) as f:
                return work(f)
        except Exception as error:  # decoders raise anything on damaged files; the caller counts and names them
            return error

    console = Console(stderr=True)
    quiet = not console.is_terminal or len(names) < 1000
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        parts = (names[i : i + 256] for i in range(0, len(names), 256))
        results = (result for part in parts for result in pool.map(one, part))
        yield from track(results, what, len(names), console=console, transient=True, disable=quiet)


def sieve(
    where: str,
    names: Sequence[str],
    results: Sequence[T | Exception],
    options: Options,
    notes: list[str],
    what: str = "picture",
) -> tuple[list[str], list[T]]:
    """The names and results that are no errors. Errors stop the run, or are noted."""
    bad = [f"{name}: {_reason(r)}" for name, r in zip(names, results, strict=True) if isinstance(r, Exception)]
    if bad:
        are = f"is no usable {what}" if len(bad) == 1 else f"are no usable {what}s"
        told = f"{len(bad):,} of {len(names):,} files {are} "
        told += f"({'; '.join(bad[:5])}{'; ...' if len(bad) > 5 else ''})"
        if options.bad_files == "stop":
            raise InputError(f"data {where!r}: {told}. Leave them out with --bad-files skip (bad_files='skip')")
        notes.append(f"skipped: {told}")
    good = [(name, r) for name, r in zip(names, results, strict=True) if not isinstance(r, Exception)]
    return [name for name, _ in good], [r for _, r in good]


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else why(error)


def plan_for(where: str, headers: Sequence[Header], options: Options, notes: list[str]) -> Plan:
    """One way to decode all pictures: the widest mode, and one size."""
    sizes = Counter((head.h, head.w) for head in headers)
    (h, w), _ = sizes.most_common(1)[0]
    if len(sizes) > 1 and options.size is None:
        told = listed([f"{a}x{b} ({n:,})" for (a, b), n in sizes.most_common()])
        raise InputError(
            f"data {where!r}: pictures have {len(sizes):,} different sizes, height x width: {told}. Give one with "
            f"--size {h}x{w} (size='{h}x{w}'): they are scaled to cover it and cropped at the centre"
        )
    channels = max(head.channels for head in headers)
    depths = {head.depth for head in headers}
    if "float32" in depths and (depths != {"float32"} or channels > 1):
        raise InputError(f"data {where!r}: pictures of decimals (TIFF of mode F) cannot be mixed with others")
    depth = "float32" if "float32" in depths else "uint16" if "uint16" in depths and channels == 1 else "uint8"
    modes = Counter(head.mode for head in headers)
    if len({(head.channels, head.depth) for head in headers}) > 1:
        told = ", ".join(f"{mode} ({n:,})" for mode, n in modes.most_common())
        kind = {1: "grey", 3: "RGB", 4: "RGBA"}[channels]
        notes.append(f"colour modes {told}: all read as {kind} of {depth.removeprefix('uint')} bits")
    if any(head.reduced for head in headers):
        notes.append("16-bit colour files are read at 8 bits a channel; an .npy of uint16 keeps all")
    size = options.size or (h, w)
    return Plan(*size, channels, depth, options.size is not None and set(sizes) != {size})


def pictures(
    place: Place, domain: Domain, headers: dict[str, Header], where: str, options: Options, notes: list[str]
) -> tuple[dict[str, Array], int]:
    """The array of a domain, its labels if there are classes, and how many of the examples, the first, to train on."""
    names, tests = [*domain.train, *domain.test], set(domain.test)
    plan = plan_for(where, [headers[name] for name in names], options, notes)
    classes = Classes(tuple(sorted(set(domain.classes.values()), key=_by_number)))
    if not options.fits(plan.nbytes * len(names)):
        labels = _codes(names, domain, classes) if domain.sheet is None else np.arange(len(names))
        source = Pictures(place, names, plan, stamp(place, names), options.bad_files == "skip", labels)
        notes.append(f"{plan.nbytes * len(names) / 2**30:,.1f} GiB decoded: files are read batch by batch")
    else:
        decoded = list(each(place, names, lambda f: decode(f, plan), "decoding pictures"))
        names, good = sieve(where, names, decoded, options, notes)
        if not good:
            raise InputError(f"data {where!r} has no pictures that can be decoded")
        source = Held(torch.from_numpy(np.stack(good)), stamp(place, names))
    low, high = _range(source) if plan.depth == "float32" else (0.0, HIGH[plan.depth])
    codec = Pixels(low, high, plan.depth, "hw" if plan.channels == 1 else "hwc")
    arrays = {domain.array: Array(Field((plan.channels, plan.h, plan.w), "image", codec), source)}
    if domain.sheet is not None:
        arrays |= sheet_arrays(domain.sheet, names, where, options)
    elif domain.classes:
        labels = torch.from_numpy(_codes(names, domain, classes))
        arrays["y"] = Array(Field((), "label", classes), Held(labels, source.stamp))
    return arrays, sum(n not in tests for n in names)


def _codes(names: Sequence[str], domain: Domain, classes: Classes) -> np.ndarray:
    """Numbers of the pictures' classes; zeros where there are none."""
    return coded(np.array([domain.classes[n] for n in names]), classes) if domain.classes else np.zeros(len(names), int)


def _range(source: Held | Pictures) -> tuple[float, float]:
    """Smallest and largest value; 0 and 1 where all lie between."""
    parts = [source.take(np.arange(i, min(i + 64, len(source)))) for i in range(0, len(source), 64)]
    low, high = min(float(p.min()) for p in parts), max(float(p.max()) for p in parts)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high if high > low else low + 1)


def _by_number(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def find_pictures(place: Folder | Archive, where: str, options: Options) -> tuple[list[Group], list[Group], list[str]]:
    """Groups to train on and to hold out, and notes, of a folder or archive of pictures."""
    if not place.names:
        raise InputError(f"data {where!r} is empty: pictures are looked for ({', '.join(FORMATS)})")
    notes: list[str] = []
    train, held = [], []
    table, beside = sheet_name(place.names, where), told_apart(options.labels)[0]
    if beside is not None and table is not None and Path(where, table).resolve() != beside:
        notes.append(f"{table} is passed over for {beside.name}")
    place.names = [name for name in place.names if name != table and Path(where, name).resolve() != beside]
    refused = [ValueError(place.refused[name]) if name in place.refused else None for name in place.names]
    names, _ = sieve(where, place.names, refused, options, notes)
    names, found = sieve(where, names, list(each(place, names, header, "looking at pictures")), options, notes)
    if not names:
        raise InputError(f"data {where!r} has no pictures")
    headers = dict(zip(names, found, strict=True))
    labels = labels_of(place.labels, place.base, names, where)
    for number, domain in enumerate(domains(names)):
        if labels is not None:
            domain.classes = labels
        if table is not None or beside is not None:
            there = [*domain.train, *domain.test]
            sheet = sheet_beside(beside, there, where) if beside else read_sheet(place, str(table), where)
            described(sheet, names, where)
            domain.sheet = sheet
            domain.train, domain.test = (described(domain.sheet, part, where) for part in (domain.train, domain.test))
        elif options.labels is not None:
            raise InputError(
                f"labels {options.labels!r}: no table in {where!r} says what the pictures show (labels.csv)"
            )
        if options.limit is not None:
            keep = order.chosen(options.limit, len(domain.train), order.LIMIT)
            domain.train = [domain.train[i] for i in np.sort(keep)]
        arrays, n = pictures(place, domain, headers, where, options, notes)
        first, rest = options.split(n, bool(domain.test))
        rest = np.arange(n, len(arrays[domain.array].source)) if domain.test else rest
        train.append(Group(arrays, number, first))
        held += [Group(arrays, number, rest)] if len(rest) else []
    return train, held, notes
