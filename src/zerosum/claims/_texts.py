"""What the claims about texts share: digits with captions, some kinds of them never shown, and a judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import torch
from torch import Tensor

from ..data import Data
from ..data.fields import see_text
from ..engine import Engine
from ..game import Batch
from ..spec import Column, Columns, Field, Spec
from ._rigs import digits, judge

HEIGHT, WIDTH = 8, 12  # of a picture; a digit stands at the left or the right of it
FAINT = 0.45  # ink of a faint digit, in shares of a bright one's
NUMBERS = ("zero", "one", "two", "three", "four")
ATTRIBUTES = (NUMBERS, ("bright", "faint"), ("left", "right"))
PHRASES = ("{1} {0} {2}", "{2} {1} {0}", "{0} {2} {1}")  # short, since a GRU takes its time
PICTURES = 4000  # to train on
ASKED = 50  # pictures that are asked for, of each kind
SIZE = {"z_dim": 8, "width": 32, "text_dim": 32, "lr": 1e-3}


@dataclass(frozen=True)
class Told:
    """Pictures `[n, 96]` in [-1, 1], as rows, and captions `[n, length]`; batches are drawn at random."""

    x: Tensor
    y: Tensor
    spec: Spec

    def stream(self, position: int, n: int, **_: object) -> Iterator[Batch]:
        """The engine seeds torch before every round, so a run's batches derive from its seed."""
        while True:
            i = torch.randint(len(self.x), (n,))
            yield Batch(x=self.x[i], y=self.y[i])


@cache
def kinds() -> tuple[np.ndarray, np.ndarray]:
    """Kinds of pictures to train on, 15, and never to show, 5: digit, brightness and place, as numbers in ATTRIBUTES.
    Each digit is shown in the three other kinds."""
    every = np.array(list(product(range(5), range(2), range(2))))
    new = np.array([(d, d % 2, (d // 2) % 2) for d in range(5)])
    shown = [kind for kind in every if not (kind == new).all(1).any()]
    return np.array(shown), new


def pictured(wanted: np.ndarray, source: Data, seed: int) -> tuple[Tensor, list[str]]:
    """Pictures of these kinds `[n, 3]`, of random digits of the source, and a caption each in a random phrase."""
    random = np.random.default_rng(seed)
    held = source.take(len(source))
    of_class = [np.flatnonzero(held.y.numpy() == k) for k in range(len(NUMBERS))]
    ink = (held.x[[random.choice(of_class[k]) for k in wanted[:, 0]]] + 1) / 2
    ink *= torch.tensor([1.0, FAINT])[wanted[:, 1]].view(-1, 1, 1, 1)
    x = torch.zeros(len(wanted), HEIGHT, WIDTH)
    for at, columns in ((0, slice(0, 8)), (1, slice(4, 12))):
        x[wanted[:, 2] == at, :, columns] = ink[wanted[:, 2] == at, 0]
    told = [[names[k] for names, k in zip(ATTRIBUTES, kind, strict=True)] for kind in wanted]
    captions = [PHRASES[p].format(*w) for p, w in zip(random.integers(len(PHRASES), size=len(told)), told, strict=True)]
    return x.flatten(1) * 2 - 1, captions


@cache
def captioned() -> Told:
    """Pictures of the 15 kinds with captions, of the digits to train on."""
    shown, _ = kinds()
    x, captions = pictured(shown[np.random.default_rng(0).integers(len(shown), size=PICTURES)], digits(), 0)
    y = see_text(np.array(captions)).field
    columns = tuple(Column(str(i)) for i in range(HEIGHT * WIDTH))
    return Told(x, y.codec.encode(captions), Spec(x=Field((HEIGHT * WIDTH,), "vector", Columns(columns)), y=y))  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue, reportArgumentType]


def unseen(wanted: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of held-out digits, and captions, as games see them."""
    x, captions = pictured(wanted, digits().held_out, seed)
    return x, captioned().spec.y.codec.encode(captions)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue, reportArgumentType]


def read(x: Tensor) -> np.ndarray:
    """The kinds `[n, 3]` of pictures: place by where the ink is, brightness by the six brightest pixels, and the digit
    by a classifier of real ones."""
    ink = ((x.nan_to_num(0).clamp(-1, 1) + 1) / 2).view(-1, HEIGHT, WIDTH)
    mass = ink.sum(1)
    place = ((mass * torch.arange(WIDTH)).sum(1) / mass.sum(1).clamp(min=1e-6) > 5.5).long()
    crop = torch.where(place.view(-1, 1, 1) == 0, ink[..., :8], ink[..., 4:])
    full = crop.flatten(1).topk(6).values.mean(1)
    digit = judge()((crop / full.clamp(min=1e-3).view(-1, 1, 1)).clamp(0, 1)[:, None] * 2 - 1)
    return torch.stack([digit, (full < (1 + FAINT) / 2).long(), place], 1).numpy()


def matching(engine: Engine, seed: int) -> float:
    """AUC by which D's logit tells 1500 unseen pictures with their captions from the same with others' captions."""
    from sklearn.metrics import roc_auc_score

    wanted = np.repeat(kinds()[0], 100, 0)
    x, y = unseen(wanted, 10_000 + seed)
    other = np.random.default_rng(seed).permutation(len(x))
    differ = torch.from_numpy((wanted != wanted[other]).any(1))
    with engine.averaged(), torch.no_grad():
        right, wrong = (engine.game.matching(x, t).numpy() for t in (y, y[other]))  # pyright: ignore[reportCallIssue]
    wrong = wrong[differ]
    return float(roc_auc_score([1] * len(right) + [0] * len(wrong), np.concatenate([right, wrong])))


def obeyed(engine: Engine, wanted: np.ndarray, seed: int) -> float:
    """Share of pictures, ASKED of each of these kinds, in which the judge reads all that their captions say."""
    each = np.repeat(wanted, ASKED, 0)
    _, y = unseen(each, 20_000 + seed)
    with engine.averaged(), torch.no_grad():
        torch.manual_seed(seed)
        return float((read(engine.game.sample(len(y), y)) == each).all(1).mean())  # pyright: ignore[reportCallIssue]
