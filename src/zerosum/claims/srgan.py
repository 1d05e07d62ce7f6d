"""What Ledig et al. 2016 claim."""

from typing import Any

from torch import Tensor

from ..games.srgan import SRGAN
from . import Arms, Claim, Found
from ._pairs import pairs, restored
from ._rigs import play

SIZE: dict[str, Any] = dict(width=8, blocks=2, lr=1e-3, pretrain=500)
ADVERSARIAL = 1e-2  # ten times the paper's: features of our small network are not on VGG's scale


class WithoutContent(SRGAN):
    """D alone says, after the start by squared error, how pictures should look."""

    def perceive(self, b: Tensor) -> Tensor:
        return 0 * b


def measured(game: SRGAN, seed: int) -> Found:
    return restored(play(game, pairs("lowres4:mnist"), 1000, seed, batch=16), seed)


def full(seed: int) -> Found:
    return measured(SRGAN(**SIZE, adversarial=ADVERSARIAL), seed)


def without_game(seed: int) -> Found:
    return measured(SRGAN(**SIZE, adversarial=0.0), seed)


def without_content(seed: int) -> Found:
    return measured(WithoutContent(**SIZE, adversarial=ADVERSARIAL), seed)


DATA = (
    "1000 MNIST test digits, 7x7 to 28x28; 500 rounds of squared error and 500 of the game, batch 16, the weight of "
    "the adversarial loss 0.01"
)

CLAIMS = [
    Claim(
        "perception",
        "A discriminator takes enlarged pictures to where real ones are, which the content loss alone does not "
        "(Sec. 3.3, Fig. 6).",
        f"Frechet distance to the true pictures in 64 features of a classifier of MNIST; {DATA}",
        1.2,
        "lower",
        "no adversarial loss: content alone",
        Arms(full, without_game, "Frechet"),
        data=("mnist",),
        beside="in order: dB, and ratios to the truths; 'of a' is bicubic interpolation of the input",
    ),
    Claim(
        "content",
        "Held to its input by the content loss it is still nearer to the truth than bicubic interpolation (Table 2).",
        f"PSNR beyond that of bicubic interpolation, dB; {DATA}",
        2.0,
        "higher",
        "no content loss after the start by squared error: D alone",
        Arms(full, without_content, "gain"),
        data=("mnist",),
        beside="the paper, Set14: bicubic 25.99, SRResNet 28.49, SRGAN 26.02 dB (recalled, not read anew)",
    ),
]
