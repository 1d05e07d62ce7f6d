"""Whole runs, killed and asked to stop. Forked from one process that has imported torch already, they are processes of
their own, and are harmed as such. Only their pictures are left out, for speed."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ... import checkpoints, training
from ...checkpoints import TENSORS
from ...data import open as open_data
from ...engine import Engine
from ...games.gan import GAN
from ...runs import Run

Figures = dict[str, Any]
ROUNDS, EVERY = 40, 4
OPTIONS: dict[str, Any] = dict(
    width=8, z_dim=2, rounds=ROUNDS, batch=8, save_every=EVERY, log_every=1, track="none", quiet=True, doctor="off"
)


def play(out: Path) -> Run:
    """The toy run in `out`, begun or gone on with."""
    found = sorted(out.glob("*/config.yaml"))
    if found and checkpoints.numbers(found[-1].parent / "checkpoints"):
        run = Run(found[-1].parent)
        return run if run.rounds == ROUNDS else training.resume(run, quiet=True)
    return training.train("gan", "ring8:100", out=out, **OPTIONS)


def forked(work: Callable[[], Any]) -> int:
    """A process that does the work and ends with the command line's status; its number."""
    if pid := os.fork():
        return pid
    status = 1
    try:
        work()
        status = 0
    except training.Interrupted as stop:
        status = 128 + stop.number
    except KeyboardInterrupt:
        status = 130
    finally:
        os._exit(status)


def status_of(pid: int, timeout: float = 60.0) -> int | None:
    """The exit status of a process once it has ended, negative for a signal; None where it had to be killed for it."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def final(out: Path) -> bytes:
    """All tensors at the end of the run in `out`, as they lie on the disk."""
    return next(out.glob(f"*/checkpoints/{ROUNDS:06d}/{TENSORS}")).read_bytes()


@contextlib.contextmanager
def slow_disk(seconds: float) -> Iterator[None]:
    """Inside, every fsync takes a while, so that more harm falls into saves."""
    real = os.fsync

    def slow(handle: int) -> None:
        time.sleep(seconds)
        real(handle)

    os.fsync = slow
    try:
        yield
    finally:
        os.fsync = real


def seconds_of(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    status_of(forked(work))
    return time.monotonic() - began


def kill(folder: Path, n: int = 200) -> Figures:
    """Runs killed by SIGKILL at a random moment, every second one on a slow disk, then started again."""
    dice = random.Random(0)
    play(folder / "whole")
    wanted, equal, inside, lost = final(folder / "whole"), 0, 0, []
    times = {}
    for slow in (0.0, 0.004):
        with slow_disk(slow):
            times[slow] = seconds_of(lambda slow=slow: play(folder / f"time{slow}"))
    for i in range(n):
        out, slow = folder / str(i), 0.004 * (i % 2)
        with slow_disk(slow):
            pid = forked(lambda out=out: play(out))
            time.sleep(dice.uniform(0.0, times[slow]))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        inside += bool(list(out.glob("*/checkpoints/.*")))
        seen = [row["round"] for run in out.glob("*/config.yaml") for row in Run(run.parent).stats()]
        saved = [k for c in out.glob("*/checkpoints") for k in checkpoints.numbers(c)]
        lost.append(max(seen, default=0) - max(saved, default=0))
        status_of(forked(lambda out=out: play(out)))
        equal += final(out) == wanted
        shutil.rmtree(out)
    return {"runs": n, "tensors equal at the end": equal, "killed inside a save": inside, "most rounds lost": max(lost)}


def begun(out: Path) -> int:
    """A run in `out` that has had its first reading; its process."""
    pid = forked(lambda: play(out))
    while not list(out.glob("*/stats.jsonl")):
        time.sleep(0.002)
    return pid


def signals(folder: Path, n: int = 60) -> Figures:
    """SIGTERM, SIGINT and SIGUSR1 at random moments of a run."""
    dice, right, early, hangs, took = random.Random(1), 0, 0, 0, []
    pid = begun(folder / "time")
    began = time.monotonic()
    status_of(pid)
    length = time.monotonic() - began
    for i in range(n):
        out, number = folder / str(i), (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)[i % 3]
        pid = begun(out)
        time.sleep(dice.uniform(0.0, 0.8 * length))
        began = time.monotonic()
        os.kill(pid, number)
        status = status_of(pid)
        took.append(time.monotonic() - began)
        hangs += status is None
        run = Run(next(out.glob("*/config.yaml")).parent)
        at_the_round = run.stats()[-1]["round"] == run.rounds
        early += run.rounds < ROUNDS
        right += at_the_round and status == (128 + number if run.rounds < ROUNDS else 0)
    took.sort()
    return {
        "signals": n,
        "before the end": early,
        "right status, checkpoint of the very round": right,
        "hangs": hangs,
        "seconds to exit, median": statistics.median(took),
        "95 %": took[int(0.95 * n)],
        "longest": took[-1],
    }


def soak(folder: Path, minutes: float = 3.0) -> Figures:
    """Rounds, readings and saves for some minutes, after a first half minute."""
    engine = Engine(GAN(width=8, z_dim=2), open_data("ring8:500"), batch=16, ema=100.0)
    rows: list[tuple[float, float, int]] = []
    began = time.monotonic()
    while time.monotonic() - began < 60 * minutes:
        engine.play(engine.clock.rounds + 200)
        engine.read()
        checkpoints.save(folder, engine.clock.rounds, *engine.state())
        checkpoints.prune(folder, 2)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        if (now := time.monotonic() - began) > 30:
            rows.append((now / 3600, pages * resource.getpagesize() / 1e6, len(os.listdir("/proc/self/fd"))))
    hours, megabytes, handles = (np.array(v) for v in zip(*rows, strict=True))
    return {
        "minutes": minutes,
        "rounds": engine.clock.rounds,
        "saves": engine.clock.rounds // 200,
        "MB an hour": float(np.polyfit(hours, megabytes, 1)[0]),
        "MB at the end beyond the beginning": float(megabytes[-1] - megabytes[0]),
        "open files, fewest and most": f"{handles.min()}, {handles.max()}",
    }
