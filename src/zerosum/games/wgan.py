"""Wasserstein GAN. Arjovsky et al., 2017. arXiv:1701.07875"""

from ..game import Clock, Game, Move, Player
from ..nets import discriminator, generator
from ..optim import RMSprop
from ..priors import Normal
from ..spec import Spec


class WGAN(Game):
    """Algorithm 1. The critic D ascends E D(x) - E D(G(z)) among functions whose weights lie in [-c, c]; near its
    optimum that is, up to a factor, the Wasserstein-1 distance (Eq. 2), which G descends."""

    z_dim: int = 100
    width: int = 64
    c: float = 0.01
    n_critic: int = 5
    warm_up: int = 25  # rounds, and every 500th after, in which the critic moves 100 times; released code
    lr: float = 5e-5  # of RMSprop; with momentum training was unstable, Sec. 4

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width, norm=True)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, RMSprop(self.lr), after=self.clip), "G": Player(self.G, RMSprop(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.criticize, times=self.critic_moves), Move("G", self.generate)]

    def critic_moves(self, clock: Clock) -> int:
        return 100 if clock.rounds < self.warm_up or (self.warm_up and clock.rounds % 500 == 0) else self.n_critic

    def clip(self) -> None:
        for w in self.D.parameters():
            w.clamp_(-self.c, self.c)

    def criticize(self, batch):
        """E D(G(z)) - E D(x)"""
        return {"gap": self.D(self.sample(batch.n)).mean() - self.D(batch.x).mean()}

    def generate(self, batch):
        """-E D(G(z))"""
        return -self.D(self.sample(batch.n)).mean()
