"""Learning to discover cross-domain relations with generative adversarial networks. Kim et al., 2017. arXiv:1703.05192"""

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..game import Clock, Game, Move, Player
from ..losses import fake, real
from ..nets import EncoderDecoder, discriminator, halvings, mlp
from ..optim import Adam
from ..spec import Field, Spec


class DiscoGAN(Game):
    """L_G = L_GAN(b) + L_const(a) + L_GAN(a) + L_const(b)                             (Eqs. 5, 6, 7)

    with L_const(a) = d(G_ba(G_ab(a)), a), and the same for b: translations there and back that reconstruct both domains
    are one-to-one. As in the authors' program, L_GAN is mostly the matching of D's mean features, the weight of L_const
    grows after a warm-up, and D moves in one round of three, G in the other two.
    """

    needs = {"a": ("image", "vector"), "b": ("image", "vector")}

    width: int = 64
    matching: float = 0.9  # share of feature matching in L_GAN; 0: the paper's formula
    const: tuple[float, float] = (0.01, 0.5)  # share of L_const in L_G, in the warm-up and after it
    warm_up: int = 10_000  # rounds
    both: bool = True  # False: only a is reconstructed, the paper's "GAN with a reconstruction loss"
    lr: float = 2e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if not spec.like("a", "b"):
            raise InputError(f"discogan needs a and b of one size; a is {spec.a}, b is {spec.b}. Give them a --size")

    def build(self, spec: Spec) -> None:
        self.G_ab, self.G_ba = self.translator(spec.a, spec.b), self.translator(spec.b, spec.a)
        self.D_a, self.D_b = (discriminator(field, self.width, norm=True) for field in (spec.a, spec.b))

    def translator(self, source: Field, target: Field) -> nn.Module:
        if source.kind == "vector":
            return mlp(source.size, *[2 * self.width] * 3, target.size)
        return EncoderDecoder(source.shape[0], target.shape[0], self.width, halvings(*source.shape[1:]))

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)
        return {"D": Player([self.D_a, self.D_b], adam), "G": Player([self.G_ab, self.G_ba], adam)}

    def moves(self) -> list[Move]:
        return [
            Move("D", self.discriminate, when=lambda clock: clock.rounds % 3 == 0),
            Move("G", self.exchange, when=lambda clock: clock.rounds % 3 != 0, divisible=not self.matching),
        ]

    def share(self, clock: Clock) -> float:
        """Of L_const in L_G, now."""
        first, then = self.const
        return first + (then - first) * (clock.rounds >= self.warm_up)

    def translate(self, a: Tensor) -> Tensor:
        return self.G_ab(a)

    def translate_back(self, b: Tensor) -> Tensor:
        return self.G_ba(b)

    def fools(self, d: nn.Module, fakes: Tensor, reals: Tensor) -> Tensor:
        """(1 - m) -E log D(fake) + m |mean features of D at fakes - at reals|^2"""
        loss = (1 - self.matching) * real(d(fakes))
        if self.matching:
            pairs = zip(inner(d, fakes), inner(d, reals), strict=True)
            loss = loss + self.matching * torch.stack([(y.mean(0) - x.mean(0)).square().mean() for y, x in pairs]).sum()
        return loss

    def discriminate(self, batch):
        """(-E log D(x) - E log(1 - D(G(.)))) / 2, in both domains"""
        a, b = batch.a, batch.b
        return {
            "a": (real(self.D_a(a)) + fake(self.D_a(self.G_ba(b)))) / 2,
            "b": (real(self.D_b(b)) + fake(self.D_b(self.G_ab(a)))) / 2,
        }

    def exchange(self, batch):
        """(1 - r) (L_GAN(a) + L_GAN(b)) + r (E |G_ba(G_ab(a)) - a|^2 + E |G_ab(G_ba(b)) - b|^2)"""
        a, b, r = batch.a, batch.b, self.share(self.clock)
        in_b, in_a = self.G_ab(a), self.G_ba(b)
        terms = {"a2b": (1 - r) * self.fools(self.D_b, in_b, b), "b2a": (1 - r) * self.fools(self.D_a, in_a, a)}
        terms["const a"] = r * (self.G_ba(in_b) - a).square().mean()
        return terms | ({"const b": r * (self.G_ab(in_a) - b).square().mean()} if self.both else {})


def inner(d: nn.Module, x: Tensor) -> list[Tensor]:
    """What D's layers say after the first: for pictures, and for rows."""
    found, layers = [], d.features
    assert isinstance(layers, nn.Sequential)
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            found.append(x)
    return found[1:] or found
