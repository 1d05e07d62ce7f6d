"""What Yi et al. 2017 claim."""

from ..games.dualgan import DualGAN
from . import Claim, Found
from ._domains import BESIDE, KEPT, kept, negatives
from ._rigs import play


def translated(seed: int, idea: bool) -> Found:
    game = DualGAN(width=16, lam=20.0 if idea else 0.0, c=0.05, lr=1e-3)
    return kept(play(game, negatives(), 600, seed, batch=32), seed)


CLAIMS = [
    Claim(
        "loop",
        "Two critics of Wasserstein's kind and the loop there and back learn a translation without pairs (Sec. 3.1, "
        "Eq. 3).",
        f"{KEPT}; 600 rounds of 32",
        0.8,
        "higher",
        "lam = 0: nothing need come back; the U-Nets' skips alone keep much",
        translated,
        beside=BESIDE,
    )
]
