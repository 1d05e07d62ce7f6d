"""Of twenty runs that are broken in known ways, how many does acting save?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from zerosum.doctor import attend, read
from zerosum.engine import NonFinite
from zerosum.games.gan import GAN
from zerosum.runs import listed

from .trials import D8, Trial, ring8

SEED, SAVED = 320, 1.25  # saved: it ends, at most so many times as far from the data as the usual settings


class Cursed(GAN):
    """Its loss is NaN in its 61st round while D's weights are larger than steps of 1e-4 leave them."""

    def discriminate(self, batch):
        terms = super().discriminate(batch)
        size = max(float(p.abs().max()) for p in self.D.parameters())
        return {
            k: v * (float("nan") if self.clock.rounds % 100 == 60 and size > 0.8 else 1.0) for k, v in terms.items()
        }


def trial(name: str, game: str | Callable[[], Any], data: Callable[[], Any], **options: Any) -> Trial:
    return Trial(name, game, data, dict(rounds=300, save_every=20, log_every=5) | options)


USUAL = {
    ("gan", ring8): trial("gan on ring8", "gan", ring8),
    ("gan", D8): trial("gan on digits", "gan", D8),
    ("wgan_gp", ring8): trial("wgan_gp on ring8", "wgan_gp", ring8, rounds=150, width=16, lr=1e-3),
    ("dcgan", D8): trial("dcgan on digits", "dcgan", D8, width=16),
    ("lsgan", D8): trial("lsgan on digits", "lsgan", D8, width=16),
    ("sngan", ring8): trial("sngan on ring8", "sngan", ring8, width=16, n_dis=2),
    ("infogan", D8): trial("infogan on digits", "infogan", D8, width=16),
    ("r3gan", ring8): trial("r3gan on ring8", "r3gan", ring8, width=16, lr=(1e-3, 1e-4), decay=2e4),
}


def broken(key: tuple[str, Any], why: str, **options: Any) -> tuple[Trial, Trial]:
    """The usual settings with some broken."""
    usual = USUAL[key]
    return Trial(f"{usual.name}, {why}", usual.game, usual.data, usual.options | options), usual


GAN_RING, GAN_DIGITS, CRITIC = ("gan", ring8), ("gan", D8), ("wgan_gp", ring8)
CASES = [
    broken(GAN_RING, "lr 1e20", lr=1e20),
    broken(GAN_RING, "lr 1e5", lr=1e5),
    broken(GAN_RING, "lr 10", lr=10.0),
    broken(GAN_RING, "lr 0.3", lr=0.3),
    broken(GAN_RING, "lr_scale 300", lr_scale=300.0),
    broken(GAN_DIGITS, "lr 1e10", lr=1e10),
    broken(GAN_DIGITS, "lr 1", lr=1.0),
    broken(GAN_DIGITS, "lr 0.1", lr=0.1),
    broken(CRITIC, "lr 1e10", lr=1e10),
    broken(CRITIC, "lr 1", lr=1.0),
    broken(CRITIC, "lr 0.1", lr=0.1),
    broken(CRITIC, "no penalty", lam=0.0, lr=1e-2),
    broken(("dcgan", D8), "lr 1e10", lr=1e10),
    broken(("dcgan", D8), "lr 1", lr=1.0),
    broken(("lsgan", D8), "lr 1", lr=1.0),
    broken(("sngan", ring8), "lr 1", lr=1.0),
    broken(("r3gan", ring8), "lr 1", lr=(1.0, 1.0)),
    broken(("infogan", D8), "D a hundred times as fast", lr_d=1e-2, lr_g=1e-4),
    broken(("infogan", D8), "D fifty times as fast", lr_d=1e-3, lr_g=2e-5),
    (trial("gan on ring8, NaN in round 61", Cursed, ring8), USUAL[GAN_RING]),
]


def key(row: dict[str, Any]) -> tuple[str, int]:
    return row["case"], row["seed"]


def waiting() -> list[tuple[tuple[str, int], Callable[[], dict[str, Any]]]]:
    """What makes each row, by its key."""
    return [((case.name, SEED), partial(compared, case, usual)) for case, usual in CASES]


def compared(case: Trial, usual: Trial) -> dict[str, Any]:
    """One broken run left alone and acted on, and how far the usual settings come."""
    arms = {mode: one(case, mode) for mode in ("watch", "act")}
    return {"case": case.name, "seed": SEED, "usual score": goal(usual.name), **arms}


@cache
def goal(name: str) -> float:
    return one(next(t for t in USUAL.values() if t.name == name), "watch")["score"]


def one(case: Trial, mode: str) -> dict[str, Any]:
    attend.OFTEN, attend.GRACE = 30, 60.0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run, ended = case.play(SEED, Path(folder), doctor=mode), True
        except NonFinite:
            run, ended = None, False
        path = run.path if run else listed(Path(folder))[-1]
        scores = [row["score"] for row in run.stats() if "score" in row] if run else []
        return {
            "ended": ended,
            "score": scores[-1] if scores else None,
            "did": [a["did"] for a in read(path).get("actions", [])],
            "seconds": round(time.perf_counter() - began, 1),
        }


def saved(row: dict[str, Any], mode: str) -> bool:
    return row[mode]["ended"] and row[mode]["score"] <= SAVED * row["usual score"]


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| run | usual score | without | with | what it did |", "|---|---|---|---|---|"]
    for row in rows:
        did = row["act"]["did"]
        last = f"{did[-1]}{f' (the last of {len(did)} times)' if len(did) > 1 else ''}" if did else "nothing"
        lines.append(
            f"| {row['case']} | {row['usual score']:.3g} | {said(row, 'watch')} | {said(row, 'act')} | {last} |"
        )
    count = {m: sum(saved(row, m) for row in rows) for m in ("watch", "act")}
    ended = {m: sum(row[m]["ended"] for row in rows) for m in ("watch", "act")}
    return "\n".join(
        [
            f"Of {len(rows)} runs {ended['act']} come to an end with it and {ended['watch']} without; {count['act']} "
            f"and {count['watch']} end well (**bold**), which is at most {SAVED:g} times as far from held-out data (by "
            "sliced Wasserstein distance) as the same game with its usual settings, seed and rounds.",
            "",
            *lines,
        ]
    )


def said(row: dict[str, Any], mode: str) -> str:
    if not row[mode]["ended"]:
        return "not a number"
    score = f"{row[mode]['score']:.3g}"
    return f"**{score}**" if saved(row, mode) else score
