"""The GAN is dead; long live the GAN! A modern GAN baseline. Huang et al., 2024. arXiv:2501.05441"""

import math
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..game import EMA, Game, Move, Player
from ..nets import Discriminator, discriminator, generator, pyramid
from ..optim import Adam
from ..penalties import square_norm, value_and_gradient
from ..priors import Normal
from ..schedules import cosine
from ..spec import Field, Spec


class R3GAN(Game):
    """Every fake is compared with a real one, and D's slope is held down on both (Sec. 2):

    min_G max_D  -E softplus(-(D(x) - D(G(z)))) - gamma/2 (E|grad D(x)|^2 + E|grad D(G(z))|^2)

    Pairs of hyperparameters are a first and a last value; a cosine over `decay` examples leads from one to the other.
    """

    z_dim: int = 64
    width: int = 64  # channels up to 32x32, half of them at every doubling after; the paper's networks have 768
    blocks: int = 2  # residual blocks a stage
    networks: Literal["residual", "dcgan"] = "residual"  # dcgan: not the paper's, but sooner learnt
    gamma: tuple[float, float] = (0.5, 0.05)  # grows with the number and the variance of the pixels; `auto` measures it
    lr: tuple[float, float] = (2e-4, 5e-5)
    beta2: tuple[float, float] = (0.9, 0.99)
    decay: float = 2e7  # examples
    half_life: float = 5e5  # of the average of G, in examples
    relativistic: bool = True  # False: the losses of GAN, the ablation of Sec. 2

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        if spec.x.kind == "image" and self.networks == "residual":
            self.G = ResidualGenerator(self.z_dim, spec.x, self.width, self.blocks)
            self.D = residual_discriminator(spec.x, self.width, self.blocks)
        else:
            self.G, self.D = generator(self.z_dim, spec.x, self.width), discriminator(spec.x, self.width)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr[0], betas=(0.0, self.beta2[0]))
        return {
            "D": Player(self.D, adam, schedule=self.schedule),
            "G": Player(self.G, adam, ema=EMA(self.half_life), schedule=self.schedule),
        }

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def now(self, ends: tuple[float, float]):
        return cosine(ends, self.clock.examples / self.decay)

    def schedule(self, clock):
        return {"lr": self.now(self.lr), "betas": (0.0, self.now(self.beta2))}

    def lead(self, a: Tensor, b: Tensor) -> Tensor:
        """E softplus(-(a - b)): small where a's logits lie above b's."""
        return F.softplus(b - a).mean() if self.relativistic else F.softplus(-a).mean() + F.softplus(b).mean()

    def discriminate(self, batch):
        """E softplus(D(G(z)) - D(x)) + gamma/2 (E|grad D(x)|^2 + E|grad D(G(z))|^2)"""
        (real, at_real), (fake, at_fake) = (value_and_gradient(self.D, x) for x in (batch.x, self.sample(batch.n)))
        gamma = self.now(self.gamma) / 2
        return {"pair": self.lead(real, fake), "r1": gamma * square_norm(at_real), "r2": gamma * square_norm(at_fake)}

    def generate(self, batch):
        """E softplus(D(x) - D(G(z)))"""
        return self.lead(self.D(self.sample(batch.n)), self.D(batch.x))


class ResidualGenerator(nn.Module):
    """A learnt picture of the smallest size, weighted by z; residual blocks between doublings; no normalisation."""

    def __init__(self, z: int, field: Field, width: int, blocks: int):
        super().__init__()
        sizes = pyramid(*field.shape[1:])
        channels = [widths(width, *size) for size in sizes]
        self.basis = nn.Parameter(torch.randn(channels[0], *sizes[0]))
        self.mix = scaled(nn.Linear(z, channels[0], bias=False))
        layers = stack(channels[0], blocks, len(sizes))
        for (a, b), size in zip(pairwise(channels), sizes[1:], strict=True):
            layers += [nn.Upsample(size, mode="bilinear"), *change(a, b), *stack(b, blocks, len(sizes))]
        self.layers = nn.Sequential(*layers, *change(channels[-1], field.shape[0]))

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(self.basis * self.mix(z)[:, :, None, None])


def residual_discriminator(field: Field, width: int, blocks: int) -> Discriminator:
    """The mirror of the generator; a depthwise convolution as large as the smallest size and a linear layer end it."""
    sizes = pyramid(*field.shape[1:])[::-1]
    channels = [widths(width, *size) for size in sizes]
    layers = [*change(field.shape[0], channels[0]), *stack(channels[0], blocks, len(sizes))]
    for a, b in pairwise(channels):
        layers += [Halve(), *change(a, b), *stack(b, blocks, len(sizes))]
    top = channels[-1]
    return Discriminator(nn.Sequential(*layers, Weigh(top, sizes[-1])), top)


def stack(c: int, blocks: int, stages: int) -> list[nn.Module]:
    """A stage's blocks; the deeper the network, the smaller their first weights."""
    return [Block(c, (blocks * stages) ** -0.25) for _ in range(blocks)]


def change(a: int, b: int) -> list[nn.Module]:
    """To another number of channels."""
    return [scaled(nn.Conv2d(a, b, 1, bias=False))] if a != b else []


class Block(nn.Module):
    """x + f(x): 1x1 to twice the channels, 3x3 in groups of 16, 1x1 back, which starts at zero (Sec. 3)."""

    def __init__(self, c: int, scale: float):
        super().__init__()
        wide, gain, leaky = 2 * c, scale * math.sqrt(2 / (1 + 0.2**2)), nn.LeakyReLU(0.2)
        inner = scaled(nn.Conv2d(wide, wide, 3, 1, 1, groups=wide // 16), gain)
        outer = scaled(nn.Conv2d(wide, c, 1, bias=False), 0.0)
        self.f = nn.Sequential(scaled(nn.Conv2d(c, wide, 1), gain), leaky, inner, leaky, outer)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


class Weigh(nn.Module):
    """`[n, c, h, w]` -> `[n, c]`: a depthwise convolution as large as the picture."""

    def __init__(self, c: int, size: tuple[int, int]):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c, *size) / math.sqrt(math.prod(size)))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum((2, 3))


class Halve(nn.Module):
    """Blur by [1, 2, 1] both ways and take every second pixel."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        x = x[:, :, :-2:2] + 2 * x[:, :, 1:-1:2] + x[:, :, 2::2]
        return (x[..., :-2:2] + 2 * x[..., 1:-1:2] + x[..., 2::2]) / 16


def widths(width: int, h: int, w: int) -> int:
    """Channels at this size, a multiple of 8."""
    return max(8, width // 2 ** max(0, math.ceil(math.log2(max(h, w) / 32))) // 8 * 8)


def scaled(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> nn.Module:
    """Weights from N(0, gain^2 / fan_in), no bias at first."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
