"""25 kinds of broken, odd and hostile pictures: none ends in anything but a picture or a line that names the file."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zerosum.data as d
from zerosum.errors import InputError

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8))


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


PNG, JPEG = saved(RGB, "PNG"), saved(RGB, "JPEG")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


GIF = saved(RGB.quantize(), "GIF", save_all=True, append_images=[RGB.rotate(90).quantize()])
FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "cut in half": ("png", lambda: PNG[: len(PNG) // 2]),
    "cut by a byte": ("jpg", lambda: JPEG[:-40]),
    "empty": ("png", lambda: b""),
    "zeros": ("png", lambda: bytes(5000)),
    "text": ("png", lambda: b"hello, I am no picture\n"),
    "a signature alone": ("png", lambda: PNG[:8]),
    "a broken header": ("png", lambda: flipped(PNG, 20)),
    "a broken checksum": ("png", lambda: flipped(PNG, 60)),
    "broken pixels": ("jpg", lambda: flipped(flipped(JPEG, len(JPEG) // 2), len(JPEG) // 2 + 1)),
    "a jpeg named png": ("png", lambda: JPEG),
    "a png named jpg": ("jpg", lambda: PNG),
    "four inks": ("jpg", lambda: saved(RGB.convert("CMYK"), "JPEG")),
    "16 bits": ("png", lambda: saved(Image.fromarray(np.arange(576, dtype=np.uint16).reshape(24, 24)), "PNG")),
    "one bit": ("png", lambda: saved(RGB.convert("1"), "PNG")),
    "a palette": ("png", lambda: saved(RGB.quantize(), "PNG")),
    "a see-through palette": ("png", lambda: saved(RGB.quantize(), "PNG", transparency=3)),
    "grey with alpha": ("png", lambda: saved(RGB.convert("LA"), "PNG")),
    "a film": ("gif", lambda: GIF),
    "turned by EXIF": ("jpg", lambda: saved(RGB, "JPEG", exif=turned())),
    "a broken EXIF": ("jpg", lambda: saved(RGB, "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)),
    "a claim of 2^31 pixels": ("png", lambda: png(2**31 - 1, 2**31 - 1, b"")),
    "a bomb": ("png", lambda: png(40_000, 40_000, bytes(20_000_000))),
    "no pixels": ("png", lambda: png(24, 0, b"")),
    "postscript": ("png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(x) run\n"),
    "vectors with entities": ("png", lambda: b'<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'),
    "a zip": ("png", lambda: zipped()),
}


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("a.png", PNG)
    return out.getvalue()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("memory", [2.0, 0.0])
def test_a_picture_or_a_line_that_names_it(tmp_path: Path, name: str, memory: float):
    suffix, make = FILES[name]
    for i in range(4):
        (tmp_path / f"good{i}.png").write_bytes(PNG)
    (tmp_path / f"odd.{suffix}").write_bytes(make())
    refused = ""
    try:
        d.open(tmp_path, size="16", holdout=0, memory=memory).all("x")
    except InputError as error:
        refused = str(error)
    assert not refused or f"odd.{suffix}" in refused
    with warnings.catch_warnings(record=True) as late:  # what is decoded as it is needed is found as late as that
        warnings.simplefilter("always")
        skipping = d.open(tmp_path, size="16", holdout=0, memory=memory, bad_files="skip")
        x = skipping.all("x")
    told = [*skipping.notes, *(str(w.message) for w in late)]
    assert len(x) == (4 if refused and not late else 5), "one found late is shown as another"
    assert x.isfinite().all()
    assert not refused or f"odd.{suffix}" in " ".join(told)


def test_there_are_25_kinds_or_more():
    assert len(FILES) >= 25
