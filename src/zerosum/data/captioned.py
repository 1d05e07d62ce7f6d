"""Pictures with captions: emoji by their names, and two digits put together as a sentence says."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..errors import InputError
from .readers import read_npz
from .sources import resized

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIZES = {"large": 14, "small": 9}
SCENES = 6000


def fxemoji(folders: list[Path]) -> dict[str, np.ndarray]:
    """1,026 emoji, RGBA 64x64, each with its name."""
    path = next((p for root in folders for p in root.glob("**/fxemoji_64.npz")), None)
    if path is None:
        raise InputError(
            "fxemoji is not downloaded: lay fxemoji_64.npz in a folder and name it with --data-dir or ZEROSUM_DATA"
        )
    held = read_npz(path)
    body, ends = held["body"].tobytes(), held["offset"]
    files = (BytesIO(body[a:b]) for a, b in pairwise(ends))
    x = np.stack([np.asarray(Image.open(f, formats=("PNG",)).convert("RGBA")) for f in files])
    return {"x": x, "y": held["caption"]}


def scenes(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """28x28 pictures of two of the digits `x` `[n, 8, 8]` of classes `y`, "a large seven above a small two"; always the
    same ones."""
    random = np.random.default_rng(0)
    large = {k: resized(torch.from_numpy(x)[:, None].float(), (n, n))[:, 0].numpy() for k, n in SIZES.items()}
    pictures, captions = np.zeros((SCENES, 28, 28), np.float32), []
    for i in range(SCENES):
        (a, b), sizes = random.integers(len(x), size=2), random.choice(list(SIZES), 2)
        where = str(random.choice(["above", "below", "left of", "right of"]))
        first, along = where in ("above", "left of"), where in ("above", "below")
        for j, size, start in ((a, sizes[0], 0 if first else 14), (b, sizes[1], 14 if first else 0)):
            n = SIZES[size]
            corner = (start + (14 - n) // 2, (28 - n) // 2)
            top, left = corner if along else corner[::-1]
            pictures[i, top : top + n, left : left + n] = large[size][j]
        captions.append(f"a {sizes[0]} {WORDS[int(y[a])]} {where} a {sizes[1]} {WORDS[int(y[b])]}")
    return {"x": (pictures.clip(0, 16) * 255 / 16).astype(np.uint8), "y": np.array(captions)}
