"""Fast generators of events, and what speed costs: `python -m tools.speed [RUN...] [--repeats 5]`.

Each trained run of fatgan is timed in every form (`zerosum.bench.events`: batches, compiled, bfloat16, ONNX) beside
Pythia, in one process of one thread, and its events in each form, from the same noise, are compared with as many fresh
ones of Pythia's. Without runs, generators of SIZES are trained first, alike but for their size, and kept in
runs/speed/, where a second call finds them. Writes docs/event-speed.json and prints a table.
"""

import argparse
import json
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import zerosum as zs
from zerosum.bench import events, processor
from zerosum.data import open as open_data
from zerosum.data.events import kinematics
from zerosum.metrics.events import chi2, chi2_2d, edges, invalid, known

from .house import ROOT
from .quality import pythia

N = 200_000  # events of each
FOLDER = ROOT / "runs" / "speed"
SIZES = (events.Size(64, 4, 8), events.Size(32, 4, 8), events.Size(32, 3, 4))
ROUNDS, BATCH, CRITIC = 2500, 500, 2
DATA: dict[str, Any] = dict(
    source="pythia:dis?beam=50&n=400000",
    features="cartesian",
    transform="px/py:isotropic",
    augment_columns="pT,E,pz,cot,y,lnQ2=log(Q2),lnx=log(x)",
    holdout=0.05,
)


def trained(size: events.Size) -> Path:
    """A run with a generator of this size against the critic of the largest, from runs/speed/ or new."""
    kept = [zs.load(path.parent) for path in sorted(FOLDER.glob("*/config.yaml"))]
    for run in kept:
        if run.rounds == ROUNDS and name(run) == size.name:
            return run.path
    run = zs.train(
        "fatgan",
        open_data(**DATA),
        out=FOLDER,
        rounds=ROUNDS,
        batch=BATCH,
        pairs=BATCH,
        n_critic=CRITIC,
        width=SIZES[0].width,
        depth=SIZES[0].depth,
        g_width=size.width,
        g_depth=size.depth,
        z_dim=size.z,
        lr=1e-3,
        decay=float(ROUNDS * BATCH * CRITIC),
        ema=1e5,
        threads=1,
        quiet=True,
        track="none",
    )
    return run.path


def judged(maker: events.Maker, truth: np.ndarray, facts: dict) -> dict[str, float]:
    """Mean and largest chi^2/ndf over the features, that in (x, Q^2), and the share of impossible events."""
    parts, made = [], 0
    while made < len(truth):
        parts.append(maker(1000 + len(parts)))
        made += len(parts[-1])
    p, e = np.concatenate(parts)[: len(truth)], kinematics.energies(facts)
    assert e is not None
    found = [np.divide(*chi2(f(p, e), f(truth, e), edges(f, f(truth, e), e))) for f in known(e)]
    return {
        "chi2": float(np.mean(found)),
        "chi2 worst": float(np.max(found)),
        "chi2 (x, Q2)": float(np.divide(*chi2_2d(p, truth, e))),
        "share impossible": sum(invalid(p, facts).values()),
    }


def main() -> None:
    """Time, judge, print, and write docs/event-speed.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    if not asked.runs:
        FOLDER.mkdir(parents=True, exist_ok=True)
        open_data(**DATA)  # events are made once
        with get_context("spawn").Pool(2) as pool:
            asked.runs = pool.map(trained, SIZES, chunksize=1)
    runs = [zs.load(run) for run in asked.runs]
    facts = runs[0].spec.x.extra["events"]
    truth, again = pythia(N, 3), pythia(N, 4)
    floor = judged(lambda seed: again, truth, facts)
    named = [(name(run), run.game, run.spec) for run in runs]
    rows = events.compared(named, asked.repeats, judge=lambda maker: judged(maker, truth, facts))
    found = {"cpu": processor(), "events": N, "floor": floor, "runs": [run.config for run in runs], "rows": rows}
    (ROOT / "docs/event-speed.json").write_text(json.dumps(found, indent=1, default=str) + "\n")
    print(page(found))


def name(run: zs.Run) -> str:
    """The generator's size."""
    h = run.config["hyperparameters"]
    return events.Size(h["g_width"] or h["width"], h["g_depth"] or h["depth"], h["z_dim"]).name


def page(found: dict) -> str:
    """The table, in Markdown."""
    head = ("generator", "form", "events a CPU second", "times Pythia", "chi²/ndf, mean", "worst", "(x, Q²)")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in found["rows"]:
        rate = row["failed"] if "failed" in row else f"{row['rate']:,.0f} ± {row['spread']:,.0f}"
        times = f"{row['times']:.2f}" if row.get("times") else ""
        costs = [f"{row[k]:.2f}" if k in row else "" for k in ("chi2", "chi2 worst", "chi2 (x, Q2)")]
        lines.append(f"| {' | '.join([row['name'], row['form'], rate, times, *costs])} |")
    floor = [f"{found['floor'][k]:.2f}" for k in ("chi2", "chi2 worst", "chi2 (x, Q2)")]
    lines.append(f"| {' | '.join(['Pythia against Pythia', '', '', '', *floor])} |")
    return "\n".join([*lines, "", f"{found['cpu']}; {found['events']:,} events."])


if __name__ == "__main__":
    main()
