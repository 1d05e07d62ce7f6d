"""Invertible conditional GANs for image editing. Perarnau et al., 2016. arXiv:1611.06355"""

from torch import Tensor

from ..game import Game, Move, Player
from ..losses import fake, misread, real
from ..nets import IntoD, IntoG, conditional_discriminator, conditional_generator, embed, encoder
from ..optim import Adam
from ..priors import Conditions, Normal
from ..spec import Spec


class IcGAN(Game):
    """A conditional GAN, and two encoders that run it backwards, E_z to its latent and E_y to its condition:

    E_z descends E |z - E_z(G(z, y))|^2                                                (Eq. 3)
    E_y descends E |y - E_y(x)|^2, cross-entropy where y is a class                     (Eq. 4)

    A picture is edited by G(E_z(x), y'). The encoders are independent networks, the paper's choice (IND).
    """

    needs = {"x": ("image", "vector"), "y": ("label", "vector")}

    z_dim: int = 100
    width: int = 64
    lr: float = 2e-4
    into_g: IntoG = "concat"  # norm: y sets gain and bias of G's batch norms; not the paper's
    into_d: IntoD = "concat"  # projection: y is held against D's features; not the paper's

    def build(self, spec: Spec) -> None:
        self.prior, self.conditions, self.field = Normal(self.z_dim), Conditions(spec.y), spec.y
        e = embed(spec.y)
        self.G = conditional_generator(self.z_dim, spec.x, e, self.width, self.into_g)
        self.D = conditional_discriminator(spec.x, e, self.width, self.into_d)
        self.E_z = encoder(spec.x, self.z_dim, self.width, norm=True)
        self.E_y = encoder(spec.x, e.width, self.width, norm=True)

    def players(self) -> dict[str, Player]:
        return {k: Player(getattr(self, k), Adam(self.lr)) for k in ("D", "G", "E_z", "E_y")}

    def moves(self) -> list[Move]:
        return [
            Move("D", self.discriminate),
            Move("G", self.generate),
            Move("E_z", self.find_latent),
            Move("E_y", self.find_condition),
        ]

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.G(z, self.conditions(len(z)) if y is None else y)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` under the conditions `y` `[n, ...]`, or under conditions as the data has them."""
        y = self.conditions(n) if y is None else y
        return self.render(self.latent(n), y)

    def encode(self, x: Tensor) -> Tensor:
        """E_z(x), a latent `[n, z_dim]`, of all that y does not say."""
        return self.E_z(x)

    def condition(self, x: Tensor) -> Tensor:
        """What E_y reads in x: a class `[n]`, or numbers `[n, d]`."""
        return self.E_y(x).argmax(1) if self.field.kind == "label" else self.E_y(x)

    def edit(self, x: Tensor, y: Tensor) -> Tensor:
        """x under another condition, G(E_z(x), y)."""
        return self.render(self.encode(x), y)

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(E_z(x), E_y(x))"""
        return self.edit(x, self.condition(x))

    def discriminate(self, batch):
        """-E log D(x, y) - E log(1 - D(G(z, y), y))"""
        y = batch.y
        return {"real": real(self.D(batch.x, y)), "fake": fake(self.D(self.sample(batch.n, y), y))}

    def generate(self, batch):
        """-E log D(G(z, y), y)"""
        return real(self.D(self.sample(batch.n, batch.y), batch.y))

    def find_latent(self, batch):
        """E |z - E_z(G(z, y))|^2"""
        z = self.latent(batch.n)
        return (z - self.E_z(self.render(z, batch.y))).square().mean()

    def find_condition(self, batch):
        """E |y - E_y(x)|^2, or cross-entropy"""
        return misread(self.E_y(batch.x), batch.y)
