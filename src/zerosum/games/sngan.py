"""Spectral normalization for generative adversarial networks. Miyato et al., 2018. arXiv:1802.05957"""

import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ..game import Game, Move, Player
from ..nets import discriminator, generator
from ..optim import Adam
from ..priors import Normal
from ..spec import Spec


class SNGAN(Game):
    """Every weight of D is divided by its largest singular value, so each layer is 1-Lipschitz (Eq. 8); one step of the
    power method at each use keeps track of it (App. A). Hinge losses:

    D descends E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))), and G descends -E D(G(z))          (Eqs. 16, 17)
    """

    z_dim: int = 128
    width: int = 64
    n_dis: int = 5
    lr: float = 2e-4
    betas: tuple[float, float] = (0.0, 0.9)
    decay: int = 100_000  # rounds in which lr falls to zero
    normalise: bool = True  # False is the ablation

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width)
        if self.normalise:
            for layer in list(self.D.modules()):
                if isinstance(layer, nn.Linear | nn.Conv2d):
                    spectral_norm(layer)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr, self.betas)
        return {"D": Player(self.D, adam, schedule=self.schedule), "G": Player(self.G, adam, schedule=self.schedule)}

    def schedule(self, clock):
        return {"lr": self.lr * max(0.0, 1 - clock.rounds / self.decay)}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate, times=self.n_dis), Move("G", self.generate)]

    def discriminate(self, batch):
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))"""
        return {"real": F.relu(1 - self.D(batch.x)).mean(), "fake": F.relu(1 + self.D(self.sample(batch.n))).mean()}

    def generate(self, batch):
        """-E D(G(z))"""
        return -self.D(self.sample(batch.n)).mean()
