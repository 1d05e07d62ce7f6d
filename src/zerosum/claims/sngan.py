"""What Miyato et al. 2018 claim."""

import torch
from torch import nn

from ..games.sngan import SNGAN
from ..penalties import value_and_gradient
from . import Claim
from ._rigs import digits, drawn, play


def trained(seed: int, idea: bool, rounds: int):
    images = digits().all().flatten(1)
    data = drawn(lambda n: images[torch.randint(len(images), (n,))], 64)
    engine = play(SNGAN(width=32, normalise=idea), data, rounds, seed)
    return engine, images


def slope(seed: int, idea: bool) -> float:
    engine, images = trained(seed, idea, 500)
    fakes = engine.sample(len(images), seed)
    between = images.lerp(fakes, torch.rand(len(images), 1))
    gradients = value_and_gradient(engine.game.D.eval(), torch.cat([images, fakes, between]))[1]
    return float(gradients.detach().norm(dim=1).max())


def largest(seed: int, idea: bool) -> float:
    engine, _ = trained(seed, idea, 500)
    layers = [m for m in engine.game.D.eval().modules() if isinstance(m, nn.Linear)]
    return max(float(torch.linalg.matrix_norm(m.weight, 2)) for m in layers)


CLAIMS = [
    Claim(
        "slope",
        "Normalised weights make D 1-Lipschitz (Sec. 2.1, Eq. 7).",
        "largest gradient norm of D at digits, fakes and points between them, after 500 rounds",
        1.05,
        "lower",
        "normalise = False",
        slope,
    ),
    Claim(
        "singular values",
        "One step of the power method at each use keeps track of the largest singular value (App. A).",
        "largest singular value of any layer's weight, exactly, after 500 rounds on digits",
        1.2,
        "lower",
        "normalise = False",
        largest,
    ),
]
