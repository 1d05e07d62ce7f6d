"""Networks from pictures to pictures. All are convolutional: what was trained on 64x64 takes 300x200, too."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import processes
from ..errors import InputError

Norm = Literal["instance", "batch", "none"]


class TooSmall(InputError):
    """Pictures of fewer pixels than a network's strides leave anything of. Who knows the data adds its name."""


def normal(module: nn.Module, std: float = 0.02) -> nn.Module:
    """The same module, the weights of its convolutions drawn from N(0, std^2)."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(m.weight, 0.0, std)
    return module


def normed(c: int, norm: Norm) -> list[nn.Module]:
    return {"instance": [nn.InstanceNorm2d(c)], "batch": [nn.BatchNorm2d(c)], "none": []}[norm]


class Noise(nn.Module):
    """Dropout in evaluation, too: the only noise of pix2pix and DualGAN."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, training=True) if self.p else x


class Padded(nn.Module):
    """`net` on pictures grown to a multiple of `stride` by their border, and cut back: any height and width will do.

    `scale` is how much larger the net's output is."""

    def __init__(self, net: nn.Module, stride: int, scale: int = 1):
        super().__init__()
        self.net, self.stride, self.scale = net, stride, scale

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[2:]
        down, right = -h % self.stride, -w % self.stride
        y = self.net(F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x)
        return y[..., : h * self.scale, : w * self.scale]


def halvings(h: int, w: int) -> int:
    """How often a picture is halved until its shorter side is 2 pixels."""
    return max(1, (min(h, w) - 1).bit_length() - 1)


class UNet(Padded):
    """Isola et al. 2016, App. 6.1.1: 4x4 convolutions of stride 2 down and up, each level's input beside what comes
    back up to it. `skips=False` is the encoder-decoder. Dropout in the three innermost decoding levels."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        width: int,
        depth: int,
        *,
        dropout: float = 0.5,
        skips: bool = True,
        norm: Norm = "instance",
    ):
        channels = [width * min(2**i, 8) for i in range(depth)]
        inner: nn.Module | None = None
        for i in reversed(range(depth)):
            inside = channels[i] * (2 if skips and inner is not None else 1)
            down: list[nn.Module] = [] if i == 0 else [nn.LeakyReLU(0.2)]
            own: Norm = "none" if i in (0, depth - 1) else norm  # not at the bottom, where a channel may be one value
            down += [nn.Conv2d(c_in if i == 0 else channels[i - 1], channels[i], 4, 2, 1, bias=own == "none")]
            down += normed(channels[i], own)
            up: list[nn.Module] = [nn.ReLU()]
            if i == 0:
                up += [nn.ConvTranspose2d(inside, c_out, 4, 2, 1), nn.Tanh()]
            else:
                up += [nn.ConvTranspose2d(inside, channels[i - 1], 4, 2, 1, bias=norm == "none")]
                up += normed(channels[i - 1], norm)
                up += [Noise(dropout)] if i >= depth - 3 and dropout else []
            inner = Level(nn.Sequential(*down), inner, nn.Sequential(*up), skip=skips and i > 0)
        assert inner is not None
        super().__init__(normal(inner), 2**depth)


class Level(nn.Module):
    """Down, what lies below, up; with `skip`, the input beside the output."""

    def __init__(self, down: nn.Module, inner: nn.Module | None, up: nn.Module, skip: bool):
        super().__init__()
        self.down, self.inner, self.up, self.skip = down, inner or nn.Identity(), up, skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.inner(self.down(x)))
        return torch.cat([x, y], 1) if self.skip else y


class Residual(nn.Module):
    """x + F(x): two 3x3 convolutions beside the identity, which keeps what need not change."""

    def __init__(self, c: int, norm: Norm = "instance", act: nn.Module | None = None, reflect: bool = True):
        super().__init__()
        mode = "reflect" if reflect else "zeros"
        bias = norm == "none"
        self.f = nn.Sequential(
            nn.Conv2d(c, c, 3, 1, 1, bias=bias, padding_mode=mode),
            *normed(c, norm),
            act or nn.ReLU(),
            nn.Conv2d(c, c, 3, 1, 1, bias=bias, padding_mode=mode),
            *normed(c, norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


class ResnetTranslator(Padded):
    """c7s1-k, d2k, d4k, residual blocks, u2k, uk, c7s1-c (Zhu et al. 2017, App. 7.2, after Johnson et al. 2016); with
    one of `halvings` instead of two, d4k and u2k are left out."""

    def __init__(self, c_in: int, c_out: int, width: int, blocks: int, norm: Norm = "instance", halvings: int = 2):
        bias, k = norm == "none", width
        channels = [k * 2**i for i in range(halvings + 1)]
        layers: list[nn.Module] = [nn.Conv2d(c_in, k, 7, 1, 3, bias=bias, padding_mode="reflect"), *normed(k, norm)]
        layers += [nn.ReLU()]
        for a, b in pairwise(channels):
            layers += [nn.Conv2d(a, b, 3, 2, 1, bias=bias), *normed(b, norm), nn.ReLU()]
        layers += [Residual(channels[-1], norm) for _ in range(blocks)]
        for a, b in pairwise(reversed(channels)):
            layers += [nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1, bias=bias), *normed(b, norm), nn.ReLU()]
        layers += [nn.Conv2d(k, c_out, 7, 1, 3, padding_mode="reflect"), nn.Tanh()]
        super().__init__(normal(nn.Sequential(*layers)), 2**halvings)


class EncoderDecoder(Padded):
    """4x4 convolutions of stride 2 down and up, batch norm between, nothing beside them (Kim et al. 2017, Sec. 3.3)."""

    def __init__(self, c_in: int, c_out: int, width: int, depth: int, norm: Norm = "batch"):
        bias = norm == "none"
        channels = [width * min(2**i, 8) for i in range(depth)]
        layers: list[nn.Module] = [nn.Conv2d(c_in, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in pairwise(channels):
            layers += [nn.Conv2d(a, b, 4, 2, 1, bias=bias), *normed(b, norm), nn.LeakyReLU(0.2)]
        for a, b in pairwise(reversed(channels)):
            layers += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=bias), *normed(b, norm), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, c_out, 4, 2, 1), nn.Tanh()]
        super().__init__(normal(nn.Sequential(*layers)), 2**depth)


class SRResNet(nn.Module):
    """Ledig et al. 2016, Fig. 4: residual blocks beside one long skip, then a pixel shuffle for each doubling."""

    def __init__(self, c: int, width: int, blocks: int, doublings: int, norm: Norm = "batch"):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(c, width, 9, 1, 4), nn.PReLU())
        body: list[nn.Module] = [Residual(width, norm, nn.PReLU(), reflect=False) for _ in range(blocks)]
        self.body = nn.Sequential(*body, nn.Conv2d(width, width, 3, 1, 1, bias=norm == "none"), *normed(width, norm))
        up: list[nn.Module] = []
        for _ in range(doublings):
            up += [nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
        self.tail = nn.Sequential(*up, nn.Conv2d(width, c, 9, 1, 4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))


PATCHES = (16, 34, 70, 142, 286)  # receptive fields of 1 to 5 halvings
SMALLEST = 6  # pixels of the shorter side: fewer leave nothing to normalise after the second convolution


class PatchGAN(nn.Module):
    """Logits `[n, h', w']`, one for every overlapping square of `patch` pixels (Isola et al. 2016, Sec. 3.2.2).

    `patch` is 1 (each pixel alone), 16, 34, 70, 142 or 286; `side` is the shorter side of the pictures to train on:
    where they do not hold two such patches, the next smaller one is taken."""

    def __init__(self, c: int, width: int, patch: int = 70, norm: Norm = "instance", side: int = 1 << 16):
        super().__init__()
        if patch != 1 and patch not in PATCHES:
            raise InputError(f"patch must be 1, {', '.join(map(str, PATCHES))}; not {patch}")
        if side < SMALLEST:
            raise TooSmall(
                f"a PatchGAN needs pictures of {SMALLEST} pixels or more each way; these have {side}. Give a --size"
            )
        layers: list[nn.Module] = []
        if patch == 1:
            layers += [nn.Conv2d(c, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, 2 * width, 1, bias=norm == "none")]
            layers += [*normed(2 * width, norm), nn.LeakyReLU(0.2), nn.Conv2d(2 * width, 1, 1)]
        else:
            levels = max(1, min(PATCHES.index(patch) + 1, (side // 4).bit_length() - 1))
            channels = [c, *(width * min(2**i, 8) for i in range(levels + 1))]
            for i, (a, b) in enumerate(pairwise(channels)):
                own: Norm = norm if i else "none"
                layers += [nn.Conv2d(a, b, 4, 2 if i < levels else 1, 1, bias=own == "none"), *normed(b, own)]
                layers += [nn.LeakyReLU(0.2)]
            layers += [nn.Conv2d(channels[-1], 1, 4, 1, 1)]
        self.net = normal(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(1)


class Pool(nn.Module):
    """A history of fakes: each that comes is swapped, half of the time, for an older one (Shrivastava et al. 2016).

    The history is buffers, so a run resumes with it; of several processes all keep the same one."""

    items: Tensor
    filled: Tensor

    def __init__(self, shape: tuple[int, ...], size: int):
        super().__init__()
        self.register_buffer("items", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """While it fills, what comes goes out again."""
        size = len(self.items)
        if not size:
            return x
        (rank, world), chance = processes.here(), torch.rand(len(x), device=x.device)
        given, chance = processes.whole(x), processes.whole(chance)
        mine, rest = given[:size].type_as(self.items), given[size:]
        n = len(mine)
        filling = self.filled < size
        next_places = (self.filled + torch.arange(n, device=x.device)) % size
        i = torch.where(filling, next_places, torch.randperm(size, device=x.device)[:n])
        swap = ((chance[:size] < 0.5) & ~filling).view(-1, *[1] * (x.ndim - 1))
        old = self.items[i]
        self.items[i] = torch.where(swap | filling, mine, old)
        self.filled.add_(n)
        return torch.cat([torch.where(swap, old, mine).type_as(x), rest])[rank::world]
