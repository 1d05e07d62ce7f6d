"""Conditional generative adversarial nets. Mirza and Osindero, 2014. arXiv:1411.1784"""

import math

import torch
from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import Blind, Discriminator, Embedding, IntoD, IntoG, Maxout, Normed, Projection, embed, output
from ..optim import Adam
from ..priors import Conditions, Uniform
from ..spec import Field, Spec


class CGAN(Game):
    """min_G max_D  E[log D(x|y)] + E[log(1 - D(G(z|y)|y))]                            (Eq. 2)

    y is a class, numbers and attributes, or a text, which each player reads with a GRU of its own. Networks of
    Sec. 4.1, fully connected. Not in the paper: Adam in the place of SGD with momentum; other ways of y into them.
    """

    needs = {"x": ("image", "vector"), "y": ("label", "vector", "text")}

    z_dim: int = 100
    width: int | None = None  # of G's joint layer; None: by the size of x, 1200 at MNIST's as in the paper
    dropout: float | None = None  # in D; None: 0.5 for pictures as in the paper, 0 for rows, where G collapses with it
    lr: float = 5e-4
    condition_d: bool = True  # False: D never sees y, the ablation
    reader: str = "gru"  # of texts: gru, chars, or a sentence encoder's name or folder
    into_g: IntoG = "concat"  # norm: y sets gain and bias of batch norms in G; not the paper's
    into_d: IntoD = "concat"  # projection: y is held against D's features; not the paper's

    def build(self, spec: Spec) -> None:
        self.prior, self.conditions = Uniform(self.z_dim), Conditions(spec.y)
        width = self.width or min(1200, max(128, 2 * spec.x.size))
        dropout = 0.5 * (spec.x.kind == "image") if self.dropout is None else self.dropout
        in_g, in_d = (embed(spec.y, by=self.reader) for _ in range(2))
        G = ConditionalGenerator if self.into_g == "concat" else normed_generator
        D = ConditionalDiscriminator if self.into_d == "concat" else projecting_discriminator
        self.G = G(self.z_dim, in_g, spec.x, width)
        self.D = D(spec.x, in_d if self.condition_d else Blind(in_d), max(64, width // 5), dropout)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.G(z, self.conditions(len(z)) if y is None else y)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` under the conditions `y` `[n, ...]`, or under conditions as the data has them."""
        y = self.conditions(n) if y is None else y
        return self.render(self.latent(n), y)

    def discriminate(self, batch):
        """-E log D(x|y) - E log(1 - D(G(z|y)|y))"""
        y = batch.y
        return {"real": real(self.D(batch.x, y)), "fake": fake(self.D(self.sample(batch.n, y), y))}

    def generate(self, batch):
        """-E log D(G(z|y)|y)"""
        return real(self.D(self.sample(batch.n, batch.y), batch.y))


class ConditionalGenerator(nn.Module):
    """z and y through layers of their own, then a joint one; the paper's widths are 200, 1000 and 1200."""

    def __init__(self, z: int, y: Embedding, field: Field, width: int):
        super().__init__()
        self.embed = y
        self.z, self.y = nn.Linear(z, width // 6), nn.Linear(y.width, width - width // 6)
        self.joint = nn.Sequential(
            nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, math.prod(field.written))
        )
        self.end = nn.Sequential(nn.Unflatten(1, field.written), output(field))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.end(self.joint(torch.cat([self.z(z), self.y(self.embed(y))], 1)))


class ConditionalDiscriminator(nn.Module):
    """Maxout layers for x (5 pieces), y (5 pieces, a fifth as many units) and both (4 pieces), then a logit `[n]`."""

    def __init__(self, field: Field, y: Embedding, units: int, dropout: float):
        super().__init__()
        self.embed = y
        self.x = nn.Sequential(nn.Flatten(), Maxout(field.size, units, 5), nn.Dropout(dropout))
        self.y = nn.Sequential(Maxout(y.width, units // 5, 5), nn.Dropout(dropout))
        self.joint = nn.Sequential(Maxout(units + units // 5, units, 4), nn.Dropout(dropout), nn.Linear(units, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.joint(torch.cat([self.x(x), self.y(self.embed(y))], 1)).squeeze(1)


def normed_generator(z: int, y: Embedding, field: Field, width: int) -> Normed:
    """Two layers as wide as the joint one, with batch norms that y sets."""
    norms = [layer for a in (z, width) for layer in (nn.Linear(a, width), nn.BatchNorm1d(width), nn.ReLU())]
    end = nn.Linear(width, math.prod(field.written)), nn.Unflatten(1, field.written), output(field)
    return Normed(y, nn.Sequential(*norms, *end))


def projecting_discriminator(field: Field, y: Embedding, units: int, dropout: float) -> Projection:
    """Maxout layers for x (5 and 4 pieces), on which y is projected."""
    first, second = Maxout(field.size, units, 5), Maxout(units, units, 4)
    features = nn.Sequential(nn.Flatten(), first, nn.Dropout(dropout), second, nn.Dropout(dropout))
    return Projection(Discriminator(features, units), y)
