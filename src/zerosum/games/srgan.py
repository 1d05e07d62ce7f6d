"""Photo-realistic single image super-resolution using a generative adversarial network. Ledig et al., 2016. arXiv:1609.04802"""

import math
from typing import Literal

from torch import Tensor

from ..errors import InputError
from ..game import Clock, Game, Move, Player
from ..losses import fake, real
from ..nets import Perception, SRResNet, apart, discriminator, normal
from ..optim import Adam
from ..spec import Spec


class SRGAN(Game):
    """l = l_content + 1e-3 l_adversarial                                              (Eq. 3)

    of pairs of a picture a in low and b in high resolution. l_content is the squared distance of G(a) and b in the
    features of a fixed network (Eq. 5) or in pixels (Eq. 4); l_adversarial = -log D(G(a)) (Eq. 6). For `pretrain`
    rounds G learns by squared error alone (Sec. 3.2), meanwhile the feature network learns to see.
    """

    needs = {"a": ("image",), "b": ("image",)}
    paired = True

    width: int = 64
    blocks: int = 16
    content: Literal["features", "pixels"] = "features"
    adversarial: float = 1e-3  # 0 is the ablation
    pretrain: int = 2000  # rounds of squared error first; the paper: 10^6
    lr: float = 1e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        (c, h, w), large = spec.a.shape, spec.b.shape
        if large not in ((c, 2 * h, 2 * w), (c, 4 * h, 4 * w)):
            raise InputError(
                f"srgan enlarges 2 or 4 times; a is {spec.a}, b is {spec.b}. "
                "Such pairs are lowres2:photos/ and lowres4:photos/"
            )

    def build(self, spec: Spec) -> None:
        c, doublings = spec.a.shape[0], int(math.log2(spec.b.shape[1] // spec.a.shape[1]))
        self.G = SRResNet(c, self.width, self.blocks, doublings)
        self.D = discriminator(spec.b, self.width, norm=True)
        normal(self.D)
        self.V = Perception(c, self.width)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr, betas=(0.9, 0.999))
        return {"V": Player(self.V, Adam(1e-3)), "D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        return [
            Move("V", self.see, when=self.before),
            Move("G", self.restore, when=self.before),
            Move("D", self.discriminate, when=self.after),
            Move("G", self.enlarge, when=self.after),
        ]

    def before(self, clock: Clock) -> bool:
        return clock.rounds < self.pretrain

    def after(self, clock: Clock) -> bool:
        return not self.before(clock)

    def translate(self, a: Tensor) -> Tensor:
        return self.G(a)

    def perceive(self, b: Tensor) -> Tensor:
        """What the content loss compares. Override it to plug in a network of yours, such as VGG."""
        return self.V.features(b) if self.content == "features" else b

    def see(self, batch):
        """Cross-entropy of V's guess how b was mirrored"""
        return self.V.mirrors(batch.b)

    def restore(self, batch):
        """E |b - G(a)|^2"""
        return apart(self.G(batch.a), batch.b)

    def discriminate(self, batch):
        """-E log D(b) - E log(1 - D(G(a)))"""
        return {"real": real(self.D(batch.b)), "fake": fake(self.D(self.G(batch.a)))}

    def enlarge(self, batch):
        """E |V(b) - V(G(a))|^2 - 1e-3 E log D(G(a))"""
        y = self.G(batch.a)
        terms = {"content": apart(self.perceive(y), self.perceive(batch.b))}
        return terms | ({"adversarial": self.adversarial * real(self.D(y))} if self.adversarial else {})
