"""How alike two pictures are: PSNR and SSIM."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

RANGE = 2.0  # of pixels in [-1, 1]


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each pair of pictures `[n, c, h, w]` in [-1, 1], dB, `[n]`."""
    _alike(x, y)
    error = (x.double() - y.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(RANGE**2 / error.clamp(min=1e-20))


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of each pair of pictures, `[n]` (Wang et al. 2004): Gaussian windows of standard deviation
    1.5 and 11 pixels, or as many as a smaller picture has; borders are mirrored."""
    _alike(x, y)
    x, y = x.double(), y.double()
    size = min(11, *(side - 1 + side % 2 for side in x.shape[2:]))
    place = torch.arange(size, dtype=torch.double) - size // 2
    line = (-(place**2) / (2 * 1.5**2)).exp()
    window = (line[:, None] * line / line.sum() ** 2).expand(x.shape[1], 1, size, size)

    def mean(v: Tensor) -> Tensor:
        return F.conv2d(F.pad(v, (size // 2,) * 4, "reflect"), window, groups=v.shape[1])

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return index.flatten(1).mean(1)


def sharpness(x: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of each picture, `[n]`: low where it is blurred."""
    across, down = x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]
    return across.square().flatten(1).mean(1) + down.square().flatten(1).mean(1)


def _alike(x: Tensor, y: Tensor) -> None:
    if x.shape != y.shape or x.ndim != 4:
        raise InputError(f"pictures [n, c, h, w] are compared one by one; here {list(x.shape)} and {list(y.shape)}")
