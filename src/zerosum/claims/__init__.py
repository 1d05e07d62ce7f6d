"""Each game's own claim, as a small experiment: `zerosum verify GAME`.

A file of this folder is named after its game and holds `CLAIMS`. Each claim says what the paper says, how it is
measured, what threshold it must reach, and what is switched off in its ablation, which must miss it. An experiment is
one function of (seed, idea): with `idea` false it is the same code with the game's idea off. `Arms` are an experiment
of two functions, which claims may share. Seeds are fixed here, before anything is looked at; the median decides; every
value is printed and, as soon as its claim is through, written to `results/GAME.json`, passed or not.
`python -m tools.claims` makes docs/zoo.md of these files.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError, nearest

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]
Found = dict[str, float]


@dataclass(frozen=True)
class Arms:
    """An experiment of two functions of the seed. Claims that have one in common run it once a seed."""

    full: Callable[[int], Found]
    without: Callable[[int], Found]
    metric: str  # which of their readings the claim is about

    def arm(self, idea: bool) -> Callable[[int], Found]:
        return self.full if idea else self.without

    def __call__(self, seed: int, idea: bool) -> Found:
        return self.arm(idea)(seed)


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper that can be measured."""

    name: str  # short, one word or two
    says: str  # the claim, in our words, with its place in the paper
    metric: str  # what is measured, on what data, with its unit
    threshold: float
    better: Literal["higher", "lower"]
    ablation: str  # what is switched off
    experiment: Callable[[int, bool], float | dict[str, float]]  # (seed, idea) -> metric; what follows it is a remark
    seeds: tuple[int, ...] = (0, 1, 2)
    data: tuple[str, ...] = ()  # sets that must be found or downloaded first
    beside: str = ""  # figures of the paper or the lecture to print beside ours

    def passes(self, value: float) -> bool:
        return value >= self.threshold if self.better == "higher" else value <= self.threshold


@dataclass(frozen=True)
class Run:
    """One experiment: which, and what came of it."""

    claim: str  # its name
    seed: int
    idea: bool
    readings: Found  # the metric first
    seconds: float

    @property
    def value(self) -> float:
        return next(iter(self.readings.values()))


def games() -> list[str]:
    """Games that have claims."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def of(game: str) -> list[Claim]:
    return importlib.import_module(f"{__name__}.{game}").CLAIMS


def verify(
    game: str | None = None,
    seeds: int | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    claim: str | None = None,
) -> int:
    """Run the claims of one game or of all; returns 0 if all hold and all their ablations miss, else 1.

    Experiments run `jobs` at a time (as many as there are cores), one thread each. `claim` names one of the game's
    claims; the written results of the others are kept. A claim whose data is not to be had is skipped and does not
    count as held. Where fewer `seeds` are run than a claim has, or one is skipped, the file of results stays as it was.
    """
    wanted = [game.replace("-", "_")] if game else games()
    if wanted[0] not in games():
        raise InputError(
            f"no claims for {game!r}{nearest(wanted[0], games())} There are claims for: {', '.join(games())}"
        )
    for name, value in (("seeds", seeds), ("jobs", jobs)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be 1 or more, not {value}")
    held = True
    for name in wanted:
        claims = of(name) if claim is None else [only(name, claim)]
        for found in claims:
            print(announced(name, found, seeds), flush=True)
        if dry_run:
            continue
        rows = 0
        for measured, row in measure(name, claims, seeds, jobs or os.cpu_count() or 1):
            rows += 1
            held &= row["passed"] and not row["ablation_passed"]
            print(said(row), flush=True)
            if len(row["seeds"]) == len(measured.seeds):
                write(name, row)
                print(f"    written to {RESULTS / name}.json", flush=True)
            else:
                print("    not written, since not all of its seeds were run", flush=True)
        held &= rows == len(claims)
    return 0 if held else 1


def only(game: str, name: str) -> Claim:
    """The claim of this name. Raises InputError where the game has none."""
    claims = {claim.name: claim for claim in of(game)}
    if name not in claims:
        raise InputError(f"{game} has no claim {name!r}{nearest(name, claims)} It has: {', '.join(claims)}")
    return claims[name]


def write(game: str, row: Row) -> None:
    """Put this row in the game's file of results, in the order of its claims; rows of its other claims are kept."""
    path, order = RESULTS / f"{game}.json", [claim.name for claim in of(game)]
    kept = json.loads(path.read_text()) if path.exists() else []
    found = {row["name"]: row for row in [*kept, row]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([found[name] for name in order if name in found], indent=1) + "\n")


def measure(game: str, claims: list[Claim], seeds: int | None, jobs: int) -> Iterator[tuple[Claim, Row]]:
    """A row of results for each claim whose data there is, as soon as its experiments are through."""
    users: dict[tuple[object, ...], list[tuple[Claim, int, bool]]] = {}  # of each experiment; the first one runs it
    for claim in (claim for claim in claims if available(game, claim)):
        for idea in (True, False):
            for seed in claim.seeds[:seeds]:
                users.setdefault(_same(claim, seed, idea), []).append((claim, seed, idea))
    asked = {(c.name, seed, idea): every for every in users.values() for c, seed, idea in every[:1]}
    began, runs = time.perf_counter(), {}
    for done, run in enumerate(perform([(game, *what) for what in asked], min(jobs, len(asked))), start=1):
        for i, (claim, seed, idea) in enumerate(asked[run.claim, run.seed, run.idea]):
            own = Run(claim.name, seed, idea, _first(claim, run.readings), run.seconds)
            runs.setdefault(claim.name, []).append(own)
            if i == 0:
                print(f"{done} of {len(asked)}, {time.perf_counter() - began:.0f} s: {told(claim, own)}", flush=True)
            if len(runs[claim.name]) == 2 * len(claim.seeds[:seeds]):
                yield claim, row(game, claim, runs[claim.name])


def _same(claim: Claim, seed: int, idea: bool) -> tuple[object, ...]:
    """Equal for experiments that are the same."""
    if isinstance(claim.experiment, Arms):
        return claim.experiment.arm(idea), seed
    return claim.name, seed, idea


def _first(claim: Claim, readings: Found) -> Found:
    """Readings with this claim's metric first."""
    metric = claim.experiment.metric if isinstance(claim.experiment, Arms) else next(iter(readings))
    return {metric: readings[metric], **readings}


def available(game: str, claim: Claim) -> bool:
    """Whether the claim's data can be opened; says why not."""
    from ..data import open

    for source in claim.data:
        try:
            open(source)
        except InputError as error:
            print(f"{game}: {claim.name} is skipped: {error}", file=sys.stderr, flush=True)
            return False
    return True


def perform(waiting: list[tuple[str, str, int, bool]], jobs: int) -> Iterator[Run]:
    """Runs as they finish. Left early, by Ctrl-C say, it ends its processes."""
    if not waiting:
        return
    with get_context("spawn").Pool(jobs, initializer=_worker) as pool:
        yield from pool.imap_unordered(_run, waiting)


def row(game: str, claim: Claim, runs: list[Run]) -> Row:
    """What is written of a claim."""
    from ..runs import versions

    runs = sorted(runs, key=lambda run: run.seed)
    full, without = ([run for run in runs if run.idea is idea] for idea in (True, False))
    median, ablation_median = (statistics.median(run.value for run in arm) for arm in (full, without))
    return {
        "game": game,
        "name": claim.name,
        "claim": claim.says,
        "metric": claim.metric,
        "better": claim.better,
        "threshold": claim.threshold,
        "seeds": [run.seed for run in full],
        "values": [run.value for run in full],
        "median": median,
        "passed": claim.passes(median),
        "ablation": claim.ablation,
        "ablation_values": [run.value for run in without],
        "ablation_median": ablation_median,
        "ablation_passed": claim.passes(ablation_median),
        "beside": claim.beside,
        "readings": [run.readings for run in full],
        "ablation_readings": [run.readings for run in without],
        "seconds": round(sum(run.seconds for run in runs), 1),
        "seconds_a_run": round(statistics.median(run.seconds for run in full), 1),
        "versions": versions(),
    }


def announced(game: str, claim: Claim, seeds: int | None) -> str:
    """What will be run, to read."""
    sign = "at least" if claim.better == "higher" else "at most"
    return (
        f"{game}: {claim.name}\n    {claim.says}\n    {claim.metric}: {sign} {claim.threshold:g}\n"
        f"    ablation: {claim.ablation}; seeds {', '.join(map(str, claim.seeds[:seeds]))}"
    )


def told(claim: Claim, run: Run) -> str:
    """One experiment's outcome, to read."""
    readings = ", ".join(f"{name} {v:.4g}" if name else f"{v:.4g}" for name, v in run.readings.items())
    arm = "with the idea" if run.idea else "without it"
    return f"{claim.name}, seed {run.seed}, {arm}: {readings} ({run.seconds:.0f} s)"


def said(row: Row) -> str:
    """A row of results, to read."""

    def values(vs: list[float]) -> str:
        return ", ".join(f"{v:.4g}" for v in vs)

    beside = f"\n    beside it: {row['beside']}" if row["beside"] else ""
    return (
        f"{row['game']}: {row['name']} {verdict(row)} ({row['seconds']:.0f} s)\n"
        f"    with the idea   median {row['median']:.4g}  of {values(row['values'])}\n"
        f"    without it      median {row['ablation_median']:.4g}  of {values(row['ablation_values'])}{beside}"
    )


def verdict(row: Row) -> str:
    if row["passed"]:
        return "holds" + ", but so does its ablation" * row["ablation_passed"]
    return "DOES NOT HOLD" + ", but its ablation does" * row["ablation_passed"]


def _worker() -> None:
    """One thread; Ctrl-C is the parent's to handle; a worker whose parent was killed ends, too."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _run(what: tuple[str, str, int, bool]) -> Run:
    """One experiment, in a process of its own."""
    game, claim, seed, idea = what
    began = time.perf_counter()
    found = only(game, claim).experiment(seed, idea)
    readings = found if isinstance(found, dict) else {"": found}
    readings = {name: float(v) for name, v in readings.items()}
    return Run(claim, seed, idea, readings, time.perf_counter() - began)
