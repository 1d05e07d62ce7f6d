"""What Zhu et al. 2017 claim."""

from ..games.cyclegan import CycleGAN
from . import Claim, Found
from ._domains import BESIDE, KEPT, kept, negatives
from ._rigs import play


def translated(seed: int, idea: bool) -> Found:
    game = CycleGAN(width=16, blocks=1, norm="batch", lam=10.0 if idea else 0.0, lr=5e-4)
    return kept(play(game, negatives(), 1500, seed, batch=32), seed)


CLAIMS = [
    Claim(
        "pairing",
        "Unpaired, with cycle consistency, each picture finds its own counterpart; the adversaries alone are content "
        "with any picture of the other domain (Sec. 5.1.4).",
        f"{KEPT}; 1500 rounds of 32",
        0.5,
        "higher",
        "lam = 0: no cycle",
        translated,
        beside=BESIDE,
    )
]
