"""Each game's own claim, as a small experiment: `zerosum verify GAME`.

A file of this folder is named after its game and holds `CLAIMS`. Each claim says what the paper says, how it is
measured, what threshold it must reach, and what is switched off in its ablation, which must miss it. An experiment is
one function of (seed, idea): with `idea` false it is the same code with the game's idea off. `Arms` are an experiment
of two functions, which claims may share. Seeds are fixed here, before anything is looked at; the median decides; every
value is printed and, as soon as its claim is through, written to `results/GAME.json`, passed or not. Until the command
is through, every experiment is kept (`_kept`), so that the same command goes on where it was cut.
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
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError, nearest
from ._kept import Found, Kept, Run, Which, imported

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


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
    fused: bool = False,
) -> int:
    """Run the claims of one game or of all; returns 0 if all hold and all their ablations miss, else 1.

    Experiments run `jobs` at a time (as many as there are cores), one thread each. `claim` names one of the game's
    claims; the written results of the others are kept. A claim whose data is not to be had is skipped and does not
    count as held. Where fewer `seeds` are run than a claim has, or one is skipped, the file of results stays as it was.
    Experiments that a call before this one has run and not written are not run again, if their code is still this one.
    With `fused` their steps are compiled, and results go to `results/fused/GAME.json`.
    """
    wanted = [game.replace("-", "_")] if game else games()
    if wanted[0] not in games():
        raise InputError(
            f"no claims for {game!r}{nearest(wanted[0], games())} There are claims for: {', '.join(games())}"
        )
    for name, value in (("seeds", seeds), ("jobs", jobs)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be 1 or more, not {value}")
    if fused:
        from ..fused import obstacle

        if why := obstacle("cpu"):
            raise InputError(why)
    folder = RESULTS / "fused" if fused else RESULTS
    held, done = True, []
    for name in wanted:
        claims = of(name) if claim is None else [only(name, claim)]
        for found in claims:
            print(announced(name, found, seeds), flush=True)
        if dry_run:
            continue
        kept, rows = Kept(folder / "kept", name), []
        for measured, row in measure(name, claims, seeds, jobs or os.cpu_count() or 1, kept, fused):
            rows.append(row)
            print(said(row), flush=True)
            if len(row["seeds"]) < len(measured.seeds):
                print("    not written, since not all of its seeds were run", flush=True)
            elif fused and "" not in row.get("steps", {}).values():
                print("    not written, since no step of it was compiled", flush=True)
            else:
                write(folder, row)
                print(f"    written to {folder / name}.json", flush=True)
        held &= len(rows) == len(claims) and all(row["passed"] and not row["ablation_passed"] for row in rows)
        done += [kept] * all(len(row["seeds"]) == len(only(name, row["name"]).seeds) for row in rows)
    for kept in done:
        kept.clear()
    return 0 if held else 1


def only(game: str, name: str) -> Claim:
    """The claim of this name. Raises InputError where the game has none."""
    claims = {claim.name: claim for claim in of(game)}
    if name not in claims:
        raise InputError(f"{game} has no claim {name!r}{nearest(name, claims)} It has: {', '.join(claims)}")
    return claims[name]


def write(folder: Path, row: Row) -> None:
    """Put this row in its game's file of results, in the order of its claims; rows of its other claims are kept."""
    path, order = folder / f"{row['game']}.json", [claim.name for claim in of(row["game"])]
    kept = json.loads(path.read_text()) if path.exists() else []
    found = {row["name"]: row for row in [*kept, row]}
    folder.mkdir(exist_ok=True)
    path.write_text(json.dumps([found[name] for name in order if name in found], indent=1) + "\n")


def measure(
    game: str, claims: list[Claim], seeds: int | None, jobs: int, kept: Kept, fused: bool = False
) -> Iterator[tuple[Claim, Row]]:
    """A row of results for each claim whose data there is, as soon as its experiments are through. Those that are kept
    are not run again."""
    owners: dict[object, tuple[str, bool]] = {}  # of each experiment, the first claim that has it
    for claim in of(game):
        for idea in (True, False):
            owners.setdefault(_same(claim, idea), (claim.name, idea))
    users: dict[Which, list[tuple[Claim, bool]]] = {}  # of each experiment, by its owner
    for claim in (claim for claim in claims if available(game, claim)):
        for idea in (True, False):
            name, owned = owners[_same(claim, idea)]
            for seed in claim.seeds[:seeds]:
                users.setdefault((name, seed, owned), []).append((claim, idea))
    began, runs = time.perf_counter(), {}
    for done, run in enumerate(through(game, list(users), jobs, kept, fused), start=1):
        for i, (claim, idea) in enumerate(users[run.claim, run.seed, run.idea]):
            own = replace(run, claim=claim.name, idea=idea, readings=_first(claim, run.readings))
            runs.setdefault(claim.name, []).append(own)
            if i == 0:
                print(f"{done} of {len(users)}, {time.perf_counter() - began:.0f} s: {told(claim, own)}", flush=True)
            if len(runs[claim.name]) < 2 * len(claim.seeds[:seeds]):
                continue
            if changed := kept.changed({m for run in runs[claim.name] for m in run.modules}):
                print(f"{game}: {claim.name} is not written: {changed[0]} changed while it ran", file=sys.stderr)
            else:
                yield claim, row(game, claim, runs[claim.name])


def through(game: str, which: list[Which], jobs: int, kept: Kept, fused: bool) -> Iterator[Run]:
    """These experiments: first those that are kept, then the others as they end, and they are kept."""
    before = [run for what in which if (run := kept.get(what))]
    if before:
        print(f"{game}: {len(before)} of {len(which)} experiments are kept from before", flush=True)
    yield from before
    waiting = [(game, *what) for what in which if what not in {(run.claim, run.seed, run.idea) for run in before}]
    for run in perform(waiting, min(jobs, len(waiting)), fused):
        kept.put(run)
        yield run


def _same(claim: Claim, idea: bool) -> object:
    """Equal for experiments that are the same."""
    return claim.experiment.arm(idea) if isinstance(claim.experiment, Arms) else (claim.name, idea)


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


def perform(waiting: list[tuple[str, str, int, bool]], jobs: int, fused: bool = False) -> Iterator[Run]:
    """Runs as they finish. Left early, by Ctrl-C say, it ends its processes."""
    if not waiting:
        return
    with get_context("spawn").Pool(jobs, initializer=_worker) as pool:
        yield from pool.imap_unordered(partial(_run, fused=fused), waiting)


def row(game: str, claim: Claim, runs: list[Run]) -> Row:
    """What is written of a claim."""
    from ..runs import versions

    runs = sorted(runs, key=lambda run: run.seed)
    full, without = ([run for run in runs if run.idea is idea] for idea in (True, False))
    median, ablation_median = (statistics.median(run.value for run in arm) for arm in (full, without))
    steps = dict(sorted({step for run in runs for step in run.steps.items()}))  # of one that is both, why it is not
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
        **({"steps": steps} if steps else {}),
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


def _run(what: tuple[str, str, int, bool], fused: bool = False) -> Run:
    """One experiment, in a process of its own."""
    from ._rigs import compiled

    game, claim, seed, idea = what
    began = time.perf_counter()
    with compiled() if fused else nullcontext({}) as steps:
        found = only(game, claim).experiment(seed, idea)
    readings = found if isinstance(found, dict) else {"": found}
    readings = {name: float(v) for name, v in readings.items()}
    return Run(claim, seed, idea, readings, time.perf_counter() - began, imported(), steps)
