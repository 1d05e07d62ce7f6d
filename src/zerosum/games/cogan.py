"""Coupled generative adversarial networks. Liu and Tuzel, 2016. arXiv:1606.07536"""

from torch import Tensor, nn

from ..errors import InputError
from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import discriminator, generator
from ..optim import Adam
from ..priors import Normal
from ..spec import Spec


class CoGAN(Game):
    """max_{G_a, G_b} min_{D_a, D_b} of the values of two GANs, one for each domain                  (Eqs. 2, 4)

    of which no pair is ever seen. The generators share all layers but the last, so that one z decodes to one content;
    the discriminators share all layers but the first (Sec. 3, Fig. 1). The same z gives a pair of a and b.
    """

    needs = {"a": ("image",), "b": ("image",)}

    z_dim: int = 100
    width: int = 64
    share: bool = True  # False is the ablation: two GANs beside one another
    lr: float = 2e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if not spec.like("a", "b"):
            raise InputError(f"cogan needs a and b of one size; a is {spec.a}, b is {spec.b}. Give pictures a --size")

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G_a, self.G_b = (generator(self.z_dim, field, self.width) for field in (spec.a, spec.b))
        self.D_a, self.D_b = (discriminator(field, self.width) for field in (spec.a, spec.b))
        if self.share:
            tie(self.G_a, self.G_b, slice(0, -3))  # all but the last convolution, its crop and tanh
            tie(self.D_a.features, self.D_b.features, slice(1, None))
            tie(self.D_a.head, self.D_b.head, slice(None))

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)
        return {"D": Player([self.D_a, self.D_b], adam), "G": Player([self.G_a, self.G_b], adam)}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def joint(self, n: int) -> tuple[Tensor, Tensor]:
        """`n` pairs, `[n, *spec.a.shape]` and `[n, *spec.b.shape]`, of one z each."""
        z = self.prior(n)
        return self.G_a(z), self.G_b(z)

    def discriminate(self, batch):
        """-E log D(x) - E log(1 - D(G(z))), in both domains"""
        a, b = self.joint(batch.n)
        return {
            "a": real(self.D_a(batch.a)) + fake(self.D_a(a)),
            "b": real(self.D_b(batch.b)) + fake(self.D_b(b)),
        }

    def generate(self, batch):
        """-E log D_a(G_a(z)) - E log D_b(G_b(z))"""
        a, b = self.joint(batch.n)
        return {"a": real(self.D_a(a)), "b": real(self.D_b(b))}


def tie(one: nn.Module, other: nn.Module, part: slice) -> None:
    """Give these layers of the other network the first one's parameters."""
    pairs = zip(list(one.children())[part] or [one], list(other.children())[part] or [other], strict=True)
    for mine, theirs in pairs:
        for name, p in mine.named_parameters(recurse=False):
            setattr(theirs, name, p)
