"""Samples, in the user's own units, to files."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import event_export
from .data import pictures
from .data.wavs import write_wav
from .errors import InputError
from .sound import Ear, played
from .spec import Columns, Pixels

if TYPE_CHECKING:
    import polars as pl
    from PIL import Image
    from torch import Tensor

    from .spec import Field

SUFFIXES = ".png, .npy, .npz, .csv, .parquet, or a folder"
EVENTS = ".hepmc, .lhe, .root and .txt"


def write(
    x: Tensor,
    field: Field,
    path: Path,
    reference: Tensor | None = None,
    labels: dict[str, np.ndarray] | None = None,
) -> Path:
    """Write samples `x`, `[n, *field.shape]` in model space, in the form that the path's suffix asks for.

    .png is one picture of all; .npy and .npz hold the user's units; .csv and .parquet one row a sample; a path without
    a suffix is a folder, of one PNG a picture, one wav file a piece of sound, or of samples.csv; .wav is all pieces of
    sound, one after the other. `reference` are real examples for a scatter plot;
    `labels`, the classes of the samples under their column's name, go into tables and .npz. Events of particle physics
    go to .hepmc, .lhe, .root and .txt, too.
    """
    suffix = path.suffix.lower()
    facts = field.extra.get("events")
    if facts and suffix in event_export.SUFFIXES:
        beam = (labels or {}).get("beam")
        return event_export.write(field.decode(x), facts, path, None if beam is None else beam.reshape(-1))
    if not facts and suffix in event_export.SUFFIXES and suffix != ".npz":
        raise InputError(f"{EVENTS} hold events of particle physics; these samples are none. --out takes {SUFFIXES}")
    if suffix == ".wav" or (not suffix and "sound" in field.extra):
        return write_sounds(x, field, path)
    if suffix not in (".png", ".npy", ".npz", ".csv", ".parquet", ""):
        more = f"; events also {EVENTS}" if facts else ""
        raise InputError(f"cannot write samples as {path.suffix!r}; --out takes {SUFFIXES}{more}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        pictures.picture(x, field, reference).save(path)
    elif suffix == ".npy":
        np.save(path, without_objects(field.decode(x)), allow_pickle=False)
    elif suffix == ".npz":
        named = {name: values.astype(str) for name, values in (labels or {}).items()}
        np.savez(path, x=without_objects(field.decode(x)), allow_pickle=False, **named)
    elif suffix:
        frame = table(x, field, labels)
        frame.write_csv(path) if suffix == ".csv" else frame.write_parquet(path)
    elif isinstance(field.codec, Pixels):
        path.mkdir(exist_ok=True)
        for i, one in enumerate(x):
            still(one, field.codec).save(path / f"{i:06d}.png")
    else:
        path.mkdir(exist_ok=True)
        table(x, field, labels).write_csv(path / "samples.csv")
    return path


def write_sounds(x: Tensor, field: Field, path: Path) -> Path:
    """Pieces of sound as one wav file, or, without a suffix, as a folder of one file each."""
    if "sound" not in field.extra:
        raise InputError(f".wav holds sound; these samples are none. --out takes {SUFFIXES}")
    ear = Ear.of(field.extra["sound"])
    waves = [played(torch.from_numpy(one), ear, seed=i) for i, one in enumerate(field.decode(x))]
    if path.suffix:
        return write_wav(path, torch.cat(waves), ear.rate)
    for i, wave in enumerate(waves):
        write_wav(path / f"{i:06d}.wav", wave, ear.rate)
    return path


def write_pairs(a: Tensor, b: Tensor, fields: tuple[Field, Field], path: Path) -> Path:
    """Write joint draws of a and b: one picture of both, an .npz of both, or a folder with folders a and b."""
    suffix = path.suffix.lower()
    if suffix not in (".png", ".npz", ""):
        raise InputError(f"cannot write pairs as {path.suffix!r}; --out takes .png, .npz, or a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    named = list(zip("ab", (a, b), fields, strict=True))
    if suffix == ".npz":
        np.savez(path, allow_pickle=False, **{name: without_objects(f.decode(x)) for name, x, f in named})
    elif not suffix:
        for name, x, f in named:
            write(x, f, path / name)
    elif any(f.kind != "image" for f in fields):
        raise InputError("pairs of rows are written as .npz or a folder")
    else:
        n = 16
        rows = [(name, x[i : i + n]) for i in range(0, len(a), n) for name, x, _ in named]
        pictures.rows(rows, columns=min(n, len(a))).save(path)
    return path


def still(x: Tensor, codec: Pixels) -> Image.Image:
    """One picture `[c, h, w]` in [-1, 1] as PNG holds it: grey, RGB or RGBA of 8 bits, or 16-bit grey."""
    from PIL import Image

    grey = len(x) == 1
    if grey and codec.dtype == "uint16":
        return Image.fromarray(replace(codec, layout="hw").decode(x[None])[0])
    values = Pixels(layout="hwc").decode(x[None, : 4 if len(x) == 4 else 3])[0]
    return Image.fromarray(values[..., 0] if len(x) < 3 else values)


MOVING = {".gif": "GIF", ".apng": "PNG", ".webp": "WEBP"}
FILMS = (".mp4", ".webm", ".mov", ".mkv")  # by ffmpeg, where it is installed


def frames(
    x: Tensor, field: Field, path: Path, columns: int, reference: Tensor | None = None, per_second: int = 12
) -> Path:
    """Pictures that follow one another: moving, or side by side in rows of `columns`. Points: all in one plot."""
    suffix = path.suffix.lower()
    kinds = (".png", *MOVING, *FILMS) if field.kind == "image" else (".png",)
    if suffix not in kinds:
        raise InputError(f"cannot write this as {path.suffix or 'a folder'!r}; --out takes {', '.join(kinds)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".png":
        shown = pictures.grid(x, columns) if field.kind == "image" else pictures.picture(x, field, reference)
        shown.save(path)
        return path
    large = max(1, round(256 / max(field.shape[1:])))
    first, *rest = (pictures.grid(one[None], 1, 0, large) for one in x)
    if suffix in FILMS:
        return film([first, *rest], path, per_second)
    first.save(path, MOVING[suffix], save_all=True, append_images=rest, duration=1000 // per_second, loop=0)
    return path


def film(frames: Sequence[Image.Image], path: Path, per_second: int) -> Path:
    """Pictures of one size as a film that ffmpeg writes, in the code that it prefers for the path's suffix."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise InputError(
            f"{path.suffix} is written by ffmpeg, which is not installed (apt, brew or winget install ffmpeg); without "
            f"it --out takes {', '.join(MOVING)}"
        )
    w, h = frames[0].size
    command = [ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}"]
    command += ["-r", str(per_second), "-i", "-"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]  # an even size: what all players play
    pixels = b"".join(frame.convert("RGB").tobytes() for frame in frames)
    done = subprocess.run([*command, str(path.resolve())], input=pixels, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it does not say why"]
        raise InputError(f"ffmpeg could not write {path}: {said[-1]}")
    return path


def without_objects(values: np.ndarray) -> np.ndarray:
    """Strings as fixed-width text: an array of objects could only be pickled."""
    if values.dtype.names is None:
        return values
    columns = {n: values[n].astype(str) if values[n].dtype == object else values[n] for n in values.dtype.names}
    out = np.empty(len(values), dtype=[(n, c.dtype) for n, c in columns.items()])
    for name, column in columns.items():
        out[name] = column
    return out


def table(x: Tensor, field: Field, labels: dict[str, np.ndarray] | None = None) -> pl.DataFrame:
    """One row a sample: named columns of a table, else one column a value; then the labels."""
    import polars as pl

    values = field.decode(x)
    if values.dtype.names is not None:
        columns = {n: values[n].tolist() for n in values.dtype.names}
    else:
        flat = values.reshape(len(values), -1)
        names = field.codec.names if isinstance(field.codec, Columns) else None
        columns = dict(zip(names or [f"v{i}" for i in range(flat.shape[1])], flat.T, strict=True))
    return pl.DataFrame(columns | {name: v.tolist() for name, v in (labels or {}).items()})
