"""Clouds of points `[n, d]` in float64, and the distances between them: what the metrics stand on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError

Array = Tensor | np.ndarray
BLOCK = 2**24  # values of a distance matrix held at once, 128 MiB


def rows(x: Array) -> Tensor:
    """`[n]`, `[n, d]` or `[n, ...]` -> `[n, d]` in float64. Raises InputError for no rows or values that are not
    finite."""
    x = torch.as_tensor(x).detach()
    x = (x[:, None] if x.ndim == 1 else x.flatten(1)).double()
    if not len(x):
        raise InputError("a metric needs at least one point, and got none")
    if bad := int((~x.isfinite()).sum()):
        raise InputError(
            f"{bad} of {x.numel()} values are not finite (NaN or infinity): this has no distance to anything"
        )
    return x


def pair(x: Array, y: Array, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both as rows of equal width, each with at least `least` of them."""
    x, y = rows(x), rows(y)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"points of {x.shape[1]} values cannot be compared with points of {y.shape[1]}")
    if min(len(x), len(y)) < least:
        raise InputError(f"this metric needs at least {least} points on each side; it got {len(x)} and {len(y)}")
    return x, y


def blocks(n: int, width: int) -> Iterator[slice]:
    """Consecutive slices of n rows, each small enough for a matrix of `width` columns to be held."""
    size = max(1, BLOCK // width)
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """`[n, d]`, `[m, d]` -> `[n, m]`, by |x|^2 + |y|^2 - 2 x.y about the centre of y, which keeps the rounding
    small."""
    centre = y.mean(0)
    x, y = x - centre, y - centre
    return torch.addmm((y * y).sum(1), x, y.T, alpha=-2).add_((x * x).sum(1)[:, None]).clamp_(min=0)
