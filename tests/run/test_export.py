"""Samples come out in the user's own units, in every form."""

import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import zerosum as zs
from zerosum import export
from zerosum.data.wavs import read_wav, write_wav
from zerosum.errors import InputError
from zerosum.spec import Field, Pixels

from .conftest import write_table


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A table, its real rows as games see them, and their field."""
    path = write_table(tmp_path_factory.mktemp("table") / "people.csv")
    data = zs.data(path, holdout=0.0)
    return pl.read_csv(path), data.all("x"), data.spec.x


def pictures(dtype, shape, low=0, high=255):
    return np.random.default_rng(0).integers(low, high, shape, dtype, endpoint=True)


def field_of(values: np.ndarray) -> tuple[torch.Tensor, Field]:
    data = zs.data(values, holdout=0.0)
    return data.all("x"), data.spec.x


def test_real_rows_of_a_table_come_back_as_they_were(people, tmp_path):
    frame, x, field = people
    for name in ("out.csv", "out.parquet"):
        path = export.write(x, field, tmp_path / name)
        back = pl.read_csv(path) if name.endswith("csv") else pl.read_parquet(path)
        assert back.columns == frame.columns
        assert back.dtypes == frame.dtypes
        assert back.equals(frame)
    folder = export.write(x, field, tmp_path / "folder")
    assert pl.read_csv(folder / "samples.csv").equals(frame)


def test_rows_of_a_table_as_arrays_hold_no_objects(people, tmp_path):
    frame, x, field = people
    rows = np.load(export.write(x, field, tmp_path / "x.npy"))
    assert rows.dtype.names == tuple(frame.columns)
    assert rows["town"].tolist() == frame["town"].to_list()
    assert np.load(export.write(x, field, tmp_path / "x.npz"))["x"].dtype == rows.dtype


def test_generated_rows_have_only_the_tables_own_values(people, tmp_path):
    frame, x, field = people
    wild = torch.randn(500, *x.shape[1:], generator=torch.Generator().manual_seed(0)) * 3
    back = pl.read_csv(export.write(wild, field, tmp_path / "x.csv"))
    assert set(back["town"]) <= set(frame["town"])
    assert back["children"].dtype == pl.Int64
    heights = back["height"].to_numpy()
    assert np.allclose(heights, heights.round(2))


def test_labels_become_a_column_and_an_array(people, tmp_path):
    frame, x, field = people
    labels = {"kind": np.array(["a", "b"] * 40, dtype=object)}
    back = pl.read_csv(export.write(x, field, tmp_path / "x.csv", labels=labels))
    assert back.columns == [*frame.columns, "kind"]
    assert back["kind"].to_list() == ["a", "b"] * 40
    assert np.load(export.write(x, field, tmp_path / "x.npz", labels=labels))["kind"].tolist() == ["a", "b"] * 40


@pytest.mark.parametrize(
    ("dtype", "shape", "high"),
    [
        (np.uint8, (6, 5, 7), 255),
        (np.uint8, (6, 5, 7, 3), 255),
        (np.uint8, (6, 5, 7, 4), 255),
        (np.uint16, (6, 5, 7), 65535),
        (np.uint8, (6, 5, 7), 16),
    ],
    ids=str,
)
def test_pictures_come_back_bit_for_bit(dtype, shape, high, tmp_path):
    values = pictures(dtype, shape, high=high)
    x, field = field_of(values)
    back = np.load(export.write(x, field, tmp_path / "x.npy"))
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)
    if high in (255, 65535):
        folder = export.write(x, field, tmp_path / "folder")
        assert sorted(p.name for p in folder.iterdir()) == [f"{i:06d}.png" for i in range(6)]
        for i in range(6):
            with Image.open(folder / f"{i:06d}.png") as picture:
                np.testing.assert_array_equal(np.asarray(picture), values[i])


def test_what_lies_outside_is_clipped(tmp_path):
    x = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0]).reshape(1, 1, 1, 5)
    back = np.load(export.write(x, Field((1, 1, 5), "image", Pixels(layout="hw")), tmp_path / "x.npy"))
    assert back.tolist() == [[[0, 0, 128, 255, 255]]]


def test_bare_arrays_keep_their_dtype_and_units(tmp_path):
    values = np.random.default_rng(0).normal([5, 500], [0.1, 90], (40, 2)).astype(np.float32)
    x, field = field_of(values)
    back = np.load(export.write(x, field, tmp_path / "x.npy"))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, values, rtol=1e-5)
    assert pl.read_csv(export.write(x, field, tmp_path / "x.csv")).shape == (40, 2)


def test_pictures_as_a_table_have_one_column_a_pixel(tmp_path):
    values = pictures(np.uint8, (6, 2, 3))
    x, field = field_of(values)
    back = pl.read_csv(export.write(x, field, tmp_path / "x.csv"))
    assert back.columns == [f"v{i}" for i in range(6)]
    np.testing.assert_array_equal(back.to_numpy().reshape(6, 2, 3), values)


@pytest.mark.parametrize("shape", [(9, 5, 7, 3), (9, 5, 7)])
def test_a_grid_shows_all_of_them(shape, tmp_path):
    x, field = field_of(pictures(np.uint8, shape))
    with Image.open(export.write(x, field, tmp_path / "deep" / "grid.PNG")) as picture:
        assert picture.mode == "RGB"
        assert np.asarray(picture).std() > 30


def test_an_unknown_ending_is_refused_before_anything_is_written(people, tmp_path):
    _, x, field = people
    with pytest.raises(InputError, match=r"cannot write samples as '.gif'; --out takes .png, .npy, .npz, .csv"):
        export.write(x, field, tmp_path / "new" / "x.gif")
    assert list(tmp_path.iterdir()) == []


def test_sound_comes_out_as_wav_files(tmp_path):
    for i in range(3):
        write_wav(tmp_path / "in" / f"{i}.wav", 0.3 * torch.sin(torch.arange(9000) * (0.1 + 0.1 * i)), 8000)
    data = zs.data(str(tmp_path / "in"), size="32x32", holdout=0.0)
    x, field = data.all("x")[:2], data.spec.x
    one = export.write(x, field, tmp_path / "all.wav")
    several = sorted(export.write(x, field, tmp_path / "each").iterdir())
    assert [path.name for path in several] == ["000000.wav", "000001.wav"]
    lengths = []
    for path in (one, *several):
        with path.open("rb") as f:
            lengths.append(len(read_wav(f).wave))
    assert lengths == [2 * 31 * 128, 31 * 128, 31 * 128]
    values = np.load(export.write(x, field, tmp_path / "x.npy"))
    assert -80 <= values.min() < values.max() <= 10, "decibels"
    with pytest.raises(InputError, match=r"\.wav holds sound; these samples are none"):
        export.write(*field_of(pictures(np.uint8, (4, 8, 8))), tmp_path / "no.wav")


def stand_in(folder, does, monkeypatch):
    """An ffmpeg that does this; `$out` is its last argument."""
    (folder / "ffmpeg").write_text(f"#!/bin/sh\nfor out; do :; done\n{does}\n")
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def moving(n, h, w):
    """Pictures that grow brighter, and their field."""
    field = field_of(np.zeros((2, h, w), np.uint8))[1]
    return torch.linspace(-1, 1, n).view(n, 1, 1, 1).expand(n, *field.shape), field


def test_a_film_is_handed_to_ffmpeg_picture_by_picture(tmp_path, monkeypatch):
    stand_in(tmp_path, 'echo "$@" > "$out"; cat >> "$out"', monkeypatch)
    x, field = moving(5, 100, 60)
    command, pixels = export.frames(x, field, tmp_path / "deep/a b.mp4", 5).read_bytes().split(b"\n", 1)
    assert b"-s 180x300 -r 12" in command
    seen = np.frombuffer(pixels, np.uint8).reshape(5, 300, 180, 3)
    assert seen.min((1, 2, 3)).tolist() == seen.max((1, 2, 3)).tolist() == [0, 64, 128, 191, 255]


def test_what_ffmpeg_says_is_passed_on_and_so_is_its_absence(tmp_path, monkeypatch):
    x, field = moving(2, 8, 8)
    stand_in(tmp_path, "echo first; echo no encoder for this >&2; exit 1", monkeypatch)
    with pytest.raises(InputError, match=r"ffmpeg could not write .*a\.webm: no encoder for this$"):
        export.frames(x, field, tmp_path / "a.webm", 2)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(
        InputError, match=r"\.mp4 is written by ffmpeg, which is not installed .* \.gif, \.apng, \.webp"
    ):
        export.frames(x, field, tmp_path / "a.mp4", 2)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("suffix", export.FILMS)
def test_ffmpeg_reads_the_film_back(suffix, tmp_path):
    x, field = moving(6, 19, 19)  # shown at 247 pixels, which is odd
    path = export.frames(x, field, tmp_path / f"a{suffix}", 6)
    back = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    pixels = subprocess.run(back, capture_output=True, check=True).stdout
    seen = np.frombuffer(pixels, np.uint8).reshape(6, 248, 248)[:, :240, :240].mean((1, 2))
    assert np.abs(seen - np.linspace(0, 255, 6)).max() < 4, "as bright as they were"
