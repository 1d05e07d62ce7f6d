"""What claims about unpaired domains share: data of which the truth is known, and how translations are judged."""

from __future__ import annotations

from functools import cache

import torch

from ..data import Data, open
from ..engine import Engine
from ..translation import translate
from . import Found

NEAREST = "share of {} held-out {}, translated, that lie nearer to their own {} than to any other's"
READINGS = (
    "readings in order: share nearer to their own truth than to any other's, share whose nearest truth is of their "
    "class, mean absolute error to the truth in [-1, 1], that of another digit's truth, and that of the way there and "
    "back"
)


@cache
def negatives() -> Data:
    """a: 647 digits of 8x8; b: the negatives of 647 others. The 503 that are held out are pairs, with their classes."""
    return open("swap:inverted:digits", holdout=0.28, unpaired=True)


@cache
def twins(change: str) -> Data:
    """a: 30,000 digits of MNIST at 16x16; b: what a change of the data door makes of 30,000 others. Held out are pairs,
    with their classes."""
    return open(f"swap:{change}:mnist", size=(16, 16), unpaired=True)


def paired(engine: Engine, seed: int, n: int) -> Found:
    """Of `n` held-out digits, translated: the share nearer to their own truth than to any other's, by pixels; the share
    whose nearest truth is of their class; the mean absolute error in [-1, 1], and that of another digit's truth in its
    place; and the error of the way there and back."""
    assert isinstance(engine.data, Data)
    held = engine.data.held_out.take(n)
    with engine.averaged() as game:
        b = translate(game, held.a, "a2b", seed)
        back = translate(game, b, "b2a", seed)
    near = torch.cdist(b.flatten(1), held.b.flatten(1)).argmin(1)
    return {
        "own": float((near == torch.arange(n)).double().mean()),
        "class": float((held.y[near] == held.y).double().mean()),
        "error": float((b - held.b).abs().mean()),
        "another digit's": float((held.b.roll(1, 0) - held.b).abs().mean()),
        "cycle": float((back - held.a).abs().mean()),
    }
