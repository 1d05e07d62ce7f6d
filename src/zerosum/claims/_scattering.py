"""What the experiments with scattering events share: equal budgets, and agreement feature by feature."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from ..data import Data, open
from ..data.featured import with_features
from ..engine import Engine
from ..game import Game
from ..metrics.events import chi2, edges, known
from . import _rigs

ROUNDS, BATCH, CRITIC = 800, 250, 2
SIZE: dict[str, Any] = dict(width=64, depth=3, z_dim=8, n_critic=CRITIC, lr=1e-3, decay=float(ROUNDS * BATCH * CRITIC))
MATCH: dict[str, Any] = dict(pairs=BATCH)
EMA = 2e4  # half-life, in examples


@cache
def ep(features: str | None = None, transform: str | None = None, augment: str | None = None) -> Data:
    """The shipped sample, 20,000 events to train on and 10,000 held out, with these features."""
    return with_features(open("ep"), features, transform, augment)


def play(game: Game, data: Data, seed: int, rounds: int = ROUNDS, batch: int = BATCH) -> Engine:
    return _rigs.play(game, data, rounds, seed, batch=batch, ema=EMA)


def momenta(engine: Engine, seed: int, n: int, y: torch.Tensor | None = None) -> np.ndarray:
    """`n` events px, py, pz, E of the averaged game, GeV; under the condition `y` `[c]` where there is one."""
    with engine.averaged() as game, torch.no_grad():
        torch.manual_seed(seed)
        x = game.sample(n) if y is None else game.sample(n, y.expand(n, -1))  # pyright: ignore[reportCallIssue]
    return engine.data.spec.x.decode(x.nan_to_num(0))


def disagreement(fake: np.ndarray, real: np.ndarray, e: tuple[float, float]) -> dict[str, float]:
    """Mean chi^2/ndf over the nine features, and the largest."""
    found = []
    for feature in known(e):
        reals = feature(real, e)
        value, ndf = chi2(feature(fake, e), reals, edges(feature, reals, e))
        found.append(value / ndf)
    return {"chi2/ndf": float(np.mean(found)), "worst": max(found)}


def judged(engine: Engine, seed: int) -> dict[str, float]:
    """Against the held-out part of the shipped sample: chi^2, and events beyond the beam in 10,000."""
    data = engine.data
    assert isinstance(data, Data)
    real = data.spec.x.decode(data.held_out.all())
    fake = momenta(engine, seed, len(real))
    beam = data.spec.x.extra["events"]["beam"]
    return disagreement(fake, real, (beam, beam)) | {"beyond": 1e4 * float((fake[:, 2] >= beam).mean())}
