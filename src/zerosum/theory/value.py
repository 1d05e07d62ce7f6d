"""The value function of Goodfellow et al. 2014 (arXiv:1406.2661), with everything on a grid, where it is exact."""

from __future__ import annotations

import math

import numpy as np
import torch

from ..errors import InputError
from .distributions import Distribution, grid, integral, jsd


def value(p: Distribution, q: Distribution, d: np.ndarray, x: np.ndarray) -> float:
    """V(D, G) = E_p log D + E_q log(1 - D), D given on the points x (Eq. 1)."""
    if d.shape != x.shape or (d < 0).any() or (d > 1).any():
        raise InputError("D is a probability at every point of x")
    a, b = p.pdf(x), q.pdf(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(a > 0, a * np.log(d), 0.0) + np.where(b > 0, b * np.log1p(-d), 0.0)
    return integral(terms, x)


def optimal(p: Distribution, q: Distribution, x: np.ndarray) -> np.ndarray:
    """D*(x) = p(x) / (p(x) + q(x)) (Proposition 1); 1/2 where there is neither."""
    a, b = p.pdf(x), q.pdf(x)
    both = a + b
    return np.where(both > 0, a / np.where(both > 0, both, 1.0), 0.5)


def proposition1(p: Distribution, q: Distribution, seed: int = 0, tries: int = 100) -> dict[str, float]:
    """V at D*, and the best of many D that differ from it by a random bend: none is better."""
    x = grid(p, q)
    star = optimal(p, q, x)
    random = np.random.default_rng(seed)
    logits = np.log(np.clip(star, 1e-9, 1 - 1e-9)) - np.log1p(-np.clip(star, 1e-9, 1 - 1e-9))
    best = -math.inf
    for _ in range(tries):
        size, rate, phase = random.normal(0, 0.5), random.uniform(0.1, 5), random.uniform(0, 2 * np.pi)
        bent = 1 / (1 + np.exp(-(logits + size * np.sin(rate * x + phase))))
        best = max(best, value(p, q, bent, x))
    return {"V(D*)": value(p, q, star, x), "best of other D": best, "tries": tries}


def theorem1(p: Distribution, q: Distribution) -> dict[str, float]:
    """C(G) = V(D*, G), beside -log 4 + 2 JSD(p, q)."""
    x = grid(p, q)
    return {"C(G)": value(p, q, optimal(p, q, x), x), "-log 4 + 2 JSD": -math.log(4) + 2 * jsd(p, q)}


def proposition2(p: np.ndarray, steps: int = 400, rate: float = 0.5, seed: int = 0) -> dict[str, list[float]]:
    """G has a probability for each of some outcomes. D answers with D*, and G descends C(G) by its gradient:

    dC/dq_i = log(1 - D*_i) = log(q_i / (p_i + q_i)), for D* moves V only to second order.

    q is a softmax of free numbers, and it comes to p. Raises InputError for what is no distribution.
    """
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or (p < 0).any() or not 0 < p.sum() < math.inf:
        raise InputError("p is a row of shares, none below 0, not all 0, all finite")
    target = torch.from_numpy(p / p.sum())
    free = torch.randn(len(p), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    cost, distance = [], []
    for _ in range(steps + 1):
        q = free.softmax(0)
        star = target / (target + q)
        cost.append(float((torch.special.xlogy(target, star) + torch.special.xlogy(q, 1 - star)).sum()))
        distance.append(float((q - target).abs().sum() / 2))
        slope = torch.log(q / (target + q))
        free = free - rate * q * (slope - (q * slope).sum())  # the softmax's derivative
    return {"C(G)": cost, "total variation": distance}


def saturation(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Size of G's gradient with respect to D's logit l at a fake: log(1 - D) gives D, -log D gives 1 - D."""
    d = 1 / (1 + np.exp(-logits))
    return {"log(1 - D), saturating": d, "-log D, non-saturating": 1 - d}
