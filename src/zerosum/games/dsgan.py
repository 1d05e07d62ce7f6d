"""Simulation of electron-proton scattering events by a feature-augmented and transformed generative adversarial network (FAT-GAN). Alanazi et al., 2020. arXiv:2001.11103"""

from torch import nn

from ..game import Game, Move, Player
from ..nets import Discriminator, mlp, output
from ..optim import Adam
from ..penalties import gradient_penalty
from ..priors import Normal
from ..spec import Spec


class DSGAN(Game):
    """The direct-simulation GAN, the paper's baseline: G writes an event's momenta, and D sees just these.

    WGAN-GP between perceptrons. The FAT-GAN is this game on other features, with a second term for G.
    """

    needs = {"x": ("vector",)}
    features = "direct"

    z_dim: int = 100
    width: int = 512  # of each hidden layer
    depth: int = 5  # hidden layers, of G and of D
    g_width: int | None = None  # of G's hidden layers alone: a small G makes events faster
    g_depth: int | None = None
    lam: float = 10.0
    n_critic: int = 5
    lr: float = 1e-4
    decay: float | None = None  # examples at which the rate reaches 0, constant until half of them; None: constant

    def build(self, spec: Spec) -> None:
        hidden, leaky = [self.width] * self.depth, nn.LeakyReLU(0.2)
        self.prior = Normal(self.z_dim)
        self.G = nn.Sequential(mlp(self.z_dim, *self.writer, *spec.x.written, act=lambda: leaky), output(spec.x))
        self.D = Discriminator(mlp(spec.x.size, *hidden, act=lambda: leaky, last=leaky), self.width)

    @property
    def writer(self) -> list[int]:
        """Widths of G's hidden layers."""
        return [self.g_width or self.width] * (self.g_depth or self.depth)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr, betas=(0.5, 0.9))
        return {k: Player(m, adam, schedule=self.schedule) for k, m in (("D", self.D), ("G", self.G))}

    def schedule(self, clock):
        left = 1.0 if self.decay is None else 2 - 2 * clock.examples / self.decay
        return {"lr": self.lr * min(1.0, max(0.0, left))}

    def moves(self) -> list[Move]:
        return [Move("D", self.criticize, times=self.n_critic), Move("G", self.generate)]

    def criticize(self, batch):
        """E D(G(z)) - E D(p) + lam E(|grad D(p^)| - 1)^2"""
        x, y = batch.x, self.sample(batch.n)
        return {"gap": self.D(y).mean() - self.D(x).mean(), "penalty": self.lam * gradient_penalty(self.D, x, y)}

    def generate(self, batch):
        """-E D(G(z))"""
        return -self.D(self.sample(batch.n)).mean()
