"""What Schlegl et al. 2017 claim."""

from functools import cache

import torch

from ..anomaly import of_game
from ..games.anogan import AnoGAN
from . import Arms, Claim, Found
from ._latents import PLAINLY, held_out, rows, told_apart
from ._rigs import play

DIGIT, ROUNDS, STEPS = 3, 4000, 200


@cache
def learnt(seed: int) -> AnoGAN:
    """The game that learnt what threes look like; its arms differ in what is made of it."""
    game = AnoGAN(width=32, z_dim=16, lr=4e-4)
    with play(game, rows(DIGIT), ROUNDS, seed).averaged():
        return game.eval()


def scored(seed: int, steps: int) -> Found:
    game = learnt(seed)
    game.steps = steps
    return told_apart(of_game(game, held_out().x), DIGIT)


def searched(seed: int) -> Found:
    return scored(seed, STEPS)


def nearest(seed: int) -> Found:
    return scored(seed, 0)


def judged(seed: int) -> Found:
    with torch.no_grad():
        return told_apart(-learnt(seed).D(held_out().x), DIGIT)


AUC = "AUC of 503 held-out 8x8 digits of which threes, all that was trained on, are normal; 4000 rounds at lr = 0.0004"

CLAIMS = [
    Claim(
        "search",
        "What is strange is what no latent gives, and that must be looked for by gradient (Sec. 2.2).",
        f"{AUC}, 200 steps of search",
        0.95,
        "higher",
        "no steps: the nearest of 64 random latents",
        Arms(searched, nearest, "AUC"),
        beside=PLAINLY,
    ),
    Claim(
        "score",
        "A(x) tells anomalies better than what D says of x (Sec. 3, Table 1).",
        f"{AUC}, 200 steps of search",
        0.95,
        "higher",
        "-D(x) is the score",
        Arms(searched, judged, "AUC"),
        beside="the paper, on retinal scans: 0.89 against 0.72 to 0.88",
    ),
]
