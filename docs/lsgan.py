"""Least squares generative adversarial networks. Mao et al., 2016. arXiv:1611.04076"""

from zerosum.game import Batch, Game, Move, Player
from zerosum.nets import discriminator, generator
from zerosum.optim import Adam
from zerosum.priors import Normal
from zerosum.spec import Spec


class LSGAN(Game):
    """D descends E (D(x) - b)^2 / 2 + E (D(G(z)) - a)^2 / 2, and G descends E (D(G(z)) - c)^2 / 2"""

    z_dim: int = 64
    width: int = 64
    a: float = 0.0
    b: float = 1.0
    c: float = 1.0
    lr: float = 2e-4

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def discriminate(self, batch: Batch):
        """E (D(x) - b)^2 / 2 + E (D(G(z)) - a)^2 / 2"""
        real, fake = self.D(batch.x), self.D(self.sample(batch.n))
        return {"real": (real - self.b).square().mean() / 2, "fake": (fake - self.a).square().mean() / 2}

    def generate(self, batch: Batch):
        """E (D(G(z)) - c)^2 / 2"""
        return (self.D(self.sample(batch.n)) - self.c).square().mean() / 2
