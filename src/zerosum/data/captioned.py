"""Pictures with captions: emoji and fruits by their names, drawings side by side, coloured shapes."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..errors import InputError
from .readers import read_npz
from .sources import resized

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DRAWINGS = ("flamingo", "bird", "cat", "fish", "flower", "star", "tree", "umbrella")
SMALL = 9 / 14  # side of a small thing, in sides of a large one
SCENES = 6000

SHAPES = ("circle", "square", "triangle")
COLOURS = {"red": (230, 60, 50), "green": (60, 190, 80), "blue": (70, 100, 240), "yellow": (240, 210, 60)}
RADII = {"small": 2.2, "large": 3.8}  # pixels
PLACES = {"left": 4.0, "centre": 8.0, "right": 12.0}  # pixels from the left
ATTRIBUTES = (SHAPES, tuple(COLOURS), tuple(RADII), tuple(PLACES))
PHRASES = (
    "a {2} {1} {0} at the {3}",
    "at the {3}, a {2} {1} {0}",
    "the {0} at the {3} is {1} and {2}",
)
SIDE, FINE = 16, 4  # pixels of a shape's picture, and points a pixel along each side


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


def variety(name: str) -> str:
    """Fruits360's "Apple Red Yellow 2" -> "a red yellow apple"."""
    kind, *traits = [word.lower() for word in name.split() if not word.isdecimal()]
    told = " ".join([*traits, kind])
    return f"{'an' if told[0] in 'aeiou' else 'a'} {told}"


def scenes(x: np.ndarray, y: np.ndarray, things: tuple[str, ...], cell: int) -> dict[str, np.ndarray]:
    """Grey pictures, two cells wide and high, of two of the drawings `x` `[n, h, w]`, white on black, which show the
    things `y`: "a large seven above a small two"; always the same ones."""
    random = np.random.default_rng(0)
    sizes = {"large": cell, "small": round(cell * SMALL)}
    scaled = {k: resized(torch.from_numpy(x)[:, None].float(), (n, n))[:, 0].numpy() for k, n in sizes.items()}
    pictures, captions = np.zeros((SCENES, 2 * cell, 2 * cell), np.float32), []
    for i in range(SCENES):
        (a, b), large = random.integers(len(x), size=2), random.choice(list(sizes), 2)
        where = str(random.choice(["above", "below", "left of", "right of"]))
        first, along = where in ("above", "left of"), where in ("above", "below")
        for j, size, start in ((a, large[0], 0 if first else cell), (b, large[1], cell if first else 0)):
            n = sizes[size]
            corner = (start + (cell - n) // 2, (2 * cell - n) // 2)
            top, left = corner if along else corner[::-1]
            pictures[i, top : top + n, left : left + n] = scaled[size][j]
        captions.append(f"a {large[0]} {things[int(y[a])]} {where} a {large[1]} {things[int(y[b])]}")
    high = float(x.max())
    return {"x": (pictures.clip(0, high) * 255 / high).astype(np.uint8), "y": np.array(captions)}


def kinds_of_shapes() -> np.ndarray:
    """All 72 of them, a row each: numbers of shape, colour, size and place in ATTRIBUTES."""
    return np.array(list(product(*(range(len(names)) for names in ATTRIBUTES))))


def shapes(kinds: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """RGB 16x16 pictures of one coloured shape each, of these kinds `[n, 4]`, with a caption in one of three phrases;
    height, exact place and shade are random."""
    random = np.random.default_rng(seed)
    shape, colour, size, place = kinds.T
    n = len(kinds)
    radius = np.array(list(RADII.values()))[size] * random.uniform(0.92, 1.08, n)
    across = np.array(list(PLACES.values()))[place] + random.uniform(-0.5, 0.5, n)
    down = random.uniform(4.5, SIDE - 4.5, n)
    paint = np.array(list(COLOURS.values()))[colour] * random.uniform(0.85, 1, (n, 1))
    points = (np.arange(SIDE * FINE) + 0.5) / FINE
    x = ((points - across[:, None]) / radius[:, None])[:, None, :]
    y = ((points - down[:, None]) / radius[:, None])[:, :, None]
    inside = np.select(
        [shape[:, None, None] == k for k in range(3)],
        [x**2 + y**2 <= 1, np.maximum(abs(x), abs(y)) <= 0.9, (y <= 0.8) & (y >= 2 * abs(x) - 1)],
    )
    cover = inside.reshape(n, SIDE, FINE, SIDE, FINE).mean((2, 4))
    phrases = random.integers(len(PHRASES), size=n)
    told = [[names[k] for names, k in zip(ATTRIBUTES, kind, strict=True)] for kind in kinds]
    captions = [PHRASES[p].format(*words) for p, words in zip(phrases, told, strict=True)]
    return {"x": (cover[..., None] * paint[:, None, None]).round().astype(np.uint8), "y": np.array(captions)}


def some_shapes(n: int = SCENES) -> dict[str, np.ndarray]:
    """`n` of all kinds, always the same ones."""
    kinds = kinds_of_shapes()
    return shapes(kinds[np.random.default_rng(0).integers(len(kinds), size=n)], 0)
