"""Frechet distance between Gaussians fitted to features (Heusel et al. 2017)."""

from __future__ import annotations

from torch import Tensor, linalg

from .points import Array, pair


def frechet_distance(x: Array, y: Array) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) of feature rows `[n, d]` and `[m, d]`; with Inception features it is
    FID. It grows as samples shrink, so compare only figures of the same n."""
    x, y = pair(x, y, least=2)
    return frechet_of_moments(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())


def frechet_of_moments(m1: Tensor, s1: Tensor, m2: Tensor, s2: Tensor) -> float:
    """The same from means `[d]` and covariances `[d, d]` in float64.

    tr (S1 S2)^1/2 is the sum of the singular values of S1^1/2 S2^1/2 with symmetric roots: real, and exact for singular
    covariances, where the root of the product S1 S2 itself is neither.
    """
    s1, s2 = s1.reshape(len(m1), -1), s2.reshape(len(m2), -1)  # cov of one column has no dimensions
    cross = linalg.svdvals(_root(s1) @ _root(s2)).sum()
    return float(((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * cross).clamp(min=0))


def _root(s: Tensor) -> Tensor:
    values, vectors = linalg.eigh(s)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
