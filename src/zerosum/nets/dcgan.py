"""DCGAN's networks (Radford et al. 2015, Sec. 3 and Fig. 1), for pictures of any height, width and channel count.

The paper has 64x64 only: 4x4 is doubled four times. Here every picture has a pyramid of sizes, each half of the next
and rounded up, and a doubling that comes out one row or column too large is cropped.
"""

from itertools import pairwise

from torch import Tensor, nn

from ..spec import Field
from .mlp import Discriminator, output


def pyramid(h: int, w: int, least: int | None = None) -> list[tuple[int, int]]:
    """Sizes from small to large. The shorter side starts at `least` or less: 4; 2 for pictures below 16 pixels."""
    least = least or (4 if min(h, w) >= 16 else 2)
    sizes = [(h, w)]
    while min(sizes[0]) > least:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    return sizes


class Crop(nn.Module):
    """The upper left h x w of a picture."""

    def __init__(self, h: int, w: int):
        super().__init__()
        self.h, self.w = h, w

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.h, : self.w]


class DCGANGenerator(nn.Sequential):
    """`[n, z]` -> `[n, c, h, w]` in [-1, 1]. `width` channels before the last layer, twice as many at every halving."""

    def __init__(self, z: int, field: Field, width: int, least: int | None = None):
        c, h, w = field.shape
        sizes = pyramid(h, w, least)
        channels = [width * 2**i for i in reversed(range(len(sizes) - 1))] or [width]
        top, (h0, w0) = channels[0], sizes[0]
        layers: list[nn.Module] = [nn.Linear(z, top * h0 * w0), nn.Unflatten(1, (top, h0, w0))]
        for (a, b), size in zip(pairwise([*channels, c]), sizes[1:], strict=False):
            layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1), Crop(*size)]
        if len(sizes) == 1:
            layers += [nn.BatchNorm2d(top), nn.ReLU(), nn.Conv2d(top, c, 3, 1, 1)]
        super().__init__(*layers, output(field))


class DCGANDiscriminator(Discriminator):
    """`[n, c, h, w]` -> logits `[n]` by strided convolutions; with `norm`, batch norm in all but the first."""

    def __init__(self, field: Field, width: int, norm: bool = False, least: int | None = None):
        c, h, w = field.shape
        halvings = len(pyramid(h, w, least)) - 1
        channels = [c, *(width * 2**i for i in range(max(halvings, 1)))]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(channels)):
            layers += [nn.Conv2d(a, b, 4, 2, 1) if halvings else nn.Conv2d(a, b, 3, 1, 1)]
            layers += [nn.BatchNorm2d(b)] * (norm and i > 0) + [nn.LeakyReLU(0.2)]
            h, w = (h // 2, w // 2) if halvings else (h, w)
        super().__init__(nn.Sequential(*layers, nn.Flatten()), channels[-1] * h * w)
