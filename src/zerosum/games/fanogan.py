"""f-AnoGAN: fast unsupervised anomaly detection with generative adversarial networks. Schlegl et al., 2019. doi:10.1016/j.media.2019.01.010"""

from dataclasses import replace

from torch import Tensor

from ..game import Clock, Move, Player
from ..nets import encoder
from ..optim import Adam
from ..spec import Spec
from .wgan_gp import WGANGP


class FAnoGAN(WGANGP):
    """A WGAN-GP learns what is normal, and an encoder takes the place of AnoGAN's search. It is trained on the data by
    what is made of its code, in pixels and in D's features f (izi_f):

    E descends  mean |x - G(E(x))|^2 + kappa mean |f(x) - f(G(E(x)))|^2,  and that is the score, too.
    """

    kappa: float | None = None  # None: 1 for pictures, as in the paper; 0.01 for rows; 0 looks at pixels alone
    lr_e: float = 5e-4
    gan_rounds: int | None = None  # then G and D are done, and E alone goes on, as in the paper; None: they never are

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.share = self.kappa if self.kappa is not None else 1.0 if spec.x.kind == "image" else 0.01
        self.E = encoder(spec.x, self.z_dim, self.width)

    def players(self) -> dict[str, Player]:
        return super().players() | {"E": Player(self.E, Adam(self.lr_e))}

    def moves(self) -> list[Move]:
        return [*(replace(move, when=self.unfinished) for move in super().moves()), Move("E", self.resemble)]

    def unfinished(self, clock: Clock) -> bool:
        """Are G and D still trained?"""
        return self.gan_rounds is None or clock.rounds < self.gan_rounds

    def encode(self, x: Tensor) -> Tensor:
        """E(x), a latent `[n, z_dim]`."""
        return self.E(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(E(x))"""
        return self.render(self.encode(x))

    def distance(self, x: Tensor) -> Tensor:
        """mean |x - G(E(x))|^2 + kappa mean |f(x) - f(G(E(x)))|^2, `[n]`"""
        made = self.reconstruct(x)
        residual = (x - made).square().flatten(1).mean(1)
        return residual + self.share * (self.D.features(x) - self.D.features(made)).square().mean(1)

    def resemble(self, batch):
        """mean |x - G(E(x))|^2 + kappa mean |f(x) - f(G(E(x)))|^2"""
        return self.distance(batch.x).mean()

    def score(self, x: Tensor) -> Tensor:
        """How far x is from what is made of its code, `[n]`."""
        return self.distance(x)
