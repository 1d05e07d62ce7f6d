"""Distributions over latents. Modules, so that they follow the game to its device."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .spec import Field, Words


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


class Conditions(Prior):
    """Conditions as the data has them: labels `[n]` as often as their shares; rows and texts from those that were seen.

    A field that has seen none draws normal numbers and fair categories, or fair words.
    """

    seen: Tensor

    def __init__(self, field: Field):
        super().__init__()
        self.field = field
        self.labels = Labels(field.shares) if field.kind == "label" else None
        whole = torch.int64 if field.kind == "text" else torch.float32
        seen = torch.tensor(field.extra.get("seen", []), dtype=whole).reshape(-1, *field.shape)
        self.register_buffer("seen", seen, persistent=False)

    def forward(self, n: int) -> Tensor:
        here = self.here.device
        if self.labels is not None:
            return self.labels(n)
        if len(self.seen):
            return self.seen[torch.randint(len(self.seen), (n,), device=here)]
        if isinstance(self.field.codec, Words):
            return torch.randint(1, len(self.field.codec.vocabulary) + 1, (n, *self.field.shape), device=here)
        y = torch.randn(n, *self.field.shape, device=here)
        for block in self.field.categorical:
            y[:, block] = F.one_hot(y[:, block].argmax(1), block.stop - block.start).float()
        return y


class Categorical(Prior):
    """One-hot, all `k` classes alike, `[n, k]`."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, n: int) -> Tensor:
        return F.one_hot(torch.randint(self.k, (n,), device=self.here.device), self.k).float()
