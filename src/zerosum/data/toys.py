"""Generated sets of points in the plane."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..spec import Classes, Column, Columns, Field
from .arrays import Array, Group
from .fields import Options
from .sources import Held, stamp

EXAMPLES = 10_000
Points = tuple[np.ndarray, np.ndarray | None, dict[str, Any]]  # points [n, 2], labels [n], extra facts


def mixture(rng: np.random.Generator, n: int, modes: np.ndarray, std: float) -> Points:
    """Equally likely round Gaussians."""
    y = rng.integers(len(modes), size=n)
    return modes[y] + std * rng.standard_normal((n, 2)), y, {"modes": modes.tolist(), "mode_std": std}


def ring8(rng: np.random.Generator, n: int) -> Points:
    """8 Gaussians of standard deviation 0.02 on a circle of radius 2."""
    angle = 2 * np.pi * np.arange(8) / 8
    return mixture(rng, n, 2 * np.stack([np.cos(angle), np.sin(angle)], 1).round(12), 0.02)


def grid25(rng: np.random.Generator, n: int) -> Points:
    """25 Gaussians of standard deviation 0.05 on a 5 x 5 grid of spacing 2, from -4 to 4."""
    side = np.arange(-4.0, 5.0, 2.0)
    return mixture(rng, n, np.stack(np.meshgrid(side, side), -1).reshape(-1, 2), 0.05)


def moons(rng: np.random.Generator, n: int) -> Points:
    """Two interleaved half circles of radius 1, noise 0.05."""
    y = rng.integers(2, size=n)
    angle = np.pi * rng.random(n)
    x = np.stack([np.cos(angle), np.sin(angle)], 1)
    x[y == 1] = [1.0, 0.5] - x[y == 1]
    return x + 0.05 * rng.standard_normal((n, 2)), y, {}


def swissroll(rng: np.random.Generator, n: int) -> Points:
    """The spiral t (cos t, sin t), t in [1.5 pi, 4.5 pi], noise 0.25, divided by 7.5, as in Gulrajani et al. 2017."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    x = np.stack([t * np.cos(t), t * np.sin(t)], 1)
    return (x + 0.25 * rng.standard_normal((n, 2))) / 7.5, None, {}


def circles(rng: np.random.Generator, n: int) -> Points:
    """Two circles about one centre, of radius 1 and 0.5, noise 0.05."""
    y = rng.integers(2, size=n)
    angle = 2 * np.pi * rng.random(n)
    x = (1 - 0.5 * y)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return x + 0.05 * rng.standard_normal((n, 2)), y, {}


def gaussian(rng: np.random.Generator, n: int) -> Points:
    """The standard normal distribution."""
    return rng.standard_normal((n, 2)), None, {"modes": [[0.0, 0.0]], "mode_std": 1.0}


TOYS: dict[str, Callable[[np.random.Generator, int], Points]] = {
    f.__name__: f for f in (moons, circles, ring8, grid25, swissroll, gaussian)
}


def toy(source: str, options: Options) -> tuple[Group, Group]:
    """`ring8`, or `ring8:20000` for so many points: training points, and as many fresh draws to hold out.

    Both columns are divided by one spread, so that circles stay circles.
    """
    name, _, count = source.partition(":")
    if count and (not count.isdecimal() or int(count) < 2):
        raise InputError(f"data {source!r}: after the colon stands the number of points, at least 2: {name}:20000")
    n = int(count or options.limit or EXAMPLES)
    points, labels, extra = TOYS[name](_generator(name, 0), n)
    spread = float(np.sqrt(points.var(0).mean()))
    columns = tuple(
        Column(axis, float(v.mean()), spread, float(v.min()), float(v.max()))
        for axis, v in zip("xy", points.T, strict=True)
    )
    field = Field((2,), "vector", Columns(columns), extra)
    fresh, fresh_labels, _ = TOYS[name](_generator(name, 1), n)
    return _group(field, points, labels), _group(field, fresh, fresh_labels)


def _generator(name: str, part: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), part])


def _group(field: Field, points: np.ndarray, labels: np.ndarray | None) -> Group:
    assert isinstance(field.codec, Columns)
    rows = field.codec.encode(torch.from_numpy(points))
    arrays = {"x": Array(field, Held(rows, stamp(points)))}
    if labels is not None:
        classes = Classes(tuple(str(i) for i in range(len(field.extra.get("modes", "ab")))))
        arrays["y"] = Array(Field((), "label", classes), Held(torch.from_numpy(labels), stamp(labels)))
    return Group(arrays)
