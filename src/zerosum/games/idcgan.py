"""Image de-raining using a conditional generative adversarial network. Zhang et al., 2017. arXiv:1701.05957"""

import torch
from torch import Tensor

from ..errors import InputError
from ..game import Clock, Game, Move, Player
from ..losses import fake, real
from ..nets import PatchGAN, Perception, UNet, apart, halvings
from ..optim import Adam
from ..spec import Spec


class IDCGAN(Game):
    """L_RP = L_E + lam_a L_A + lam_p L_P                                               (Eq. 7)

    of pairs of a rainy picture a and the clean one b: L_E is the squared error (Eq. 4), L_A = -log D(a, G(a)) (Eq. 6),
    and L_P the squared error in the features of a fixed network (Eq. 5). For `pretrain` rounds that network learns to
    see, by the clean pictures, and G by L_E alone.
    """

    needs = {"a": ("image",), "b": ("image",)}
    paired = True

    width: int = 64
    patch: int = 70  # pixels that D judges at a time
    adversarial: float = 6.6e-3  # lam_a, Sec. 4.2; 0 is an ablation
    perceptual: float = 1.0  # lam_p
    pretrain: int = 1000  # rounds in which the feature network learns
    lr: float = 2e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if not spec.like("a", "b"):
            raise InputError(f"idcgan keeps height and width; here a is {spec.a}, b is {spec.b}")

    def build(self, spec: Spec) -> None:
        (c_a, h, w), c_b = spec.a.shape, spec.b.shape[0]
        self.G = UNet(c_a, c_b, self.width, halvings(h, w), dropout=0.0)
        self.D = PatchGAN(c_a + c_b, self.width, self.patch, side=min(h, w))
        self.V = Perception(c_b, self.width)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)
        return {"V": Player(self.V, Adam(1e-3)), "D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        return [
            Move("V", self.see, when=self.before),
            Move("G", self.restore, when=self.before),
            Move("D", self.discriminate, when=self.after),
            Move("G", self.clean, when=self.after),
        ]

    def before(self, clock: Clock) -> bool:
        return clock.rounds < self.pretrain

    def after(self, clock: Clock) -> bool:
        return not self.before(clock)

    def translate(self, a: Tensor) -> Tensor:
        return self.G(a)

    def perceive(self, b: Tensor) -> Tensor:
        """What L_P compares. Override it to plug in a network of yours, such as VGG."""
        return self.V.features(b)

    def judge(self, a: Tensor, b: Tensor) -> Tensor:
        return self.D(torch.cat([a, b], 1))

    def see(self, batch):
        """Cross-entropy of V's guess how b was mirrored"""
        return self.V.mirrors(batch.b)

    def restore(self, batch):
        """E |b - G(a)|^2"""
        return apart(self.G(batch.a), batch.b)

    def discriminate(self, batch):
        """(-E log D(a, b) - E log(1 - D(a, G(a)))) / 2"""
        a, b = batch.a, batch.b
        return {"real": real(self.judge(a, b)) / 2, "fake": fake(self.judge(a, self.G(a))) / 2}

    def clean(self, batch):
        """E |b - G(a)|^2 - lam_a E log D(a, G(a)) + lam_p E |V(b) - V(G(a))|^2"""
        a, b = batch.a, batch.b
        y = self.G(a)
        terms = {"pixels": apart(y, b)}
        if self.adversarial:
            terms["adversarial"] = self.adversarial * real(self.judge(a, y))
        if self.perceptual:
            terms["perceptual"] = self.perceptual * apart(self.perceive(y), self.perceive(b))
        return terms
