"""The Parzen-window log-likelihood of Goodfellow et al. 2014, section 5 (protocol of Breuleux et al. 2011).

A Gaussian of width sigma sits on every sample; the score is the log density of test data under their mixture. It is
known to be a poor guide in many dimensions (Theis et al. 2016); it is here because the tables of 2014 are in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .points import Array, blocks, pair, squared_distances

SIGMAS = tuple(10 ** (-1 + i / 9) for i in range(10))  # ten, log-spaced in [0.1, 1]


@dataclass(frozen=True)
class Parzen:
    """Mean log-likelihood of the test set in nats, its standard error, and the width that validation chose."""

    mean: float
    error: float
    sigma: float


def parzen_log_likelihood(samples: Array, validation: Array, test: Array, sigmas: Sequence[float] = SIGMAS) -> Parzen:
    """`samples` `[n, d]` of the model (the paper: 10,000), `validation` (the first 1000) and `test`, images in [0, 1].

    The width is the one of `sigmas` with the best mean on `validation`; the error is std / sqrt(len(test)).
    """
    scores = [float(v.mean()) for v in log_densities(samples, validation, sigmas)]
    sigma = sigmas[max(range(len(scores)), key=scores.__getitem__)]
    [test_scores] = log_densities(samples, test, [sigma])
    return Parzen(float(test_scores.mean()), float(test_scores.std(correction=0)) / len(test_scores) ** 0.5, sigma)


def log_densities(samples: Array, points: Array, sigmas: Sequence[float]) -> list[Tensor]:
    """For each width, log p(point) `[m]` of `points` `[m, d]` under the window over `samples` `[n, d]`."""
    samples, points = pair(samples, points)
    n, d = samples.shape
    out = [points.new_empty(len(points)) for _ in sigmas]
    for b in blocks(len(points), n):
        squared = squared_distances(points[b], samples)
        for sigma, row in zip(sigmas, out, strict=True):
            row[b] = (
                (squared * (-0.5 / sigma**2)).logsumexp(1) - math.log(n) - d * math.log(sigma * math.sqrt(2 * math.pi))
            )
    return out
