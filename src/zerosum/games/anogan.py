"""Unsupervised anomaly detection with generative adversarial networks to guide marker discovery. Schlegl et al., 2017. arXiv:1703.05921"""

from torch import Tensor

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import discriminator, generator
from ..optim import Adam, minimise
from ..priors import Uniform
from ..spec import Spec


class AnoGAN(Game):
    """A GAN learns what is normal. For an example, a latent is looked for whose sample resembles it, and what cannot be
    resembled is the anomaly:

    A(x) = min_z (1 - lam) R(z) + lam L_D(z),  R = sum |x - G(z)|,  L_D = sum |f(x) - f(G(z))|      (Eqs. 2, 4, 5, 6)

    f are D's features. The search is `steps` steps of Adam on z, from the nearest of some random latents.
    """

    z_dim: int = 100
    width: int = 64
    lr: float = 2e-4
    lam: float = 0.1
    steps: int = 200  # of the search; 0 takes the nearest random latent, the ablation
    rate: float = 0.05  # of the search

    def build(self, spec: Spec) -> None:
        self.prior = Uniform(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def discriminate(self, batch):
        """-E log D(x) - E log(1 - D(G(z)))"""
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        """-E log D(G(z))"""
        return real(self.D(self.sample(batch.n)))

    def anomaly(self, x: Tensor, z: Tensor) -> Tensor:
        """(1 - lam) R(z) + lam L_D(z), `[n]`"""
        made = self.render(z)
        residual = (x - made).abs().flatten(1).sum(1)
        features = (self.D.features(x) - self.D.features(made)).abs().sum(1)
        return (1 - self.lam) * residual + self.lam * features

    def encode(self, x: Tensor) -> Tensor:
        """The latent that is found for x, `[n, z_dim]`."""
        z = self.latent(64)
        made = self.render(z).flatten(1)
        nearest = (x.flatten(1)[:, None] - made).abs().sum(2).argmin(1)
        return minimise(lambda z: self.anomaly(x, z).sum(), z[nearest], self.steps, self.rate, (-1.0, 1.0))

    def reconstruct(self, x: Tensor) -> Tensor:
        """The nearest that G can make to x."""
        return self.render(self.encode(x))

    def score(self, x: Tensor) -> Tensor:
        """A(x), `[n]`."""
        return self.anomaly(x, self.encode(x))
