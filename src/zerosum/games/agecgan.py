"""Face aging with conditional generative adversarial networks. Antipov et al., 2017. arXiv:1702.01983"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, misread, real
from ..nets import IntoD, IntoG, conditional_discriminator, conditional_generator, embed, encoder
from ..optim import Adam, minimise
from ..priors import Conditions, Normal
from ..spec import Spec


class AgeCGAN(Game):
    """A conditional GAN ages; an inverse that preserves identity says whom (Sec. 2). For a picture x of condition y0:

    z0 = E(x), an approximation, E trained on |z - E(G(z, y))|^2                        (Sec. 2.2)
    z* = argmin_z |R(x) - R(G(z, y0))|, from z0, R a network that tells identities       (Eq. 1)

    and G(z*, y) is x under the condition y. Here R is trained on the identities in the data, and A, on their
    conditions, reads y0 where it is not given; the paper takes R from elsewhere.
    """

    needs = {"x": ("image", "vector"), "y": ("label", "vector"), "identity": ("label",)}

    z_dim: int = 100
    width: int = 64
    lr: float = 2e-4
    identity: bool = True  # False: z* resembles x in pixels, the ablation
    steps: int = 100  # of the search for z*; 0 takes z0
    rate: float = 0.05  # of the search
    into_g: IntoG = "concat"  # norm: y sets gain and bias of G's batch norms; not the paper's
    into_d: IntoD = "concat"  # projection: y is held against D's features; not the paper's

    def build(self, spec: Spec) -> None:
        self.prior, self.conditions, self.field = Normal(self.z_dim), Conditions(spec.y), spec.y
        e, people = embed(spec.y), len(spec.identity.classes)
        self.G = conditional_generator(self.z_dim, spec.x, e, self.width, self.into_g)
        self.D = conditional_discriminator(spec.x, e, self.width, self.into_d)
        self.E = encoder(spec.x, self.z_dim, self.width)
        self.A = encoder(spec.x, e.width, self.width)
        self.R = encoder(spec.x, 64, self.width)
        self.who = nn.Linear(64, people)

    def players(self) -> dict[str, Player]:
        parts = {"D": self.D, "G": self.G, "E": self.E, "A": self.A, "R": [self.R, self.who]}
        return {name: Player(modules, Adam(self.lr)) for name, modules in parts.items()}

    def moves(self) -> list[Move]:
        objectives = {"D": self.discriminate, "G": self.generate, "E": self.approximate, "A": self.age}
        return [Move(name, f) for name, f in (objectives | {"R": self.recognise}).items()]

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.G(z, self.conditions(len(z)) if y is None else y)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` under the conditions `y` `[n, ...]`, or under conditions as the data has them."""
        y = self.conditions(n) if y is None else y
        return self.render(self.latent(n), y)

    def condition(self, x: Tensor) -> Tensor:
        """What A reads in x: a class `[n]`, or numbers `[n, d]`."""
        return self.A(x).argmax(1) if self.field.kind == "label" else self.A(x)

    def whom(self, x: Tensor) -> Tensor:
        """Whom x shows, a direction `[n, 64]`; pixels where identity is off."""
        return F.normalize(self.R(x), dim=1) if self.identity else x.flatten(1)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """z*, a latent `[n, z_dim]`; `y` is the condition of x, read in it where not given."""
        y = self.condition(x) if y is None else y
        wanted = self.whom(x)

        def far(z: Tensor) -> Tensor:
            return (wanted - self.whom(self.render(z, y))).square().flatten(1).sum(1).sum()

        return minimise(far, self.E(x), self.steps, self.rate)

    def edit(self, x: Tensor, y: Tensor) -> Tensor:
        """x under another condition, G(z*, y)."""
        return self.render(self.encode(x), y)

    def discriminate(self, batch):
        """-E log D(x, y) - E log(1 - D(G(z, y), y))"""
        y = batch.y
        return {"real": real(self.D(batch.x, y)), "fake": fake(self.D(self.sample(batch.n, y), y))}

    def generate(self, batch):
        """-E log D(G(z, y), y)"""
        return real(self.D(self.sample(batch.n, batch.y), batch.y))

    def approximate(self, batch):
        """E |z - E(G(z, y))|^2"""
        z = self.latent(batch.n)
        return (z - self.E(self.render(z, batch.y))).square().mean()

    def age(self, batch):
        """E |y - A(x)|^2, or cross-entropy"""
        return misread(self.A(batch.x), batch.y)

    def recognise(self, batch):
        """cross-entropy of whom x shows"""
        return F.cross_entropy(self.who(self.R(batch.x)), batch.identity)
