"""Differentiable Augmentation for Data-Efficient GAN Training. Zhao, Liu, Lin, Zhu and Han, 2020. arXiv:2006.10738"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError, nearest


def color(x: Tensor) -> Tensor:
    """Brightness shifted by U[-0.5, 0.5], saturation scaled by U[0, 2], contrast by U[0.5, 1.5] (Sec. 4, App. B)."""
    shift, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
    x = x + (shift - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translation(x: Tensor, ratio: float = 0.125) -> Tensor:
    """Moved by whole pixels, up to `ratio` of height and width, each way; what comes in is 0 (grey)."""
    n, _, h, w = x.shape
    rows = _moved(n, h, int(h * ratio + 0.5), x.device)
    columns = _moved(n, w, int(w * ratio + 0.5), x.device)
    padded = F.pad(x, (1, 1, 1, 1))  # index 0 and the last are outside
    which = torch.arange(n, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _moved(n: int, size: int, most: int, device: torch.device) -> Tensor:
    """Where each of `size` places looks after a random move, in a line padded by one at both ends, `[n, size]`."""
    step = torch.randint(-most, most + 1, (n, 1), device=device)
    return (torch.arange(1, size + 1, device=device) + step).clamp(0, size + 1)


def cutout(x: Tensor, ratio: float = 0.5) -> Tensor:
    """A rectangle of `ratio` of height and width, centred anywhere, is 0."""
    n, _, h, w = x.shape
    rows, columns = _covered(n, h, int(h * ratio + 0.5), x.device), _covered(n, w, int(w * ratio + 0.5), x.device)
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _covered(n: int, size: int, length: int, device: torch.device) -> Tensor:
    start = torch.randint(0, size + (1 - length % 2), (n, 1), device=device) - length // 2
    place = torch.arange(size, device=device)
    return (place >= start) & (place < start + length)


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (color, translation, cutout)}


class DiffAugment(nn.Module):
    """The augmentations that `policy` names, in that order, of pictures `[n, c, h, w]` in [-1, 1].

    Differentiable with respect to the pictures, twice too; in eval mode nothing is done. It stands in front of the
    discriminator, for real and generated pictures alike.
    """

    def __init__(self, policy: str = "color,translation,cutout"):
        super().__init__()
        self.policy = tuple(word.strip() for word in policy.split(",") if word.strip())
        for word in self.policy:
            if word not in POLICIES:
                raise InputError(
                    f"no augmentation {word!r}{nearest(word, POLICIES) or '.'} Known: {', '.join(POLICIES)}"
                )

    def forward(self, x: Tensor) -> Tensor:
        for word in self.policy if self.training else ():
            x = POLICIES[word](x)
        return x

    def extra_repr(self) -> str:
        return ",".join(self.policy)


class InstanceNoise(nn.Module):
    """Normal noise on data and fakes alike, so that their distributions overlap and D cannot be sure (Sonderby et al.
    2016, arXiv:1610.04490; Arjovsky and Bottou 2017, arXiv:1701.04862). Its spread falls to 0 as `anneal` is told."""

    now: Tensor

    def __init__(self, std: float):
        super().__init__()
        self.std = std
        self.register_buffer("now", torch.tensor(std), persistent=False)

    def anneal(self, share: float) -> None:
        """After this share of the run."""
        self.now.fill_(self.std * max(0.0, 1 - share))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.now * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"{self.std}"
