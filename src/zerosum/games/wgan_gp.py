"""Improved training of Wasserstein GANs. Gulrajani et al., 2017. arXiv:1704.00028"""

from ..game import Game, Move, Player
from ..nets import discriminator, generator
from ..optim import Adam
from ..penalties import gradient_penalty
from ..priors import Normal
from ..spec import Spec


class WGANGP(Game):
    """Algorithm 1. The critic D ascends E D(x) - E D(G(z)) - lam E(|grad D(x^)| - 1)^2     (Eq. 3)"""

    z_dim: int = 128
    width: int = 64
    lam: float | None = None  # None: 10 for pictures, Sec. 4; 0.1 for rows, as in the authors' program for points
    n_critic: int = 5
    lr: float = 1e-4
    beta1: float | None = None  # None: 0 for pictures, Algorithm 1; 0.5 for rows, as there

    def build(self, spec: Spec) -> None:
        image = spec.x.kind == "image"
        self.weight = self.lam if self.lam is not None else 10.0 if image else 0.1
        self.momentum = self.beta1 if self.beta1 is not None else 0.0 if image else 0.5
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width)  # no batch norm in the critic, Sec. 4

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr, betas=(self.momentum, 0.9))
        return {"D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        return [Move("D", self.criticize, times=self.n_critic), Move("G", self.generate)]

    def criticize(self, batch):
        """E D(G(z)) - E D(x) + lam E(|grad D(x^)| - 1)^2"""
        x, y = batch.x, self.sample(batch.n)
        return {"gap": self.D(y).mean() - self.D(x).mean(), "penalty": self.weight * gradient_penalty(self.D, x, y)}

    def generate(self, batch):
        """-E D(G(z))"""
        return -self.D(self.sample(batch.n)).mean()
