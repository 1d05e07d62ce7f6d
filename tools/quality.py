"""How runs of fatgan compare with the published figure of FAT-GAN: `python -m tools.quality RUN... [--repeats 3]`.

Fresh Pythia events that nobody trained on, 35,800, 200,000 and 1,000,000, against as many of the generator's, feature
by feature in the bins of the authors' Figure 3; and Pythia against Pythia, the floor. Writes docs/fatgan.json.
"""

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch

import zerosum as zs
from zerosum.data import open as open_data
from zerosum.data.events import kinematics
from zerosum.metrics.events import chi2, chi2_2d, edges, invalid, known, table
from zerosum.metrics.twosample import two_sample_auc
from zerosum.runs import Run

from .house import ROOT

SIZES = (35_800, 200_000, 1_000_000)
# Read off the vector graphics of the authors' figure, which holds about 0.93 million events of Pythia (+-30 %): an
# ensemble's mean against these, with Pythia's errors alone. Total variation is between histograms of 100 bins.
CHI2 = dict(px=5.4, py=6.8, pz=2.4, E=2.6, pT=1.5, theta=2.6, phi=4.1, x=2.1, Q2=2.1)
VARIATION = dict(px=0.0077, py=0.0073, pz=0.0058, E=0.0063, pT=0.0062, theta=0.012, phi=0.0072, x=0.0063, Q2=0.0068)
JUDGED = 20_000  # events a side for the classifier
Row = dict[str, float]


def pythia(n: int, seed: int) -> np.ndarray:
    data = open_data(f"pythia:dis?beam=50&n={n}&seed={seed}", holdout=0)
    return data.spec.x.decode(data.all())


def generated(run: Run, n: int, seed: int, batch: int = 50_000) -> np.ndarray:
    torch.manual_seed(seed)
    with torch.inference_mode():
        rows = [run.spec.x.decode(run.game.sample(batch)) for _ in range(-(-n // batch))]
    return np.concatenate(rows)[:n]


def compared(a: np.ndarray, real: np.ndarray, facts: dict) -> Row:
    """chi^2/ndf and total variation of every feature, the 2-D chi^2, a classifier's AUC, and the rates of the
    impossible."""
    e = kinematics.energies(facts)
    assert e is not None
    out: Row = {}
    for f in known(e):
        v, w = f(a, e), f(real, e)
        cuts = edges(f, w, e)
        value, ndf = chi2(v, w, cuts)
        out[f"chi2 {f.name}"] = value / ndf
        shares = [np.histogram(u, cuts)[0] / len(u) for u in (v, w)]
        out[f"variation {f.name}"] = float(np.abs(shares[0] - shares[1]).sum() / 2)
    out["chi2 mean"] = float(np.mean([v for k, v in out.items() if k.startswith("chi2")]))
    out["variation mean"] = float(np.mean([v for k, v in out.items() if k.startswith("variation")]))
    value, ndf = chi2_2d(a, real, e)
    out["chi2 (x, Q2)"] = value / ndf
    out["AUC"] = two_sample_auc(table(a[:JUDGED], e), table(real[:JUDGED], e))
    return out | invalid(a, facts)


def over(repeats: int, make: Callable[[int], np.ndarray], real: np.ndarray, facts: dict) -> dict[str, list[float]]:
    """Mean and standard deviation over fresh samples."""
    rows = [compared(make(seed), real, facts) for seed in range(repeats)]
    spread = (lambda v: float(np.std(v, ddof=1))) if repeats > 1 else (lambda v: 0.0)
    return {k: [float(np.mean([r[k] for r in rows])), spread([r[k] for r in rows])] for k in rows[0]}


def main() -> None:
    """Measure, print, and write docs/fatgan.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    runs = [zs.load(path) for path in asked.runs]
    facts = runs[0].spec.x.extra["events"]
    truth, twice = pythia(max(SIZES), 3), pythia(max(SIZES), 4)
    floor = {n: over(1, lambda seed, n=n: twice[:n], truth[:n], facts) for n in SIZES}
    found = {"authors": {"chi2": CHI2, "variation": VARIATION}, "floor": floor, "runs": []}
    for run in runs:
        made = {
            n: over(asked.repeats, lambda seed, n=n, run=run: generated(run, n, seed), truth[:n], facts) for n in SIZES
        }
        found["runs"].append({"config": run.config, "rounds": run.rounds, "events": made})
        print(f"{run.path}\n| | " + " | ".join(f"{n:,} | Pythia twice" for n in SIZES) + " |")
        for key in floor[SIZES[0]]:
            cells = [f"{made[n][key][0]:.4g} +- {made[n][key][1]:.2g} | {floor[n][key][0]:.4g}" for n in SIZES]
            print(f"| {key} | " + " | ".join(cells) + " |", flush=True)
    (ROOT / "docs/fatgan.json").write_text(json.dumps(found, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
