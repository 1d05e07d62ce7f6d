"""What Zhang et al. 2017 claim, on digits in the rain."""

from typing import Any

from ..games.idcgan import IDCGAN
from . import Arms, Claim, Found
from ._pairs import pairs, restored
from ._rigs import play

SIZE: dict[str, Any] = dict(width=8, patch=34, lr=1e-3)
START = 300


class Alone(IDCGAN):
    """D alone says how pictures should look."""

    def clean(self, batch):
        return {"adversarial": super().clean(batch)["adversarial"]}


def measured(game: IDCGAN, seed: int) -> Found:
    return restored(play(game, pairs("rain:mnist"), 700, seed, batch=8), seed)


def full(seed: int) -> Found:
    return measured(IDCGAN(**SIZE, pretrain=START), seed)


def pixels(seed: int) -> Found:
    return measured(IDCGAN(**SIZE, pretrain=START, adversarial=0.0, perceptual=0.0), seed)


def alone(seed: int) -> Found:
    return measured(Alone(**SIZE, pretrain=0), seed)


DATA = "1000 MNIST test digits in the rain; 300 rounds of squared error and 400 of all three losses, batch 8"

CLAIMS = [
    Claim(
        "appearance",
        "With the perceptual and the adversarial loss de-rained pictures look more like clean ones than by squared "
        "error alone (Eq. 7, and the abstract).",
        f"Frechet distance to the clean pictures in 64 features of a classifier of MNIST; {DATA}",
        0.3,
        "lower",
        "squared error alone",
        Arms(full, pixels, "Frechet"),
        data=("mnist",),
        beside="in order: dB, and ratios to the truths; 'of a' is the rainy picture as it is. The adversarial loss "
        "alone, in the other claim's ablation, may look as well (0.25, 0.10, 3.8)",
    ),
    Claim(
        "rain",
        "It takes the rain away and keeps the picture (the abstract).",
        f"PSNR beyond that of the rainy pictures, dB; {DATA}",
        7.5,
        "higher",
        "the adversarial loss alone, from the first round",
        Arms(full, alone, "gain"),
        data=("mnist",),
    ),
]
