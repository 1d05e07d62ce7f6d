"""What Dumoulin et al. 2016 claim."""

from ..games.ali import ALI
from . import Arms, Claim, Found
from ._latents import rows, there_and_back
from ._rigs import play

ROUNDS, EMA = 3000, 2e4


def inferred(seed: int, joint: bool = True) -> Found:
    game = ALI(width=32, z_dim=16, lr=1e-3, joint=joint)
    return there_and_back(play(game, rows(), ROUNDS, seed, ema=EMA))


def blind(seed: int) -> Found:
    return inferred(seed, joint=False)


CLAIMS = [
    Claim(
        "inference",
        "A D that sees latents beside pictures teaches an encoder that is a distribution to invert the generator "
        "(Proposition 3, Sec. 4.1).",
        "of held-out 8x8 digits x, mean distance to G(mu(x)) over that to G(mu) of other digits, after 3000 rounds at "
        "lr = 0.001",
        0.75,
        "lower",
        "D does not see z",
        Arms(inferred, blind, "distance"),
        beside="a reconstruction that knew nothing of x would read 1",
    )
]
