"""What claims about unpaired domains share: data of which the truth is known, and how translations are judged."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ..data import Data, open
from ..engine import Engine
from ..game import Batch
from ..translation import translate
from . import Found
from ._rigs import judge

KEPT = "share of 503 held-out 8x8 digits whose class is kept on the way to negatives, which were learnt from others"
BESIDE = (
    "readings in order: share of classes kept, mean absolute error to the true negative in [-1, 1], that of another "
    "digit's negative, and that of the way there and back"
)


NEAREST = "share of 400 held-out MNIST digits of 16x16, translated, that lie nearer to their own {} than to any other's"


@cache
def negatives() -> Data:
    """a: 647 digits of 8x8; b: the negatives of 647 others. The 503 that are held out are pairs, with their classes."""
    return open("swap:inverted:digits", holdout=0.28, unpaired=True)


@cache
def twins(change: str) -> Data:
    """a: 30,000 digits of MNIST at 16x16; b: what a change of the data door makes of 30,000 others. Held out are pairs,
    with their classes."""
    return open(f"swap:{change}:mnist", size=(16, 16), unpaired=True)


def kept(engine: Engine, seed: int) -> Found:
    """Of held-out digits put into negatives, by their own truths: the share whose class is kept; the mean absolute
    error in [-1, 1], and that of another digit's negative in its place; and the error of the way there and back."""
    held = negatives().held_out.take(503)
    b, back = there_and_back(engine, held.a, seed)
    return {"class kept": float((judge()(-b) == held.y).double().mean()), **errors(b, back, held)}


def paired(engine: Engine, change: str, seed: int) -> Found:
    """Of held-out digits put into their twins: the share nearer to their own truth than to any other's, by pixels; the
    share whose nearest truth is of their class; and errors as above."""
    held = twins(change).held_out.take(400)
    b, back = there_and_back(engine, held.a, seed)
    near = torch.cdist(b.flatten(1), held.b.flatten(1)).argmin(1)
    return {
        "own": float((near == torch.arange(len(near))).double().mean()),
        "class": float((held.y[near] == held.y).double().mean()),
        **errors(b, back, held),
    }


def there_and_back(engine: Engine, a: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    with engine.averaged() as game:
        b = translate(game, a, "a2b", seed)
        return b, translate(game, b, "b2a", seed)


def errors(b: Tensor, back: Tensor, held: Batch) -> Found:
    return {
        "error": float((b - held.b).abs().mean()),
        "another digit's": float((held.b.roll(1, 0) - held.b).abs().mean()),
        "cycle": float((back - held.a).abs().mean()),
    }
