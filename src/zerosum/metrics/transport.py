"""Wasserstein distances: exact in one dimension, sliced in many, and exact by assignment for few points."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .points import Array, pair, squared_distances

LARGEST = 4000  # points an exact assignment takes: its time grows with n^3


def wasserstein_1d(x: Array, y: Array, x_weights: Array | None = None, y_weights: Array | None = None) -> float:
    """Wasserstein-1 between two samples of numbers, `[n]` and `[m]`, exact: the area between their quantile functions.
    Weights are shares or counts, `[n]` and `[m]`; none means equal."""
    x, y = pair(x, y)
    if x.shape[1] != 1:
        raise InputError(f"wasserstein_1d compares single numbers, not rows of {x.shape[1]}; see wasserstein_columns")
    xs, cx = _sorted(x[:, 0], x_weights)
    ys, cy = _sorted(y[:, 0], y_weights)
    i, j, share = _steps(cx, cy)
    return float(((xs[i] - ys[j]).abs() * share).sum())


def wasserstein_columns(x: Array, y: Array, p: int = 1) -> Tensor:
    """W_p^p of each column of `[n, d]` and `[m, d]` -> `[d]`, exact. p is 1 or 2."""
    if p not in (1, 2):
        raise InputError(f"p is 1 or 2, not {p}")
    x, y = pair(x, y)
    xs, ys = x.sort(0).values, y.sort(0).values
    if len(x) == len(y):
        return (xs - ys).abs().pow(p).mean(0)
    i, j, share = _steps(_levels(len(x)), _levels(len(y)))
    return ((xs[i] - ys[j]).abs().pow(p) * share[:, None]).sum(0)


def sliced_wasserstein(x: Array, y: Array, *, p: int = 1, projections: int = 128, seed: int = 0) -> float:
    """Sliced Wasserstein-p (Bonneel et al. 2015) of `[n, d]` and `[m, d]`: the p-th root of the mean W_p^p over random
    directions, which depend on (d, projections, seed) alone. In one dimension it is W_p itself."""
    x, y = pair(x, y)
    directions = random_directions(x.shape[1], projections, seed).to(x.device)
    return float(wasserstein_columns(x @ directions, y @ directions, p).mean() ** (1 / p))


def random_directions(d: int, count: int, seed: int) -> Tensor:
    """`[d, count]` unit vectors, uniform on the sphere."""
    v = torch.randn(d, count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return v / v.norm(dim=0)


def optimal_transport(x: Array, y: Array, p: int = 2) -> float:
    """Wasserstein-p between two samples of the same size n, `[n, d]`, exact, by the Hungarian algorithm.
    Raises InputError for more than 4000 points, where it would take minutes; sliced_wasserstein takes any number."""
    from scipy.optimize import linear_sum_assignment

    x, y = pair(x, y)
    if len(x) != len(y):
        raise InputError(f"exact transport pairs off equal numbers of points; it got {len(x)} and {len(y)}")
    if len(x) > LARGEST:
        raise InputError(
            f"exact transport of {len(x)} points takes too long (at most {LARGEST}); use sliced_wasserstein"
        )
    cost = squared_distances(x, y).pow(p / 2).cpu().numpy()
    i, j = linear_sum_assignment(cost)
    return float((x[i] - y[j]).norm(dim=1).pow(p).mean() ** (1 / p))


def _levels(n: int) -> Tensor:
    return torch.arange(1, n + 1, dtype=torch.float64) / n


def _sorted(x: Tensor, weights: Array | None) -> tuple[Tensor, Tensor]:
    """The values in order, and the share of weight at or below each."""
    order = x.argsort()
    if weights is None:
        return x[order], _levels(len(x)).to(x.device)
    w = torch.as_tensor(weights).double().to(x.device)
    if w.shape != x.shape or not bool((w >= 0).all()) or not float(w.sum()) > 0:
        raise InputError(f"weights are one number per point ({len(x)}), none below 0, not all 0")
    levels = w[order].cumsum(0)
    return x[order], levels / levels[-1]


def _steps(cx: Tensor, cy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where two quantile functions are both constant: the index into each, and the width of the step."""
    levels = torch.cat([cx, cy]).sort().values
    width = levels.diff(prepend=levels.new_zeros(1))
    i, j = (torch.searchsorted(c, levels).clamp(max=len(c) - 1) for c in (cx, cy))
    return i, j, width
