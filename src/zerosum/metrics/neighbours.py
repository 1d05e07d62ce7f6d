"""Nearest neighbours, and whether samples lie nearer to the training data than unseen real data does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from .points import Array, blocks, pair, rows, squared_distances


@dataclass(frozen=True)
class Copying:
    """Whether samples lie nearer to the training data than unseen real data does."""

    nearer: float  # P(a sample's nearest training example is nearer than a held-out real's), ties half; 0.5 is ideal
    c_t: float  # the same as a z-score: far below 0 is copying, far above 0 is samples off the data


def nearest_neighbours(x: Array, pool: Array, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest of `pool` `[m, d]` to each of `x` `[n, d]`: Euclidean distances `[n, k]`, ascending, and indices
    `[n, k]`."""
    x, pool = pair(x, pool)
    if not 1 <= k <= len(pool):
        raise InputError(f"k is 1 to {len(pool)}, the number of examples to search; it is {k}")
    indices = torch.cat(
        [squared_distances(x[b], pool).topk(k, largest=False).indices for b in blocks(len(x), len(pool))]
    )
    distances = torch.stack(
        [(x - pool[column]).norm(dim=1) for column in indices.T], 1
    )  # free of the search's rounding
    distances, order = distances.sort(stable=True, dim=1)
    return distances, indices.gather(1, order)


def data_copying(sample_distances: Array, unseen_distances: Array) -> Copying:
    """From distances to the nearest training example, of model samples `[n]` and of held-out reals `[m]`.

    The three-sample test of Meehan, Chaudhuri & Dasgupta 2020 with one cell (the paper averages over cells): the
    Mann-Whitney U statistic, here as a share and, as C_T, standardised.
    """
    d, unseen = rows(sample_distances)[:, 0], rows(unseen_distances)[:, 0].sort().values
    n, m = len(d), len(unseen)
    farther = (torch.searchsorted(unseen, d) + torch.searchsorted(unseen, d, right=True)).double().sum() / 2
    z = (float(farther) - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5
    return Copying(1 - float(farther) / (n * m), z)
