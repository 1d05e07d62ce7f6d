"""What Kim et al. 2017 claim."""

import math

import torch
from torch import Tensor

from ..engine import Engine
from ..game import Batch
from ..games.discogan import DiscoGAN
from ..spec import Column, Columns, Field, Spec
from ..translation import translate
from . import Arms, Claim, Found
from ._rigs import Made, finite, play

STD = 0.1


def circle(modes: int) -> Tensor:
    """Centres `[modes, 2]` at a distance of 2 from the origin."""
    angle = 2 * math.pi * torch.arange(modes) / modes
    return 2 * torch.stack([angle.cos(), angle.sin()], 1)


A, B = circle(5), circle(10)


def around(modes: Tensor, n: int) -> Tensor:
    return modes[torch.randint(len(modes), (n,))] + STD * torch.randn(n, 2)


def toy() -> Made:
    field = Field((2,), "vector", Columns((Column("x"), Column("y"))))
    return Made(Spec(a=field, b=field), lambda n: Batch(a=around(A, n), b=around(B, n)))


ROUNDS = 5000


def related(seed: int, const: float, both: bool = True) -> Found:
    game = DiscoGAN(width=32, matching=0.0, const=(const, const), both=both, lr=1e-3)
    return measured(play(game, toy(), ROUNDS, seed, batch=128), seed)


def measured(engine: Engine, seed: int) -> Found:
    """Of b's 10 modes those that 2000 fresh points of a reach, at least 20 of them within four standard deviations;
    and of these, those that get 95 % of their points from one mode of a."""
    torch.manual_seed(seed)
    origin = torch.arange(5).repeat_interleave(400)
    with engine.averaged() as game:
        b = finite(translate(game, A[origin] + STD * torch.randn(2000, 2), "a2b", seed))
    distance, mode = torch.cdist(b, B).min(1)
    near = distance <= 4 * STD
    counts = torch.bincount(10 * origin[near] + mode[near], minlength=50).view(5, 10)
    reached = counts.sum(0) >= 20
    alone = reached & (counts.amax(0) >= 0.95 * counts.sum(0))
    return {"alone": float(alone.sum()), "reached": float(reached.sum()), "near a mode": float(near.double().mean())}


def discovered(seed: int) -> Found:
    """The paper's formula, which both claims compare with."""
    return related(seed, 0.5)


def unconstrained(seed: int) -> Found:
    return related(seed, 0.0)


def one_sided(seed: int) -> Found:
    return related(seed, 0.5, both=False)


METRIC = "of b's 10 Gaussians those reached from one only of a's 5, by 2000 points, after 5000 rounds of 128"
BESIDE = (
    "readings in order: Gaussians reached from one only, all that are reached, share of points within four standard "
    "deviations of one; L_GAN as in the paper's formula, without feature matching"
)

CLAIMS = [
    Claim(
        "bijection",
        "Both reconstructions together make the relation one-to-one, and all of b is reached (Sec. 4.1, Fig. 4).",
        METRIC,
        9.0,
        "higher",
        "no reconstruction: the paper's standard GAN",
        Arms(discovered, unconstrained, "alone"),
        beside=BESIDE,
    ),
    Claim(
        "both ways",
        "Reconstruction of a alone does not do it (Sec. 4.1, Fig. 4).",
        METRIC,
        9.0,
        "higher",
        "only a is reconstructed: the paper's GAN with a reconstruction loss",
        Arms(discovered, one_sided, "alone"),
        beside=BESIDE,
    ),
]
