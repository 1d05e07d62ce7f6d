"""Generative adversarial nets. Goodfellow et al., 2014. arXiv:1406.2661"""

import math
from typing import Literal

from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import Discriminator, Maxout, mlp, output
from ..optim import Adam
from ..priors import Normal, Uniform
from ..spec import Field, Spec


class GAN(Game):
    """min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]                              (Eq. 1)

    D returns logits, so -log D = softplus(-D) and -log(1 - D) = softplus(D). As in the released code, G is a perceptron
    of rectifiers and D one of maxout units with dropout. Not in the paper: Adam in the place of SGD with momentum.
    """

    z_dim: int = 100
    width: int | None = None  # hidden units of G; None: 1200 at MNIST's size as in the paper, fewer below, at least 128
    noise: Literal["uniform", "gaussian"] = "uniform"  # of unit variance both
    dropout: float | None = None  # of D's hidden units, 0.4 of it on its input; None: 0.5 for pictures, 0 for rows
    k: int = 1  # moves of D per move of G, Algorithm 1
    saturating: bool = False  # True: G descends log(1 - D(G(z))); False: it ascends log D(G(z)), end of Sec. 3
    lr: float = 1e-3

    def build(self, spec: Spec) -> None:
        side = math.sqrt(3)
        self.prior = Normal(self.z_dim) if self.noise == "gaussian" else Uniform(self.z_dim, low=-side, high=side)
        width = self.width or min(1200, max(128, 2 * spec.x.size))
        self.G = perceptron(self.z_dim, spec.x, width)
        dropout = self.dropout if self.dropout is not None else 0.5 * (spec.x.kind == "image")
        self.D = maxout_discriminator(spec.x, max(64, width // 5), dropout)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate, times=self.k), Move("G", self.generate)]

    def discriminate(self, batch):
        """-E log D(x) - E log(1 - D(G(z)))"""
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        """-E log D(G(z)), or E log(1 - D(G(z))) where saturating"""
        logits = self.D(self.sample(batch.n))
        return -fake(logits) if self.saturating else real(logits)

    def score(self, x: Tensor) -> Tensor:
        """-D(x), `[n]`: high where D takes x for a fake."""
        return -self.D(x)


def perceptron(z: int, field: Field, width: int) -> nn.Module:
    shape = field.written
    return nn.Sequential(mlp(z, width, width, math.prod(shape)), nn.Unflatten(1, shape), output(field))


def maxout_discriminator(field: Field, units: int, dropout: float) -> nn.Module:
    """Two layers of maxout units of five pieces, with dropout below each and below the head."""
    layers = [nn.Flatten(), nn.Dropout(0.4 * dropout), Maxout(field.size, units, 5)]
    layers += [nn.Dropout(dropout), Maxout(units, units, 5), nn.Dropout(dropout)]
    return Discriminator(nn.Sequential(*layers), units)
