"""Does the doctor name what is wrong, and keep silent where nothing is?"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from zerosum.doctor import Finding, attend, read
from zerosum.engine import NonFinite
from zerosum.runs import listed

from .trials import BROKEN, HEALTHY, Trial

SEEDS = (202, 203)


def key(row: dict[str, Any]) -> tuple[str, int]:
    return row["trial"], row["seed"]


def waiting() -> list[tuple[tuple[str, int], Callable[[], dict[str, Any]]]]:
    """What makes each row, by its key."""
    return [((trial.name, seed), partial(one, trial, seed)) for trial in [*BROKEN, *HEALTHY] for seed in SEEDS]


def one(trial: Trial, seed: int) -> dict[str, Any]:
    """What was said of a run at its end, and at any time; information is not counted."""
    attend.OFTEN, attend.GRACE = 20, 60.0  # runs of seconds are looked at as often as ones of minutes would be
    told: list[Finding] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = trial.play(seed, Path(folder), on_finding=told.append).path
        except NonFinite:
            run = listed(Path(folder))[-1]
        last = read(run)
    return {
        "trial": trial.name,
        "seed": seed,
        "expects": list(trial.expects),
        "at the end": [f["name"] for f in last["findings"] if f["severity"] != "info"],
        "ever": sorted({f.name for f in told if f.severity != "info"}),
        "light": last["light"],
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A line a trial: how often what was expected was said, and what else."""
    lines = ["| run | expected | said, of runs | also said | light |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(row["trial"] for row in rows):
        mine = [row for row in rows if row["trial"] == name]
        expects = mine[0]["expects"]
        right = sum(bool(set(expects) & set(said(row))) if expects else not row["at the end"] for row in mine)
        others = sorted({f for row in mine for f in said(row)} - set(expects))
        lights = ", ".join(row["light"] for row in mine)
        cells = [name, " or ".join(expects) or "nothing", f"{right} of {len(mine)}", ", ".join(others) or "-", lights]
        lines.append(f"| {' | '.join(cells)} |")
    sick, well = ([r for r in rows if bool(r["expects"]) is ill] for ill in (True, False))
    found = sum(bool(set(r["expects"]) & set(said(r))) for r in sick)
    quiet, never = sum(not r["at the end"] for r in well), sum(not r["ever"] for r in well)
    return "\n".join(
        [
            f"Of {len(sick)} runs that are broken, what is wrong was named in {found}. Of {len(well)} healthy runs the "
            f"doctor had nothing to say at the end of {quiet}, and at no time in {never}.",
            "",
            *lines,
        ]
    )


def said(row: dict[str, Any]) -> list[str]:
    """Of broken runs whatever was said at any time; of healthy ones what is left at the end."""
    return row["ever"] if row["expects"] else row["at the end"]
