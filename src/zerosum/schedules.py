"""Schedules. `t` is the share of the way that is gone: a number, or a tensor where a compiled move reads the clock."""

import math
from typing import Any

import torch
from torch import Tensor

Time = Any  # float | Tensor; what a schedule gives is of the same kind


def cosine(ends: tuple[float, float], t: Time) -> Time:
    """From the first value at 0 to the second at 1 and later, by half a cosine."""
    wave = torch.cos(math.pi * t.clamp(max=1.0)) if isinstance(t, Tensor) else math.cos(math.pi * min(t, 1.0))
    return ends[1] + (ends[0] - ends[1]) * (1 + wave) / 2


def linear(ends: tuple[float, float], t: Time) -> Time:
    """From the first value at 0 to the second at 1 and later, in a straight line."""
    return ends[0] + (ends[1] - ends[0]) * (t.clamp(0.0, 1.0) if isinstance(t, Tensor) else min(max(t, 0.0), 1.0))
