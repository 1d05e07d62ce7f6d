"""Pictures, recordings and tables through a run that translates: original sizes and names are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .data.changes import grey
from .data.door import PICTURES
from .data.images import Plan, decode, header, why
from .data.places import Folder
from .data.tables import read_table, rows_of
from .data.wavs import SUFFIX, read_wav, write_wav
from .errors import InputError
from .export import still, write
from .sound import Ear, heard, played
from .spec import Columns, Pixels
from .translation import check_direction, tiled, translate

if TYPE_CHECKING:
    from PIL.Image import Image

    from .game import Game
    from .spec import Field, Spec

LEAST = 8  # pixels of the shorter side, where the run has not seen smaller ones
WHOLE = 1024  # pixels of the longer side, up to which a picture is translated at once
TILE, OVERLAP = 512, 64
KEPT = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")  # endings that outputs have, too


def translate_files(
    game: Game,
    spec: Spec,
    source: Path,
    out: Path,
    way: str = "a2b",
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    skip: bool = False,
) -> Iterator[tuple[str, Path | str]]:
    """Translate a file, or all of a folder; gives (name, where it is written, or why it was left out) one by one.

    Of a folder the outputs lie in `out` under the same names. Transparency goes with the picture where the run knows
    none. Of a table the columns that the run knows are translated, row by row. Raises InputError, naming the file, for
    what is not a picture or too small, unless `skip`.
    """
    check_direction(game, way)
    given, wanted = spec.fields[way[0]], spec.fields[way[2]]
    if "sound" in given.extra and "sound" in wanted.extra:
        if size is not None:
            raise InputError("size scales pictures; recordings keep their length")
        yield from translate_sounds(game, given, source, out, way, tile=tile, overlap=overlap, seed=seed, skip=skip)
        return
    if size is not None and given.kind == "vector":
        raise InputError(f"size scales pictures; this run translates {given}")
    if isinstance(given.codec, Columns) and wanted.kind == "vector":
        rows = rows_of(read_table(source), given.codec, str(source))
        yield source.name, write(translate(game, rows.float(), way, seed), wanted, out)
        return
    if tile is not None and tile < LEAST:
        raise InputError(f"tile is a number of pixels, {LEAST} or more; not {tile}")
    found = files_of(source)
    folder = source.is_dir()
    if not folder and out.suffix.lower() not in KEPT:
        raise InputError(f"cannot write a picture as {out.name!r}; --out takes {', '.join(KEPT)}")
    for name in found:
        path = source / name if folder else source
        target = out / kept_name(name) if folder else out
        try:
            x, alpha = read(path, given, size)
        except InputError as error:
            if not skip:
                raise
            yield name, str(error)
            continue
        y = whole_or_tiled(lambda v: translate(game, v, way, seed), x, tile, overlap)
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = finished(y, alpha, wanted)
        if picture.mode == "RGBA" and target.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
            target = target.with_suffix(".png")  # those hold no transparency
        picture.save(target)
        yield name, target


def translate_sounds(
    game: Game,
    field: Field,
    source: Path,
    out: Path,
    way: str = "a2b",
    *,
    tile: int | None = None,
    overlap: int = OVERLAP,
    seed: int = 0,
    skip: bool = False,
) -> Iterator[tuple[str, Path | str]]:
    """The same of wav files. Each comes out as long as it was; phases are found anew."""
    assert isinstance(field.codec, Pixels)
    ear, codec = Ear.of(field.extra["sound"]), field.codec
    names, folder = files_of(source, (SUFFIX,), "wav files"), source.is_dir()
    if not folder and out.suffix.lower() != SUFFIX:
        raise InputError(f"cannot write sound as {out.name!r}; --out takes {SUFFIX}")
    for name in names:
        path = source / name if folder else source
        try:
            wave = listen(path, ear)
        except InputError as error:
            if not skip:
                raise
            yield name, str(error)
            continue
        x = codec.encode(heard(wave, ear))[None, None]
        columns, short = x.shape[3], max(0, field.shape[2] - x.shape[3])
        x = F.pad(x, (0, short), value=-1.0)  # silence
        y = whole_or_tiled(lambda v: translate(game, v, way, seed), x, tile, overlap)[..., :columns]
        sound = played(torch.from_numpy(codec.decode(y))[0], ear, len(wave), seed)
        yield name, write_wav(out / name if folder else out, sound, ear.rate)


def listen(path: Path, ear: Ear) -> Tensor:
    """A wave `[n]`, sampled as the run's data was."""
    try:
        with path.open("rb") as f:
            found = read_wav(f)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
    if found.rate != ear.rate:
        raise InputError(f"{path}: {found.rate:,} samples a second; this run hears {ear.rate:,}. Convert it")
    return found.wave


def files_of(source: Path, endings: tuple[str, ...] = PICTURES, what: str = "pictures") -> list[str]:
    """Names of the files below the folder; or the one file's."""
    if not source.exists():
        raise InputError(f"there is no file or folder {str(source)!r}")
    if not source.is_dir():
        return [source.name]
    names = [n for n in Folder(source).names if n.lower().endswith(endings)]
    if not names:
        raise InputError(f"{source} has no {what} ({', '.join(endings)})")
    outputs: dict[str, str] = {}
    for name in names:
        other = outputs.setdefault(str(kept_name(name)), name)
        if other != name:
            raise InputError(f"{source}: {other} and {name} would both be written as {kept_name(name)}; rename one")
    return names


def kept_name(name: str) -> Path:
    path = Path(name)
    return path if path.suffix.lower() in (*KEPT, SUFFIX) else path.with_suffix(".png")


def read(path: Path, field: Field, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor | None]:
    """A picture `[1, c, h, w]` as the run's game sees it, and its transparency `[1, 1, h, w]`, where it has some that
    the game does not see."""
    assert isinstance(field.codec, Pixels)
    channels, codec = field.shape[0], field.codec
    if channels not in (1, 3, 4):
        raise InputError(f"pictures have 1, 3 or 4 channels; this run reads {channels}")
    try:
        with path.open("rb") as f:
            head = header(f)
            transparent = channels < 4 and head.channels == 4
            depth = codec.dtype if codec.dtype in ("uint16", "float32") and channels == 1 else "uint8"
            plan = Plan(*(size or (head.h, head.w)), 4 if transparent else channels, depth, size is not None)
            f.seek(0)
            values = torch.from_numpy(decode(f, plan).copy())[None]
    except Exception as error:  # no such file, or one that is damaged: decoders raise anything
        raise InputError(f"{path}: {why(error)}") from error
    h, w = values.shape[2:]
    least = min(LEAST, *field.shape[1:])
    if min(h, w) < least:
        raise InputError(f"{path}: {h}x{w} pixels are too few; this run needs {least} or more each way")
    own = codec if depth == codec.dtype else Pixels()
    x = own.encode(values)
    if not transparent:
        return x, None
    colour = x[:, :3] if channels == 3 else grey(x[:, :3], np.zeros(1))
    return colour, (x[:, 3:] + 1) / 2


def whole_or_tiled(f, x: Tensor, tile: int | None, overlap: int) -> Tensor:
    if tile is None:
        tile = TILE if max(x.shape[2:]) > WHOLE else max(x.shape[2:])
    return tiled(f, x, tile, min(overlap, tile // 2))


def finished(y: Tensor, alpha: Tensor | None, field: Field) -> Image:
    """`[1, c, h, w]` as a picture, with the transparency that the input had."""
    assert isinstance(field.codec, Pixels)
    if alpha is None or y.shape[1] not in (1, 3):
        return still(y[0], field.codec)
    if alpha.shape[2:] != y.shape[2:]:
        alpha = F.interpolate(alpha, y.shape[2:], mode="bilinear", align_corners=False)
    colour = y.expand(-1, 3, -1, -1)
    return still(torch.cat([colour, 2 * alpha - 1], 1)[0], field.codec)
