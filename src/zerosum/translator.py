"""The verb translate. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

RunName = Positional[Annotated[str, arg(metavar="RUN")]]


def translate(
    run: RunName,
    source: Positional[Annotated[Path, arg(metavar="FILES")]],
    out: Path | None = None,
    direction: Literal["a2b", "b2a"] = "a2b",
    tile: int | None = None,
    overlap: int = 64,
    size: str | None = None,
    seed: int = 0,
    bad_files: Literal["stop", "skip"] = "stop",
    round: int | None = None,
    game: str | None = None,
) -> None:
    """Translate a picture or a recording, or a folder of them, or a table, by a run.

    Args:
        run: its folder, number or name, or "latest"
        source: a picture, a wav file or a folder of them, sizes and names are kept; or a table
        out: a picture, wav file or table, or a folder for a folder; beside the run's samples if not said
        direction: from a to b, or from b to a, where the game goes both ways
        tile: pixels that are translated at a time; the whole picture up to 1024 pixels if not said, else 512
        overlap: pixels in which tiles fade into one another
        size: HxW to scale pictures to first
        seed: of the noise, where the game has some
        bad_files: what to do about files that cannot be read
        round: of which checkpoint, the newest if not said
        game: the Python file of a game of yours; loading it runs it
    """
    from . import runs
    from .data.door import size_of
    from .translating import translate_files

    found = runs.find(run, game=game)
    loaded, spec = found.load(round)
    field = spec.fields[direction[0]]
    ending = ".wav" if "sound" in field.extra else ".csv" if field.kind == "vector" else ".png"
    path = out or found.path / "translated" / (source.name if source.is_dir() else f"{source.stem}{ending}")
    scaled = None if size is None else size_of(size)
    for name, done in translate_files(
        loaded, spec, source, path, direction,
        tile=tile, overlap=overlap, size=scaled, seed=seed, skip=bad_files == "skip",
    ):  # fmt: skip
        print(done if isinstance(done, Path) else f"zerosum: {name} left out: {done}")
