"""Kullback-Leibler and Jensen-Shannon divergences, in nats."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .points import Array, pair


def kl(p: Array, q: Array) -> float:
    """KL(p || q) of two discrete distributions `[k]`, normalised here. In [0, inf]; inf where p > 0 = q."""
    p, q = _distribution(p), _distribution(q)
    if len(p) != len(q):
        raise InputError(f"distributions over {len(p)} and {len(q)} outcomes cannot be compared")
    if bool(((p > 0) & (q == 0)).any()):
        return math.inf
    return float((torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum().clamp(min=0))


def jsd(p: Array, q: Array) -> float:
    """Jensen-Shannon divergence of two discrete distributions `[k]`: KL of each to their mean, halved. In [0, log
    2]."""
    p, q = _distribution(p), _distribution(q)
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def total_variation(p: Array, q: Array) -> float:
    """Half the sum of |p - q|, in [0, 1]."""
    return float((_distribution(p) - _distribution(q)).abs().sum() / 2)


def histograms(x: Array, y: Array, bins: int = 50) -> tuple[Tensor, Tensor]:
    """Shares `[bins^d]` of `[n, d]` and `[m, d]` (d at most 3) in one grid over the range of both.

    `kl(*histograms(x, y))` is the plug-in estimate: biased upwards by about bins^d / 2n, and infinite as soon as y
    leaves empty a bin that x does not.
    """
    x, y = pair(x, y)
    if x.shape[1] > 3:
        raise InputError(f"a histogram of {x.shape[1]} columns has too many bins; give at most 3 columns")
    both = torch.cat([x, y]).cpu().numpy()
    edges = [np.histogram_bin_edges(column, bins) for column in both.T]
    counts = [np.histogramdd(v.cpu().numpy(), edges)[0].ravel() for v in (x, y)]
    p, q = (torch.from_numpy(c / c.sum()) for c in counts)
    return p, q


def kl_monte_carlo(log_p: Array, log_q: Array) -> tuple[float, float]:
    """KL(p || q) from known log densities at n draws of p, each `[n]`: (estimate, standard error)."""
    ratio = torch.as_tensor(log_p).double() - torch.as_tensor(log_q).double()
    return float(ratio.mean()), float(ratio.std() / len(ratio) ** 0.5)


def jsd_monte_carlo(log_p_x: Array, log_q_x: Array, log_p_y: Array, log_q_y: Array) -> tuple[float, float]:
    """JSD from log densities of p and q at draws x of p, `[n]`, and y of q, `[m]`: (estimate, standard error)."""
    log_p_x, log_q_x, log_p_y, log_q_y = (torch.as_tensor(v).double() for v in (log_p_x, log_q_x, log_p_y, log_q_y))
    a = log_p_x - torch.logaddexp(log_p_x, log_q_x) + math.log(2)
    b = log_q_y - torch.logaddexp(log_p_y, log_q_y) + math.log(2)
    return float((a.mean() + b.mean()) / 2), float((a.var() / len(a) + b.var() / len(b)).sqrt() / 2)


def _distribution(p: Array) -> Tensor:
    p = torch.as_tensor(p).double()
    if p.ndim != 1 or not bool((p >= 0).all()) or not 0 < float(p.sum()) < math.inf:
        raise InputError("a discrete distribution is one row of shares, none below 0, not all 0, all finite")
    return p / p.sum()
