"""Unpaired image-to-image translation using cycle-consistent adversarial networks. Zhu et al., 2017. arXiv:1703.10593"""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from ..errors import InputError
from ..game import Clock, Game, Move, Player
from ..nets import PatchGAN, Pool, ResnetTranslator, discriminator, mlp
from ..optim import Adam
from ..spec import Field, Spec


class CycleGAN(Game):
    """L(G, F, D_a, D_b) = L_GAN(G, D_b) + L_GAN(F, D_a) + lam L_cyc(G, F)               (Eq. 3)

    of unpaired a and b, with G: a -> b and F: b -> a, and L_cyc = E |F(G(a)) - a| + E |G(F(b)) - b| (Eq. 2). L_GAN is
    of least squares, and each D also sees a history of fakes (Sec. 4). Rows are translated by perceptrons.
    """

    needs = {"a": ("image", "vector"), "b": ("image", "vector")}

    width: int = 64
    blocks: int | None = None  # residual blocks; None: 9 for pictures from 256 pixels, 6 below, App. 7.2
    patch: int = 70  # pixels that a D judges at a time
    norm: Literal["instance", "batch"] = "instance"  # batch for pictures of a few pixels, which instances say little of
    lam: float = 10.0  # of the cycle; 0 is the ablation
    identity: float = 0.0  # of E |G(b) - b| + E |F(a) - a|, as a share of lam; 0.5 for paintings, Sec. 5.2
    pool: int = 50  # fakes in each history; 0: the newest only
    lr: float = 2e-4
    decay: tuple[int, int] | None = None  # rounds from which the rate falls, and at which it is 0; the paper: half, end

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if spec.a.kind != spec.b.kind or (spec.a.kind == "image" and not spec.like("a", "b")):
            raise InputError(
                f"cyclegan needs a and b of one size; a is {spec.a}, b is {spec.b}. Give pictures a --size"
            )
        if self.identity and spec.a.shape != spec.b.shape:
            raise InputError(f"identity needs a and b with as many channels; a is {spec.a}, b is {spec.b}")

    def build(self, spec: Spec) -> None:
        self.G, self.F = self.translator(spec.a, spec.b), self.translator(spec.b, spec.a)
        self.D_a, self.D_b = self.judge(spec.a), self.judge(spec.b)
        self.pool_a, self.pool_b = Pool(spec.a.shape, self.pool), Pool(spec.b.shape, self.pool)

    def translator(self, source: Field, target: Field) -> nn.Module:
        if source.kind == "vector":
            return mlp(source.size, *[4 * self.width] * 3, target.size)
        blocks = self.blocks or (9 if min(source.shape[1:]) >= 256 else 6)
        levels = 2 if min(source.shape[1:]) >= 16 else 1
        return ResnetTranslator(source.shape[0], target.shape[0], self.width, blocks, self.norm, levels)

    def judge(self, field: Field) -> nn.Module:
        if field.kind == "vector":
            return discriminator(field, self.width)
        return PatchGAN(field.shape[0], self.width, self.patch, self.norm, side=min(field.shape[1:]))

    def players(self) -> dict[str, Player]:
        adam, schedule = Adam(self.lr), self.rate if self.decay else None
        return {
            "G": Player([self.G, self.F], adam, schedule=schedule),
            "D": Player([self.D_a, self.D_b], adam, schedule=schedule),
        }

    def moves(self) -> list[Move]:
        return [Move("G", self.exchange), Move("D", self.discriminate, divisible=not self.pool)]

    def rate(self, clock: Clock) -> Mapping[str, float]:
        begin, end = self.decay or (0, 1)
        return {"lr": self.lr * min(1.0, max(0.0, (end - clock.rounds) / max(end - begin, 1)))}

    def translate(self, a: Tensor) -> Tensor:
        return self.G(a)

    def translate_back(self, b: Tensor) -> Tensor:
        return self.F(b)

    def exchange(self, batch):
        """E (D_b(G(a)) - 1)^2 + E (D_a(F(b)) - 1)^2 + lam (E |F(G(a)) - a| + E |G(F(b)) - b|)"""
        a, b = batch.a, batch.b
        in_b, in_a = self.G(a), self.F(b)
        terms = {"a2b": (self.D_b(in_b) - 1).square().mean(), "b2a": (self.D_a(in_a) - 1).square().mean()}
        if self.lam:
            terms["cycle"] = self.lam * ((self.F(in_b) - a).abs().mean() + (self.G(in_a) - b).abs().mean())
        if self.identity:
            same = (self.G(b) - b).abs().mean() + (self.F(a) - a).abs().mean()
            terms["identity"] = self.identity * self.lam * same
        return terms

    def discriminate(self, batch):
        """(E (D(b) - 1)^2 + E D(G(a))^2) / 2, in both domains, G(a) from the history"""
        in_b, in_a = self.pool_b(self.G(batch.a)), self.pool_a(self.F(batch.b))
        return {
            "a": ((self.D_a(batch.a) - 1).square().mean() + self.D_a(in_a).square().mean()) / 2,
            "b": ((self.D_b(batch.b) - 1).square().mean() + self.D_b(in_b).square().mean()) / 2,
        }
