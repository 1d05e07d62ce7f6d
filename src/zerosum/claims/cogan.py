"""What Liu and Tuzel 2016 claim."""

import torch

from ..games.cogan import CoGAN
from ..translation import joint
from . import Claim, Found
from ._domains import negatives
from ._rigs import judge, play


def coupled(seed: int, idea: bool) -> Found:
    engine = play(CoGAN(width=32, share=idea, lr=1e-3), negatives(), 2000, seed)
    with engine.averaged() as game:
        a, b = joint(game, 2000, seed)
    one, two = judge()(a), judge()(-b)
    same = float((one == two).double().mean())
    shares = [torch.bincount(classes, minlength=10).double() / len(classes) for classes in (one, two)]
    chance = float(shares[0] @ shares[1])  # two draws that have nothing to do with one another
    return {
        "kappa": (same - chance) / max(1 - chance, 1e-9),  # 0 also where there is one class only
        "same class": same,
        "error": float((a + b).abs().mean()),
        "another pair's": float((a + b.roll(1, 0)).abs().mean()),
        "classes": float(min((share >= 0.02).sum() for share in shares)),
    }


CLAIMS = [
    Claim(
        "pairs",
        "Two GANs that share the generators' early and the discriminators' late layers draw pairs, never having seen "
        "one: a digit and its own negative (Sec. 4, task B).",
        "agreement beyond chance (Cohen's kappa) of the classes that a classifier of real digits reads in 2000 pairs, "
        "the negative turned back; 8x8 digits and negatives of others, 2000 rounds at lr = 0.001",
        0.5,
        "higher",
        "share = False: two GANs beside one another, of the same z",
        coupled,
        beside="readings in order: kappa, share of the same class, mean absolute error of the negative turned back and "
        "that of another pair's in [-1, 1], classes of at least 2 % in both domains",
    )
]
