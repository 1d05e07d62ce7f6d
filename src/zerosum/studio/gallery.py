"""The pictures of a judge's session: real, generated, and scrambled ones, all encoded alike, so that no file tells."""

from __future__ import annotations

import threading
from collections import OrderedDict

import torch
from PIL import Image
from torch import Tensor

from ..data import pictures
from ..draws import draw
from ..runs import Run
from .hype import Session
from .models import Model, png

SHOWN = 1904  # seed of the order in which real and generated pictures are shown to everybody
HELD = 4  # sessions in memory


class Gallery:
    """Pictures of the last few sessions. A session taken up again shows the same ones."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def picture(self, session: Session, trial: int, run: Run, model: Model) -> bytes:
        """The PNG of one trial."""
        with self._lock:
            if session.id not in self._made:
                self._made[session.id] = make(session, run, model)
                while len(self._made) > HELD:
                    self._made.popitem(last=False)
            return self._made[session.id][trial]


def make(session: Session, run: Run, model: Model) -> list[bytes]:
    """All pictures of a session, in the order of its trials. The k-th real and the k-th fake are each shown once."""
    half = session.n - session.n // 2
    real = run.data().batch(session.first, half, seed=SHOWN).x
    with model.lock:
        fake = draw(model.game, session.first + half, SHOWN)[session.first :]
    shown: list[Tensor] = []
    for trial in session.trials:
        if trial.kind == "check":
            shown.append(scrambled(real[trial.number % len(real)], session.seed + trial.number))
        else:
            shown.append((real if trial.kind == "real" else fake)[trial.number])
    return [png(Image.fromarray(tile)) for tile in pictures.shown(torch.stack(shown))]


def scrambled(x: Tensor, seed: int) -> Tensor:
    """A picture's pixels in any order, `[c, h, w]`."""
    order = torch.randperm(x[0].numel(), generator=torch.Generator().manual_seed(seed))
    return x.flatten(1)[:, order].reshape(x.shape)
