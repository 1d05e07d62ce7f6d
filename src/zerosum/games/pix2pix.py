"""Image-to-image translation with conditional adversarial networks. Isola et al., 2016. arXiv:1611.07004"""

from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError
from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import PatchGAN, UNet, halvings
from ..optim import Adam
from ..spec import Spec


class Pix2Pix(Game):
    """G* = arg min_G max_D  L_cGAN(G, D) + lam L_L1(G)                                  (Eq. 4)

    of pairs a, b: L_cGAN = E log D(a, b) + E log(1 - D(a, G(a, z))) (Eq. 1), L_L1 = E |b - G(a, z)| (Eq. 3). The noise
    z is dropout, in use as in training (Sec. 3.2.1). D judges squares of `patch` pixels (Sec. 3.2.2).
    """

    needs = {"a": ("image",), "b": ("image",)}
    paired = True

    width: int = 64
    network: Literal["unet", "encoder-decoder"] = "unet"
    patch: int = 70  # pixels that D judges at a time: 1, 16, 34, 70, 142 or 286
    lam: float = 100.0  # weight of L1; 0: cGAN alone
    adversarial: float = 1.0  # weight of the game; 0: L1 alone
    see_input: bool = True  # does D see a? False is the paper's "GAN"
    dropout: float = 0.5
    norm: Literal["instance", "batch"] = "instance"
    lr: float = 2e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if not spec.like("a", "b"):
            raise InputError(f"pix2pix keeps height and width; here a is {spec.a}, b is {spec.b}. See srgan, or --size")

    def build(self, spec: Spec) -> None:
        (c_a, h, w), c_b = spec.a.shape, spec.b.shape[0]
        depth, skips = halvings(h, w), self.network == "unet"
        self.G = UNet(c_a, c_b, self.width, depth, dropout=self.dropout, skips=skips, norm=self.norm)
        self.D = PatchGAN(c_a * self.see_input + c_b, self.width, self.patch, self.norm, side=min(h, w))

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)  # Sec. 3.3
        return {"D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        play = [Move("D", self.discriminate)] if self.adversarial else []
        return [*play, Move("G", self.generate)]

    def translate(self, a: Tensor) -> Tensor:
        return self.G(a)

    def judge(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits of D(a, b), one for each patch."""
        return self.D(torch.cat([a, b], 1) if self.see_input else b)

    def discriminate(self, batch):
        """-(E log D(a, b) + E log(1 - D(a, G(a)))) / 2, halved to slow D down (Sec. 3.3)"""
        a, b = batch.a, batch.b
        return {"real": real(self.judge(a, b)) / 2, "fake": fake(self.judge(a, self.G(a))) / 2}

    def generate(self, batch):
        """-E log D(a, G(a)) + lam E |b - G(a)|"""
        a, b = batch.a, batch.b
        y = self.G(a)
        terms = {"adversarial": self.adversarial * real(self.judge(a, y))} if self.adversarial else {}
        return terms | ({"L1": self.lam * (b - y).abs().mean()} if self.lam else {})
