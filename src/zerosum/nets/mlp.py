"""Perceptrons, and what ends a generator and a discriminator."""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..features import Completed, Features
from ..spec import Field


def mlp(*widths: int, act: Callable[[], nn.Module] = nn.ReLU, last: nn.Module | None = None) -> nn.Sequential:
    """Linear layers from width to width with `act` between them, and `last` (nothing) at the end."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


class Maxout(nn.Module):
    """`[n, a]` -> `[n, b]`, the largest of `pieces` linear maps, unit by unit (Goodfellow et al. 2013)."""

    def __init__(self, a: int, b: int, pieces: int):
        super().__init__()
        self.linear, self.pieces = nn.Linear(a, b * pieces), pieces

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(2)


class Discriminator(nn.Module):
    """x -> logits `[n]`, by `features` `[n, width]` and a linear head."""

    def __init__(self, features: nn.Module, width: int):
        super().__init__()
        self.features, self.head = features, nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features(x))

    def judge(self, features: Tensor) -> Tensor:
        """Features `[n, width]` -> logits `[n]`."""
        return self.head(features).squeeze(1)


class Categories(nn.Module):
    """One-hot blocks of a row by Gumbel-softmax (Jang et al. 2016), at CTGAN's temperature of 0.2 (Xu et al. 2019).

    Nearly one-hot and differentiable; the largest entry is a fair draw from the softmax of the block."""

    def __init__(self, field: Field):
        super().__init__()
        self.blocks = field.categorical

    def forward(self, x: Tensor) -> Tensor:
        parts, end = [], 0
        for block in self.blocks:
            parts += [x[:, end : block.start], F.gumbel_softmax(x[:, block], tau=0.2)]
            end = block.stop
        return torch.cat([*parts, x[:, end:]], 1)


def output(field: Field) -> nn.Module:
    """What ends a generator of this field: tanh for pictures, Gumbel-softmax for categories in rows, and augmented
    features after what is written of a row; else nothing."""
    if field.kind == "image":
        return nn.Tanh()
    ends: list[nn.Module] = [Categories(field)] if field.categorical else []
    if isinstance(field.codec, Features):
        ends.append(Completed(field.codec))
    return nn.Sequential(*ends) if len(ends) > 1 else ends[0] if ends else nn.Identity()
