"""GeneGAN: learning object transfiguration and attribute subspace from unpaired data. Zhou et al., 2017. arXiv:1705.04932"""

import torch
from torch import Tensor

from ..errors import InputError
from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import discriminator, encoder, generator
from ..optim import Adam
from ..spec import Spec


class GeneGAN(Game):
    """Pictures a have an object (glasses, a smile), pictures b have none, and no two belong together. A splitter E cuts
    a picture into background and object, (A, u) = E(a) and (B, e) = E(b), and a joiner J puts them together (Sec. 3).
    Crossbreeding gives b that object, J(B, u), and a none, J(A, 0); D_a and D_b judge both:

    E, J descend  |a - J(A, u)| + |b - J(B, 0)| + |e| - log D_a(J(B, u)) - log D_b(J(A, 0))
                  + tie |a + b - J(B, u) - J(A, 0)|                                    (Eqs. 3 to 7)
    """

    needs = {"a": ("image",), "b": ("image",)}

    background: int = 96  # numbers of a background
    thing: int = 32  # and of an object
    width: int = 64
    tie: float = 0.01  # of the parallelogram
    weight: float = 1.0  # of both adversaries; 0 is the ablation
    clear: bool = True  # the object of b is zero in J(B, 0), so that backgrounds cannot hide in it
    lr: float = 2e-4

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if spec.a.shape != spec.b.shape:
            raise InputError(f"genegan needs a and b of one shape; a is {spec.a}, b is {spec.b}")

    def build(self, spec: Spec) -> None:
        code = self.background + self.thing
        self.E, self.J = encoder(spec.a, code, self.width), generator(code, spec.a, self.width)
        self.D_a, self.D_b = discriminator(spec.a, self.width), discriminator(spec.b, self.width)

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr)
        return {"D": Player([self.D_a, self.D_b], adam), "G": Player([self.E, self.J], adam)}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.breed)]

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Background and object."""
        background, thing = self.E(x).split([self.background, self.thing], 1)
        return background, thing

    def join(self, background: Tensor, thing: Tensor) -> Tensor:
        return self.J(torch.cat([background, thing], 1))

    def crossbred(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """b with the object of a, J(B, u), and a without, J(A, 0)."""
        (background_a, thing), (background_b, _) = self.split(a), self.split(b)
        return self.join(background_b, thing), self.join(background_a, torch.zeros_like(thing))

    def translate(self, a: Tensor) -> Tensor:
        """a without its object, J(A, 0)."""
        return self.crossbred(a, a)[1]

    def transfer(self, a: Tensor, b: Tensor) -> Tensor:
        """b with the object of a, J(B, u)."""
        return self.crossbred(a, b)[0]

    def discriminate(self, batch):
        """-E log D_a(a) - E log(1 - D_a(J(B, u))), and the same of D_b at b and J(A, 0)"""
        given, cleared = self.crossbred(batch.a, batch.b)
        return {
            "real a": real(self.D_a(batch.a)),
            "fake a": fake(self.D_a(given)),
            "real b": real(self.D_b(batch.b)),
            "fake b": fake(self.D_b(cleared)),
        }

    def breed(self, batch):
        """reconstructions, no object in b, both adversaries, the parallelogram"""
        a, b = batch.a, batch.b
        (background_a, thing), (background_b, none) = self.split(a), self.split(b)
        given, zero = self.join(background_b, thing), torch.zeros_like(thing)
        cleared = self.join(background_a, zero)
        terms = {
            "a again": (a - self.join(background_a, thing)).abs().mean(),
            "b again": (b - self.join(background_b, zero if self.clear else none)).abs().mean(),
            "no object": none.abs().mean(),
            "parallelogram": self.tie * (a + b - given - cleared).abs().mean(),
        }
        fooled = {"fool a": self.weight * real(self.D_a(given)), "fool b": self.weight * real(self.D_b(cleared))}
        return terms | fooled
