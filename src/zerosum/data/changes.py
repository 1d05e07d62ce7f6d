"""What is done to pictures to make pairs of them: `edges:photos/` is the drawing a and the photo b.

Each change is a function of pictures `[n, c, h, w]` in [-1, 1] and of their numbers `[n]`: what is random in it (rain,
noise, holes) is a function of the picture's number, so that every epoch and every resume sees the same pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..seeds import mix as key
from ..spec import Field, Pixels
from . import order
from .sources import Source

Change = Callable[[Tensor, np.ndarray], Tensor]

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
SCALE = ((-0.9, -0.8, -0.3), (0.9, -0.2, -0.1), (1.0, 0.9, 0.2))  # colours of black, middle grey and white


def grey(x: Tensor, index: np.ndarray) -> Tensor:
    """One channel of luminance."""
    if x.shape[1] < 3:
        return x[:, :1]
    return sum((w * x[:, i : i + 1] for i, w in enumerate(LUMINANCE)), x.new_zeros(()))


def edges(x: Tensor, index: np.ndarray) -> Tensor:
    """Dark lines on white, one pixel wide: where the slope of the smoothed luminance is large, and largest across the
    line (the first three steps of Canny 1986)."""
    y = grey(x, index)
    y = F.avg_pool2d(F.pad(y, (1, 1, 1, 1), "replicate"), 3, 1)
    y = F.pad(y, (1, 1, 1, 1), "replicate")
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=x.device) / 8
    slope = F.conv2d(y, torch.stack([sobel, sobel.T])[:, None])  # [n, 2, h, w]
    size = slope.norm(dim=1, keepdim=True)
    around = F.pad(size, (1, 1, 1, 1))
    h, w = size.shape[2:]
    sector = (torch.atan2(slope[:, 1:], slope[:, :1]) / (math.pi / 4)).round().long() % 4  # across, in 45 degrees
    thin = torch.zeros_like(size, dtype=torch.bool)
    for k, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        one = around[..., 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]
        other = around[..., 1 - dy : 1 - dy + h, 1 - dx : 1 - dx + w]
        thin |= (sector == k) & (size >= one) & (size > other)
    return torch.where(thin & (size > 0.06), -1.0, 1.0).to(x.dtype)


def smaller(x: Tensor, by: int) -> Tensor:
    h, w = x.shape[2] // by, x.shape[3] // by
    return F.interpolate(x, (h, w), mode="bicubic", antialias=True, align_corners=False).clamp(-1, 1)


def lowres2(x: Tensor, index: np.ndarray) -> Tensor:
    """Half the height and width, bicubic."""
    return smaller(x, 2)


def lowres4(x: Tensor, index: np.ndarray) -> Tensor:
    """A quarter of the height and width, bicubic."""
    return smaller(x, 4)


def rain(x: Tensor, index: np.ndarray) -> Tensor:
    """Bright slanted streaks of random place, length and slant, and as many pictures of drizzle as of heavy rain."""
    n, _, h, w = x.shape
    share, slant, length = (uniform(index, 1, 1, k, x.device) for k in range(3))  # [n, 1, 1, 1]
    drops = (uniform(index, h, w, 3, x.device) < 0.01 + 0.03 * share).float()
    longest = max(2, h // 5)
    streaks = x.new_zeros(3, n, 1, h, w)
    for k in range(longest):
        fading = drops * (k <= longest * (0.4 + 0.6 * length))
        for i, lean in enumerate((-0.5, 0.0, 0.5)):
            streaks[i] = torch.maximum(streaks[i], fading.roll((k, round(k * lean)), (2, 3)))
    which = (slant.flatten() * 3).long()
    mask = 0.75 * streaks[which, torch.arange(n, device=x.device)]
    return x + mask * (1 - x)


def holes(x: Tensor, index: np.ndarray) -> Tensor:
    """A rectangle of half the height and width, anywhere, is grey."""
    h, w = x.shape[2:]
    top = (uniform(index, 1, 1, 0, x.device) * (h - h // 2 + 1)).floor()
    left = (uniform(index, 1, 1, 1, x.device) * (w - w // 2 + 1)).floor()
    row = torch.arange(h, device=x.device)[:, None]
    column = torch.arange(w, device=x.device)[None, :]
    inside = (row >= top) & (row < top + h // 2) & (column >= left) & (column < left + w // 2)
    return torch.where(inside, torch.zeros_like(x), x)


def noise(x: Tensor, index: np.ndarray) -> Tensor:
    """Gaussian noise of standard deviation 0.4, of all channels independently."""
    n, c, h, w = x.shape
    u, v = (uniform(index, c * h, w, k, x.device).view(n, c, h, w) for k in range(2))
    return (x + 0.4 * (-2 * (u + 1e-12).log()).sqrt() * (2 * math.pi * v).cos()).clamp(-1, 1)


def labels(x: Tensor, index: np.ndarray) -> Tensor:
    """Flat regions, as a label map has: smoothed, and each channel cut to three levels."""
    size = 2 * (min(x.shape[2:]) // 16) + 3
    y = F.avg_pool2d(F.pad(x, (size // 2,) * 4, "replicate"), size, 1)
    return ((y + 1) * 1.5).floor().clamp(0, 2) - 1


def inverted(x: Tensor, index: np.ndarray) -> Tensor:
    """The negative; transparency stays."""
    return torch.cat([-x[:, :3], x[:, 3:]], 1)


def rotated(x: Tensor, index: np.ndarray) -> Tensor:
    """A quarter turn to the left."""
    return x.rot90(1, (2, 3))


def coloured(x: Tensor, index: np.ndarray) -> Tensor:
    """Luminance as colours, from blue by red to yellow."""
    y = grey(x, index)
    dark, middle, light = (torch.tensor(c, device=x.device).view(1, 3, 1, 1) for c in SCALE)
    return torch.where(y < 0, middle + (middle - dark) * y, middle + (light - middle) * y)


CHANGES: dict[str, Change] = {
    f.__name__: f for f in (edges, grey, lowres2, lowres4, rain, holes, noise, labels, inverted, rotated, coloured)
}


def uniform(index: np.ndarray, h: int, w: int, what: int, device: torch.device) -> Tensor:
    """Numbers in [0, 1) that belong to each picture's number and to `what` they are for, `[n, 1, h, w]`."""
    cells = np.arange(h * w, dtype=np.uint64)[None] + np.asarray(index, np.uint64)[:, None] * np.uint64(1 << 32)
    bits = order.mix(cells * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key(order.CHANGE, what)))
    values = torch.from_numpy(((bits >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24))
    return values.view(len(index), 1, h, w).to(device)


class Changed:
    """Pictures of another source, changed as they are read."""

    def __init__(self, source: Source, codec: Pixels, name: str):
        self.source, self.codec, self.name = source, codec, name
        self.stamp, self.held = f"{source.stamp} {name}", source.held

    def __len__(self) -> int:
        return len(self.source)

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        """In the user's range, not rounded to whole numbers."""
        x = CHANGES[self.name](self.codec.encode(self.source.take(index, device)), index)
        return (x + 1) * ((self.codec.high - self.codec.low) / 2) + self.codec.low


class Half:
    """The left or the right half of the pictures of another source."""

    def __init__(self, source: Source, right: bool):
        self.source, self.right = source, right
        self.stamp, self.held = f"{source.stamp} half {right:d}", source.held

    def __len__(self) -> int:
        return len(self.source)

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        x = self.source.take(index, device)
        half = x.shape[3] // 2
        return x[..., half:] if self.right else x[..., :half]


def changed_field(field: Field, name: str) -> Field:
    """What the change makes of a picture field."""
    assert isinstance(field.codec, Pixels)
    shape = CHANGES[name](torch.zeros(1, *field.shape), np.zeros(1, np.int64)).shape[1:]
    layout = "hw" if shape[0] == 1 else "hwc" if field.codec.layout == "hw" else field.codec.layout
    codec = Pixels(field.codec.low, field.codec.high, field.codec.dtype, layout)
    return Field(tuple(shape), "image", codec)
