"""Unsupervised cross-domain image generation. Taigman et al., 2016. arXiv:1611.02200"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..game import Clock, Game, Move, Player
from ..nets import Perception, discriminator, generator
from ..optim import Adam
from ..spec import Spec


class DTN(Game):
    """L_G = L_GANG + alpha L_CONST + beta L_TID + gamma L_TV                           (Eq. 8)

    from a source domain a, whose labels y teach f to see, to a target domain b: G = g(f(x)). L_CONST = E |f(a) -
    f(G(a))|^2 (Eq. 5) holds the content, L_TID = E |b - G(b)|^2 (Eq. 6) leaves what is in the target already as it is,
    and D tells three kinds apart: G(a), G(b) and b (Eqs. 3, 4). f learns for `pretrain` rounds, then it is fixed.
    """

    needs = {"a": ("image",), "b": ("image",), "y": ("label",)}

    width: int = 64
    code: int = 128  # numbers that f says of a picture
    alpha: float = 15.0  # of L_CONST; 15 for digits, Sec. 5.1
    beta: float = 15.0  # of L_TID
    gamma: float = 0.0  # of L_TV, total variation
    pretrain: int = 1000  # rounds of f alone
    lr: float = 1e-3

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if spec.a.shape != spec.b.shape:
            raise InputError(f"dtn's f sees both domains, so a and b must be alike; a is {spec.a}, b is {spec.b}")

    def build(self, spec: Spec) -> None:
        c, self.shape = spec.a.shape[0], spec.a.shape
        self.f = nn.Sequential(Perception(c, self.width // 2, self.code), nn.Tanh())
        self.head = nn.Linear(self.code, len(spec.y.classes))
        self.g = generator(self.code, spec.b, self.width)
        self.D = Three(discriminator(spec.b, self.width).features, spec.b.shape)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)
        return {"f": Player([self.f, self.head], adam), "D": Player(self.D, adam), "g": Player(self.g, adam)}

    def moves(self) -> list[Move]:
        return [
            Move("f", self.learn, when=lambda clock: clock.rounds < self.pretrain),
            Move("D", self.discriminate, when=self.ready),
            Move("g", self.transfer, when=self.ready),
        ]

    def ready(self, clock: Clock) -> bool:
        return clock.rounds >= self.pretrain

    def translate(self, a: Tensor) -> Tensor:
        if a.shape[1:] != self.shape:
            raise InputError(f"dtn reads pictures of {self.shape[1]}x{self.shape[2]}; scale them with --size")
        return self.g(self.f(a))

    def learn(self, batch):
        """Cross-entropy of the classes of a, read off f"""
        return F.cross_entropy(self.head(self.f(batch.a)), batch.y)

    def discriminate(self, batch):
        """-E log D1(G(a)) - E log D2(G(b)) - E log D3(b)"""
        kinds = {"from a": self.g(self.f(batch.a)), "from b": self.g(self.f(batch.b)), "real": batch.b}
        return {name: self.kind(x, k) for k, (name, x) in enumerate(kinds.items())}

    def transfer(self, batch):
        """-E log D3(G(a)) - E log D3(G(b)) + alpha E |f(a) - f(G(a))|^2 + beta E |b - G(b)|^2 + gamma TV"""
        seen = self.f(batch.a)
        y, z = self.g(seen), self.g(self.f(batch.b))
        terms = {"a2b": self.kind(y, 2), "b2b": self.kind(z, 2)}
        if self.alpha:
            terms["const"] = self.alpha * (seen - self.f(y)).square().mean()
        if self.beta:
            terms["identity"] = self.beta * (z - batch.b).square().mean()
        if self.gamma:
            terms["variation"] = self.gamma * (variation(y) + variation(z)) / 2
        return terms

    def kind(self, x: Tensor, k: int) -> Tensor:
        """-E log D_k(x)"""
        return F.cross_entropy(self.D(x), torch.full((len(x),), k, device=x.device))


class Three(nn.Module):
    """Logits `[n, 3]`: translated from a, translated from b, real."""

    def __init__(self, features: nn.Module, shape: tuple[int, ...]):
        super().__init__()
        self.features, self.head = features, nn.Linear(features(torch.zeros(1, *shape)).shape[1], 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def variation(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels (Eq. 7, with the exponent 1)."""
    return (x[..., 1:] - x[..., :-1]).abs().mean() + (x[..., 1:, :] - x[..., :-1, :]).abs().mean()
