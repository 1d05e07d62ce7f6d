"""What Odena et al. 2016 claim."""

from ..games.acgan import ACGAN
from . import Claim
from ._rigs import asked, digits, play


def conditioned(seed: int, idea: bool) -> float:
    return asked(play(ACGAN(width=32, lam=float(idea)), digits(), 4000, seed), seed)


CLAIMS = [
    Claim(
        "class",
        "A D that must also name the class, and a G that helps it to, give samples of the class asked for (Sec. 4).",
        "share of 2000 8x8 digits that a classifier of real ones reads as the class asked for, after 4000 rounds",
        0.85,
        "higher",
        "lam = 0: nobody pays for the class",
        conditioned,
    )
]
