"""What the claims about texts share: coloured shapes with captions, some kinds of them never shown, and a judge."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..data import Data, open
from ..data.captioned import kinds_of_shapes, shapes
from ..engine import Engine
from ..spec import Pixels

PICTURES = 5000  # to train on
ASKED = 40  # pictures that are asked for, of each kind


@cache
def kinds() -> tuple[np.ndarray, np.ndarray]:
    """Kinds of shapes to train on, 60, and never to show, 12: "a small red circle at the left" and the like."""
    every = kinds_of_shapes()[np.random.default_rng(0).permutation(72)]
    return every[12:], every[:12]


@cache
def captioned() -> Data:
    """Pictures of the 60 kinds, with captions."""
    shown, _ = kinds()
    drawn = shapes(shown[np.random.default_rng(1).integers(len(shown), size=PICTURES)], 1)
    return open((drawn["x"], drawn["y"]), labels="y:text", holdout=0)


def encoded(drawn: dict[str, np.ndarray]) -> tuple[Tensor, Tensor]:
    """Pictures and captions as games see them."""
    spec = captioned().spec
    pixels = spec.x.codec
    assert isinstance(pixels, Pixels)
    return pixels.encode(torch.from_numpy(drawn["x"]).permute(0, 3, 1, 2)), spec.y.codec.encode(drawn["y"].tolist())  # pyright: ignore


@cache
def known() -> tuple[Tensor, np.ndarray]:
    """14,400 pictures of all 72 kinds that no game saw, as rows, and the kinds."""
    every = np.repeat(kinds_of_shapes(), 200, 0)
    return encoded(shapes(every, 2))[0].flatten(1), every


def read(x: Tensor) -> np.ndarray:
    """The kinds `[n, 4]` of pictures, those of the nearest known one."""
    rows, every = known()
    nearest = torch.cat([torch.cdist(part.flatten(1), rows).argmin(1) for part in x.split(500)])
    return every[nearest.numpy()]


def matching(engine: Engine, seed: int) -> float:
    """AUC by which D's logit tells 1200 unseen pictures with their captions from the same with others' captions."""
    from sklearn.metrics import roc_auc_score

    shown, _ = kinds()
    x, y = encoded(shapes(np.repeat(shown, 20, 0), 10_000 + seed))
    other = y.roll(20, 0)  # of the next kind
    with engine.averaged(), torch.no_grad():
        right, wrong = (engine.game.matching(x, t) for t in (y, other))  # pyright: ignore[reportCallIssue]
    return float(roc_auc_score([1] * len(x) + [0] * len(x), torch.cat([right, wrong]).numpy()))


def obeyed(engine: Engine, wanted: np.ndarray, seed: int) -> dict[str, float]:
    """What the judge reads in pictures of these kinds, ASKED of each: the share in which all four words are right, and
    the mean share of each word."""
    each = np.repeat(wanted, ASKED, 0)
    _, y = encoded(shapes(each, 20_000 + seed))
    right = read(drawn(engine, y, seed)) == each
    return {"all": float(right.all(1).mean()), "words": float(right.mean())}


def drawn(engine: Engine, y: Tensor, seed: int) -> Tensor:
    with engine.averaged(), torch.no_grad():
        torch.manual_seed(seed)
        return engine.game.sample(len(y), y)  # pyright: ignore[reportCallIssue]
