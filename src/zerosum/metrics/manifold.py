"""Fidelity and diversity by balls around real features: precision and recall, density and coverage."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .points import Array, blocks, pair, squared_distances


def precision_recall(real: Array, fake: Array, k: int = 3) -> tuple[float, float]:
    """Of feature rows `[n, d]` and `[m, d]` (Kynkaanniemi et al. 2019): the share of fakes within reach of some real,
    and of reals within reach of some fake, where a point reaches as far as its k-th nearest neighbour of its own kind.
    Each in [0, 1]."""
    real, fake = _enough(real, fake, k)
    return _reached(fake, real, k), _reached(real, fake, k)


def density_coverage(real: Array, fake: Array, k: int = 5) -> tuple[float, float]:
    """(Naeem et al. 2020): how many reals reach a fake, on average, over k (1 on average for equal distributions, and
    may exceed it); and the share of reals that reach some fake, in [0, 1]."""
    real, fake = _enough(real, fake, k)
    radius = _reach(real, k)
    hits, covered = 0, 0
    for b in blocks(len(real), len(fake)):
        inside = squared_distances(real[b], fake) <= radius[b, None]
        hits += int(inside.sum())
        covered += int(inside.any(1).sum())
    return hits / (k * len(fake)), covered / len(real)


def _reached(points: Tensor, centres: Tensor, k: int) -> float:
    """The share of `points` inside some ball around `centres`."""
    radius = _reach(centres, k)
    hits = [(squared_distances(points[b], centres) <= radius).any(1).sum() for b in blocks(len(points), len(centres))]
    return float(torch.stack(hits).sum()) / len(points)


def _reach(x: Tensor, k: int) -> Tensor:
    """Squared distance from each point to its k-th nearest other, `[n]`."""
    return torch.cat([squared_distances(x[b], x).kthvalue(k + 1, dim=1).values for b in blocks(len(x), len(x))])


def _enough(real: Array, fake: Array, k: int) -> tuple[Tensor, Tensor]:
    if k < 1:
        raise InputError(f"k is at least 1, not {k}")
    return pair(real, fake, least=k + 1)
