"""What Velasco et al. 2020 claim."""

from functools import cache

import torch

from ..data import open
from ..data.featured import with_features
from ..engine import Engine
from ..games.cfatgan import CFATGAN
from . import Claim
from ._scattering import disagreement, momenta, play

TRAINED = "pythia:dis?beam=10,20,40,50&n=160000"
UNSEEN, HELD = 30.0, "pythia:dis?beam=30&n=20000&seed=2"
ROUNDS, BATCH, CRITIC = 1500, 400, 2


@cache
def trained(seed: int) -> Engine:
    data = with_features(open(TRAINED), "cartesian")
    game = CFATGAN(width=64, depth=3, z_dim=8, n_critic=CRITIC, lr=1e-3, decay=float(ROUNDS * BATCH * CRITIC))
    return play(game, data, seed, ROUNDS, BATCH)


def between(seed: int, idea: bool) -> dict[str, float]:
    engine, held = trained(seed), open(HELD, holdout=0)
    real = held.spec.x.decode(held.all())
    codec = engine.data.spec.y.codec

    def asked(energy: float) -> dict[str, float]:
        p = momenta(engine, seed, len(real), codec.encode(torch.tensor([[energy]]))[0])
        return disagreement(p, real, (UNSEEN, UNSEEN)) | {"beyond": 1e4 * float((p[:, 2] >= energy).mean())}

    return asked(UNSEEN) if idea else min((asked(e) for e in (20.0, 40.0)), key=lambda found: found["chi2/ndf"])


CLAIMS = [
    Claim(
        "interpolation",
        "Trained at a few beam energies, the game makes events of another that it never saw (Sec. 4).",
        "mean chi^2/ndf over nine features at 30 GeV, 20,000 events of Pythia; trained at 10, 20, 40 and 50 GeV, 1500 "
        "rounds of 400 events",
        40.0,
        "lower",
        "events of the nearest energy trained at, 20 or 40 GeV, whichever agrees better",
        between,
        data=(TRAINED, HELD),
    ),
]
