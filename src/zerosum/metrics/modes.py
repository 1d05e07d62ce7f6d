"""How a model shares out the modes of a mixture whose modes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .divergences import kl
from .points import Array, pair


@dataclass(frozen=True)
class Modes:
    """What `mode_coverage` counts."""

    covered: int  # modes with at least `least` of their fair share of high-quality samples
    quality: float  # share of high-quality samples, in [0, 1]
    imbalance: float  # KL in nats from the shares of all samples by nearest mode to the true shares; 0 is balanced
    counts: tuple[int, ...]  # high-quality samples of each mode


def mode_coverage(
    x: Array,
    modes: Array,
    std: float,
    *,
    shares: Sequence[float] | None = None,
    sigmas: float = 4.0,
    least: float = 0.1,
) -> Modes:
    """Samples `[n, d]` against modes `[k, d]` of standard deviation `std`, all in the same units.

    A sample is of high quality within `sigmas` standard deviations of its nearest mode (4 of them hold 99.97 % of a
    Gaussian in the plane; Lin et al. 2018, PacGAN, and Srivastava et al. 2017, VEEGAN, take 3). A mode is covered when
    it has at least `least` of its fair share, `shares` (equal if none) times n, of high-quality samples: stricter than
    the one sample that those papers ask for, which a stray hit fulfils.
    """
    x, centres = pair(x, modes)
    k = len(centres)
    share = torch.full((k,), 1 / k).double() if shares is None else torch.as_tensor(shares).double()
    distance, mode = torch.cdist(x, centres, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    counts = _count(mode[distance <= sigmas * std], k)
    covered = int((counts >= least * len(x) * share).sum())
    return Modes(covered, float(counts.sum()) / len(x), kl(_count(mode, k), share), tuple(counts.int().tolist()))


def _count(mode: Tensor, k: int) -> Tensor:
    return torch.bincount(mode, minlength=k).double().cpu()
