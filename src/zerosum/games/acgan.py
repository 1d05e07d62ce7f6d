"""Conditional image synthesis with auxiliary classifier GANs. Odena et al., 2016. arXiv:1610.09585"""

import torch.nn.functional as F
from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import IntoG, conditional_generator, discriminator, embed
from ..optim import Adam
from ..priors import Labels, Normal
from ..spec import Spec


class ACGAN(Game):
    """D says where an example comes from and which class it has. It ascends L_S + L_C, and G ascends L_C - L_S:

    L_S = E log P(real | x) + E log P(fake | G(z, y)),  L_C = E log P(y | x) + E log P(y | G(z, y))    (Eqs. 2, 3)
    """

    needs = {"x": ("image", "vector"), "y": ("label",)}

    z_dim: int = 100
    width: int = 64
    lam: float = 1.0  # weight of L_C; 0 is the ablation
    lr: float = 2e-4
    into_g: IntoG = "concat"  # norm: y sets gain and bias of G's batch norms; not the paper's

    def build(self, spec: Spec) -> None:
        self.prior, self.labels, self.classes = Normal(self.z_dim), Labels(spec.y.shares), len(spec.y.classes)
        self.G = conditional_generator(self.z_dim, spec.x, embed(spec.y), self.width, self.into_g)
        self.D = discriminator(spec.x, self.width, norm=True)
        self.C = nn.Linear(self.D.head.in_features, self.classes)  # the class, by D's features

    def players(self) -> dict[str, Player]:
        return {"D": Player([self.D, self.C], Adam(self.lr)), "G": Player(self.G, Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.G(z, self.labels(len(z)) if y is None else y)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` of the classes `y` `[n]`, or of classes as often as in the data."""
        classes = self.labels(n) if y is None else y
        return self.render(self.latent(n), classes)

    def classify(self, x: Tensor) -> Tensor:
        """P(y | x), `[n, classes]`."""
        return self.C(self.D.features(x)).softmax(1)

    def judge(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """D's logit, and -log P(y | x) as a mean."""
        h = self.D.features(x)
        return self.D.judge(h), F.cross_entropy(self.C(h), y)

    def discriminate(self, batch):
        """-L_S - lam L_C"""
        (at_real, class_real), (at_fake, class_fake) = (
            self.judge(x, batch.y) for x in (batch.x, self.sample(batch.n, batch.y))
        )
        return {"real": real(at_real), "fake": fake(at_fake), "class": self.lam * (class_real + class_fake)}

    def generate(self, batch):
        """-E log P(real | G(z, y)) - lam E log P(y | G(z, y))"""
        at_fake, class_fake = self.judge(self.sample(batch.n, batch.y), batch.y)
        return {"fool": real(at_fake), "class": self.lam * class_fake}
