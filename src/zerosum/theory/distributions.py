"""Distributions on a line, and how far one is from another.

Every distance is had in three ways that must agree: in closed form where there is one, by quadrature on a fine grid,
and from samples, by the same functions that judge a run (`metrics`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import metrics
from ..errors import InputError, nearest

GRID = 8001  # points of a quadrature
TAILS = 1e-12  # probability that its ends leave out


@dataclass(frozen=True)
class Distribution:
    """A density on a line, in float64: `pdf` of an array, quantiles `inverse` of shares, and its name."""

    name: str
    pdf: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    support: tuple[float, float]

    def sample(self, n: int, seed: int = 0) -> Tensor:
        return torch.from_numpy(self.inverse(np.random.default_rng(seed).random(n)))


def normal(mean: float = 0.0, std: float = 1.0) -> Distribution:
    from scipy import stats

    frozen: Any = stats.norm(mean, positive(std, "std"))
    reach = -float(stats.norm.ppf(TAILS)) * std
    return Distribution(f"normal({mean:g}, {std:g})", frozen.pdf, frozen.ppf, (mean - reach, mean + reach))


def uniform(low: float = 0.0, high: float = 1.0) -> Distribution:
    width = positive(high - low, "high - low")

    def pdf(x: np.ndarray) -> np.ndarray:
        return ((low <= x) & (x <= high)) / width

    return Distribution(f"uniform({low:g}, {high:g})", pdf, lambda u: low + width * u, (low, high))


def laplace(mean: float = 0.0, scale: float = 1.0) -> Distribution:
    from scipy import stats

    frozen: Any = stats.laplace(mean, positive(scale, "scale"))
    reach = -float(stats.laplace.ppf(TAILS)) * scale
    return Distribution(f"laplace({mean:g}, {scale:g})", frozen.pdf, frozen.ppf, (mean - reach, mean + reach))


def mixture(distance: float = 2.0, std: float = 0.5) -> Distribution:
    """Two normal distributions of equal weight, at -distance and distance."""
    a, b = normal(-distance, std), normal(distance, std)

    def pdf(x: np.ndarray) -> np.ndarray:
        return (a.pdf(x) + b.pdf(x)) / 2

    grid = np.linspace(a.support[0], b.support[1], GRID)
    cumulative = np.concatenate([[0.0], np.cumsum((pdf(grid[1:]) + pdf(grid[:-1])) / 2 * np.diff(grid))])
    cumulative /= cumulative[-1]
    return Distribution(
        f"mixture({distance:g}, {std:g})", pdf, lambda u: np.interp(u, cumulative, grid), (grid[0], grid[-1])
    )


NAMED: dict[str, Callable[..., Distribution]] = {f.__name__: f for f in (normal, uniform, laplace, mixture)}


def named(text: str) -> Distribution:
    """ "normal", "normal(2, 0.5)". Raises InputError for others."""
    word, _, rest = text.strip().partition("(")
    if word not in NAMED:
        raise InputError(f"no distribution {word!r}{nearest(word, NAMED)} There are: {', '.join(NAMED)}")
    try:
        numbers = [float(v) for v in rest.rstrip(")").split(",") if v.strip()]
    except ValueError:
        numbers = [0.0] * 3
    if len(numbers) > 2:
        raise InputError(f"{text!r} must be like {word} or {word}(1, 0.5), with at most two numbers")
    return NAMED[word](*numbers)


def positive(value: float, what: str) -> float:
    if not 0 < value < math.inf:
        raise InputError(f"{what} must be a number above 0, not {value:g}")
    return value


# By quadrature.


def grid(p: Distribution, q: Distribution) -> np.ndarray:
    """Points over both supports, close where either has its own."""
    ends = [*p.support, *q.support]
    edges = [e + s for e in ends for s in (-1e-9, 1e-9)]  # jumps of a density lie between two points
    return np.unique(np.concatenate([np.linspace(*p.support, GRID), np.linspace(*q.support, GRID), edges]))


def integral(values: np.ndarray, x: np.ndarray) -> float:
    return float(np.trapezoid(values, x))


def kl(p: Distribution, q: Distribution) -> float:
    """KL(p || q) in nats; infinite where p has what q has not.

    The tails count for that as far as numbers reach: two normal distributions far apart are infinitely far here, when
    q's density on p's support is below the smallest number that there is.
    """
    x = grid(p, q)
    a, b = p.pdf(x), q.pdf(x)
    if integral(np.where(b == 0, a, 0.0), x) > 1e-9:
        return math.inf
    both = (a > 0) & (b > 0)
    return integral(np.where(both, a * np.log(np.where(both, a, 1.0) / np.where(both, b, 1.0)), 0.0), x)


def jsd(p: Distribution, q: Distribution) -> float:
    """In nats, between 0 and log 2."""
    x = grid(p, q)
    a, b = p.pdf(x), q.pdf(x)
    return (half(a, a + b, x) + half(b, a + b, x)) / 2


def half(a: np.ndarray, both: np.ndarray, x: np.ndarray) -> float:
    """KL of a to both / 2."""
    on = a > 0
    return integral(np.where(on, a * np.log(2 * np.where(on, a, 1.0) / np.where(on, both, 1.0)), 0.0), x)


def w1(p: Distribution, q: Distribution) -> float:
    """Wasserstein-1: the area between the quantile functions."""
    u = (np.arange(50_000) + 0.5) / 50_000
    return float(np.abs(p.inverse(u) - q.inverse(u)).mean())


def mmd2(p: Distribution, q: Distribution, bandwidth: float = 1.0) -> float:
    """Squared maximum mean discrepancy with the kernel exp(-(x - y)^2 / 2 s^2), on a coarse grid."""
    positive(bandwidth, "bandwidth")
    low, high = min(p.support[0], q.support[0]), max(p.support[1], q.support[1])
    x = np.linspace(low, high, 2001)
    difference = (p.pdf(x) - q.pdf(x)) * (x[1] - x[0])
    kernel = np.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * bandwidth**2))
    return float(difference @ kernel @ difference)


# In closed form, for the pairs of the lecture.


def kl_normal(m1: float, s1: float, m2: float, s2: float) -> float:
    positive(s1, "std")
    positive(s2, "std")
    return math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


def w1_shifted(shift: float) -> float:
    """Of any distribution and the same moved by `shift`."""
    return abs(shift)


def jsd_uniform(shift: float) -> float:
    """Of uniform(0, 1) and uniform(shift, 1 + shift): log 2 on the part that they do not share."""
    return math.log(2) * min(abs(shift), 1.0)


def mmd2_normal(m1: float, s1: float, m2: float, s2: float, bandwidth: float = 1.0) -> float:
    """E k of two normal distributions is a normal density once more: variances add up."""
    b2 = positive(bandwidth, "bandwidth") ** 2

    def mean_kernel(m: float, variance: float) -> float:
        return math.sqrt(b2 / (b2 + variance)) * math.exp(-(m**2) / (2 * (b2 + variance)))

    return mean_kernel(0.0, 2 * s1**2) + mean_kernel(0.0, 2 * s2**2) - 2 * mean_kernel(m1 - m2, s1**2 + s2**2)


# From samples.


def by_sample(p: Distribution, q: Distribution, n: int = 4000, seed: int = 0) -> dict[str, float]:
    """The same distances from `n` draws of each, by histograms, order and kernels."""
    x, y = p.sample(n, seed), q.sample(n, seed + 1)
    shares = metrics.histograms(x, y, 50)
    return {
        "KL": metrics.kl(*shares),
        "JSD": metrics.jsd(*shares),
        "W1": metrics.wasserstein_1d(x, y),
        "MMD2": metrics.mmd2(x[:1000], y[:1000], bandwidths=[1.0]),
    }


def exact(p: Distribution, q: Distribution) -> dict[str, float]:
    return {"KL": kl(p, q), "JSD": jsd(p, q), "W1": w1(p, q), "MMD2": mmd2(p, q)}
