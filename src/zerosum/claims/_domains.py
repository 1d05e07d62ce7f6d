"""What claims about unpaired domains share: data of which the truth is known, and how translations are judged."""

from __future__ import annotations

from functools import cache

from ..data import Data, open
from ..engine import Engine
from ..translation import translate
from . import Found
from ._rigs import judge

KEPT = "share of 503 held-out 8x8 digits whose class is kept on the way to negatives, which were learnt from others"
BESIDE = (
    "readings in order: share of classes kept, mean absolute error to the true negative in [-1, 1], that of another "
    "digit's negative, and that of the way there and back"
)


@cache
def negatives() -> Data:
    """a: 647 digits of 8x8; b: the negatives of 647 others. The 503 that are held out are pairs, with their classes."""
    return open("swap:inverted:digits", holdout=0.28, unpaired=True)


def kept(engine: Engine, seed: int) -> Found:
    """Of held-out digits put into negatives, by their own truths: the share whose class is kept; the mean absolute
    error in [-1, 1], and that of another digit's negative in its place; and the error of the way there and back."""
    held = negatives().held_out.take(503)
    with engine.averaged() as game:
        b = translate(game, held.a, "a2b", seed)
        back = translate(game, b, "b2a", seed)
    return {
        "class kept": float((judge()(-b) == held.y).double().mean()),
        "error": float((b - held.b).abs().mean()),
        "another digit's": float((held.b.roll(1, 0) - held.b).abs().mean()),
        "cycle": float((back - held.a).abs().mean()),
    }
