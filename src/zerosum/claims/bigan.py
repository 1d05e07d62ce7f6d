"""What Donahue et al. 2016 claim."""

from ..games.bigan import BiGAN
from . import Arms, Claim, Found
from ._latents import rows, there_and_back
from ._rigs import play

ROUNDS, EMA = 6000, 2e4


def inverted(seed: int, joint: bool = True) -> Found:
    game = BiGAN(width=32, z_dim=16, lr=5e-4, joint=joint)
    return there_and_back(play(game, rows(), ROUNDS, seed, ema=EMA))


def blind(seed: int) -> Found:
    return inverted(seed, joint=False)


CLAIMS = [
    Claim(
        "inverse",
        "The encoder, which never sees what is made of its code, comes to invert the generator (Theorem 2, Fig. 2).",
        "of held-out 8x8 digits x, mean distance to G(E(x)) over that to G(E) of other digits, after 6000 rounds at "
        "lr = 0.0005",
        0.75,
        "lower",
        "D does not see z",
        Arms(inverted, blind, "distance"),
        beside="a reconstruction that knew nothing of x would read 1",
    ),
    Claim(
        "class",
        "What comes back is of the same class, although no label is seen (Sec. 4.2).",
        "share of 503 held-out digits whose G(E(x)) a classifier of real ones reads as x's class; chance is 0.1",
        0.5,
        "higher",
        "D does not see z",
        Arms(inverted, blind, "class"),
    ),
]
