"""Distributions over latents. Modules, so that they follow the game to its device."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Prior(nn.Module):
    """`prior(n)` is `n` independent draws."""

    here: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("here", torch.zeros(()), persistent=False)  # knows the device


class Normal(Prior):
    """N(0, I), `[n, *shape]`."""

    def __init__(self, *shape: int):
        super().__init__()
        self.shape = shape

    def forward(self, n: int) -> Tensor:
        return torch.randn(n, *self.shape, device=self.here.device)


class Uniform(Prior):
    """Independent and uniform in [low, high], `[n, *shape]`."""

    def __init__(self, *shape: int, low: float = -1.0, high: float = 1.0):
        super().__init__()
        self.shape, self.low, self.high = shape, low, high

    def forward(self, n: int) -> Tensor:
        return torch.rand(n, *self.shape, device=self.here.device) * (self.high - self.low) + self.low


class Labels(Prior):
    """Integers `[n]`, each as often as its share."""

    shares: Tensor

    def __init__(self, shares: tuple[float, ...]):
        super().__init__()
        self.register_buffer("shares", torch.tensor(shares), persistent=False)

    def forward(self, n: int) -> Tensor:
        return torch.multinomial(self.shares, n, replacement=True)


class Categorical(Prior):
    """One-hot, all `k` classes alike, `[n, k]`."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, n: int) -> Tensor:
        return F.one_hot(torch.randint(self.k, (n,), device=self.here.device), self.k).float()
