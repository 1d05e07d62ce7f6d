"""Least squares generative adversarial networks. Mao et al., 2016. arXiv:1611.04076"""

from ..game import Game, Move, Player
from ..nets import discriminator, generator
from ..optim import Adam
from ..priors import Uniform
from ..spec import Spec


class LSGAN(Game):
    """D descends E(D(x) - b)^2 / 2 + E(D(G(z)) - a)^2 / 2, and G descends E(D(G(z)) - c)^2 / 2      (Eq. 2)

    A fake that D already takes for real is still pulled towards the data, in proportion to its distance from c.
    """

    z_dim: int = 100
    width: int = 64
    targets: tuple[float, float, float] = (0.0, 1.0, 1.0)  # a, b, c: Eq. 9; (-1, 1, 0) is Eq. 8, Pearson's chi^2
    lr: float = 2e-4

    def build(self, spec: Spec) -> None:
        self.prior = Uniform(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width, norm=True)  # linear at its end

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def discriminate(self, batch):
        """E(D(x) - b)^2 / 2 + E(D(G(z)) - a)^2 / 2"""
        a, b, _ = self.targets
        return {"real": distance(self.D(batch.x), b), "fake": distance(self.D(self.sample(batch.n)), a)}

    def generate(self, batch):
        """E(D(G(z)) - c)^2 / 2"""
        return distance(self.D(self.sample(batch.n)), self.targets[2])


def distance(values, target):
    return (values - target).square().mean() / 2
