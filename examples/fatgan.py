"""From Pythia to a validated generator of scattering events to a HepMC3 file that pyhepmc reads back.

    python examples/fatgan.py

takes Pythia's events where it is installed (pip install 'zerosum[physics]'), else the sample that zerosum brings. This
run is a demonstration of a few minutes; docs/fatgan.md has the settings and the figures of a long one.
"""

import importlib.util
from pathlib import Path

import zerosum as zs
from zerosum import event_export
from zerosum.metrics import table

ROUNDS, BATCH, CRITIC = 800, 250, 2

pythia = importlib.util.find_spec("pythia8mc") is not None
data = zs.data(
    "pythia:dis?beam=50&n=60000" if pythia else "ep",
    features="cartesian",  # G writes px, py, T = ln(50 GeV - pz); D sees pT, E, pz and cot theta, too
    transform="px/py:isotropic",  # no azimuth is special
)
run = zs.train(
    "fatgan",
    data,
    rounds=ROUNDS,
    batch=BATCH,
    ema=2e4,
    width=64,
    depth=4,
    z_dim=8,
    n_critic=CRITIC,
    pairs=BATCH,
    lr=1e-3,
    decay=float(ROUNDS * BATCH * CRITIC),
)
print(table(run.evaluate()))  # no event is cut away before it is judged

p = run.sample(5000)  # px, py, pz, E in GeV
assert (p[:, 2] < 50).all()  # by construction
path = event_export.write(p, run.spec.x.extra["events"], Path("events.hepmc"))
if importlib.util.find_spec("pyhepmc"):
    import pyhepmc

    with pyhepmc.open(path) as file:
        first = next(iter(file))
    electron = next(q for q in first.particles if q.status == 1 and q.pid == 11)
    print(f"{path}: the first electron has pz {electron.momentum.pz:.4f} GeV, the generator wrote {p[0, 2]:.4f}")
