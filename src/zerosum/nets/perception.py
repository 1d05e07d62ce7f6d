"""A network that looks at pictures, in the place of one trained on ImageNet: taught by the data itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Perception(nn.Module):
    """`features`: three convolutions, `[n, 4 width, h / 4, w / 4]`; `forward`: logits `[n, classes]`, by the largest
    features over a 4x4 grid."""

    def __init__(self, c: int, width: int, classes: int = 4):
        super().__init__()
        layers: list[nn.Module] = []
        for a, b, stride in ((c, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)):
            layers += [nn.Conv2d(a, b, 3, stride, 1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(4 * width * 16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.adaptive_max_pool2d(self.features(x), 4).flatten(1))

    def mirrors(self, x: Tensor) -> Tensor:
        """Cross-entropy of telling which of four mirrorings was done to each picture: none, left-right, top-bottom,
        both. It needs no labels, and teaches shapes."""
        which = torch.randint(4, (len(x),), device=x.device)
        across, down = ((which == k).view(-1, 1, 1, 1) for k in (1, 2))
        both = (which == 3).view(-1, 1, 1, 1)
        x = torch.where(across | both, x.flip(3), x)
        x = torch.where(down | both, x.flip(2), x)
        return F.cross_entropy(self(x), which)


def apart(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference of features."""
    return (x - y).square().mean()
