"""Kernel two-sample statistics: MMD^2, kernel distance and energy distance are one formula with three kernels,

    E k(x, x') + E k(y, y') - 2 E k(x, y)                                       (Gretton et al. 2012, Eq. 2)

`biased` averages over all pairs (never negative for these kernels), `unbiased` leaves out each point with itself (zero
on average where the distributions agree, so it may be negative).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError
from .points import Array, blocks, pair, rows, squared_distances

Estimator = Literal["unbiased", "biased", "linear"]
Kernel = Callable[[Tensor, Tensor], Tensor]  # [n, d], [m, d] -> [n, m]
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd2(x: Array, y: Array, *, bandwidths: Sequence[float] | None = None, estimator: Estimator = "unbiased") -> float:
    """Squared maximum mean discrepancy of `[n, d]` and `[m, d]`, in [-1/n, 2].

    The kernel is the mean over `bandwidths` s of exp(-|x-y|^2 / 2 s^2); by default 1/4, 1/2, 1, 2 and 4 times the
    median distance. "linear" takes each point once, in time O(n) (Gretton et al. 2012, Lemma 14).
    """
    x, y = pair(x, y, least=2)
    scales = [s * median_distance(torch.cat([x, y])) for s in SCALES] if bandwidths is None else list(bandwidths)
    if not scales or min(scales) <= 0:
        raise InputError(f"bandwidths are positive numbers, not {scales}")

    def gaussian(squared: Tensor) -> Tensor:
        total = torch.zeros_like(squared)
        for s in scales:
            total += (squared / (-2 * s * s)).exp_()
        return total / len(scales)

    if estimator == "linear":
        return _linear(x, y, lambda a, b: gaussian((a - b).square().sum(1)))
    return _discrepancy(x, y, lambda a, b: gaussian(squared_distances(a, b)), estimator)


def median_distance(x: Array, limit: int = 1000) -> float:
    """Median distance between distinct points of `[n, d]`: the usual bandwidth. Of more than `limit` points it takes
    that many, evenly spread. If over half of the pairs coincide it is their mean distance (1 if all coincide)."""
    x = rows(x)
    x = x[torch.linspace(0, len(x) - 1, min(limit, len(x))).long()]
    distances = torch.nn.functional.pdist(x)
    if not len(distances) or not float(distances.max()):
        return 1.0
    return float(distances.median()) or float(distances.mean())


def kernel_distance(x: Array, y: Array) -> float:
    """KID of feature rows `[n, d]` and `[m, d]` (Binkowski et al. 2018): unbiased MMD^2 with kernel (x.y / d + 1)^3,
    over all pairs, where the reference code averages over subsets of 1000."""
    x, y = pair(x, y, least=2)
    return _discrepancy(x, y, lambda a, b: (a @ b.T / a.shape[1] + 1).pow_(3), "unbiased")


def energy_distance(x: Array, y: Array, *, estimator: Literal["unbiased", "biased"] = "unbiased") -> float:
    """2 E|x-y| - E|x-x'| - E|y-y'| of `[n, d]` and `[m, d]` (Szekely & Rizzo 2013); scipy's figure is the root of
    it."""
    x, y = pair(x, y, least=2)
    return _discrepancy(x, y, lambda a, b: squared_distances(a, b).sqrt_().neg_(), estimator)


def _discrepancy(x: Tensor, y: Tensor, kernel: Kernel, estimator: str) -> float:
    if estimator not in ("unbiased", "biased"):
        raise InputError(f"the estimator is 'unbiased' or 'biased', not {estimator!r}")
    unbiased = estimator == "unbiased"
    return _within(x, kernel, unbiased) + _within(y, kernel, unbiased) - 2 * _between(x, y, kernel)


def _between(x: Tensor, y: Tensor, kernel: Kernel) -> float:
    return sum(float(kernel(x[b], y).sum()) for b in blocks(len(x), len(y))) / (len(x) * len(y))


def _within(x: Tensor, kernel: Kernel, unbiased: bool) -> float:
    if not unbiased:
        return _between(x, x, kernel)
    total = 0.0
    for b in blocks(len(x), len(x)):
        k = kernel(x[b], x)
        total += float(k.sum() - k[:, b].diagonal().sum())
    return total / (len(x) * (len(x) - 1))


def _linear(x: Tensor, y: Tensor, kernel: Kernel) -> float:
    """Pairs (1, 2), (3, 4), ... of each sample; `kernel` acts row by row."""
    half = min(len(x), len(y)) // 2
    x1, x2, y1, y2 = x[0 : 2 * half : 2], x[1 : 2 * half : 2], y[0 : 2 * half : 2], y[1 : 2 * half : 2]
    return float((kernel(x1, x2) + kernel(y1, y2) - kernel(x1, y2) - kernel(x2, y1)).mean())
