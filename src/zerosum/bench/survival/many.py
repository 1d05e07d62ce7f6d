"""Runs of several processes: gone on with in other numbers of them, and without one that is lost."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor

from ... import processes, training
from ...checkpoints import TENSORS
from ...errors import Lost
from ...runs import Run
from .runs import OPTIONS, ROUNDS, Figures, final, forked, status_of

NUMBERS: list[int] = [1, 2, 4]
PATIENCE = 6.0  # seconds that a process may leave the others waiting


def joined(world: int, work: Callable[[int], Any]) -> tuple[list[int], Any]:
    """So many processes that do `work(rank)` together; their numbers, and the place where they meet.

    The place is made when all are forked: one forked while a thread of it looks up an address would wait for ever.
    """
    ours, theirs = os.pipe()

    def join(rank: int) -> None:
        torch.set_num_threads(1)
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_PORT": int(os.read(ours, 5))}
        os.environ.update({k: str(v) for k, v in place.items()} | {"MASTER_ADDR": "127.0.0.1"})
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
        with processes.joined(PATIENCE):
            work(rank)

    pids = [forked(partial(join, rank)) for rank in range(world)]
    store = dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)  # pyright: ignore[reportPrivateImportUsage]
    os.write(theirs, f"{store.port:05}".encode() * world)
    os.close(ours)
    os.close(theirs)
    return pids, store


def train(out: Path, rounds: int) -> None:
    options: dict[str, Any] = OPTIONS | {"rounds": rounds}
    training.train("gan", "ring8:100", out=out, **options)


def played(out: Path, stops: list[int], worlds: list[int]) -> bool:
    """A run in `out` up to each of these rounds, by so many processes; whether all of them ended well."""

    def stage(rounds: int, rank: int) -> None:
        found = list(out.glob("*/config.yaml"))
        if rounds == stops[0]:
            train(out, rounds)
        else:
            training.resume(Run(found[0].parent), rounds, quiet=True)

    fine = True
    for rounds, world in zip(stops, worlds, strict=True):
        pids, _store = joined(world, partial(stage, rounds))
        fine &= all(status_of(pid) == 0 for pid in pids)
    return fine


def saved(out: Path) -> bool:
    """Whether the run in `out` has a checkpoint within 20 s."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if list(out.glob("*/checkpoints/latest")):
            return True
        time.sleep(0.01)
    return False


def tensors(out: Path) -> dict[str, Tensor]:
    return load_file(next(out.glob(f"*/checkpoints/{ROUNDS:06d}/{TENSORS}")))


def elastic(folder: Path, n: int = 24) -> Figures:
    """Runs by 1, 2 or 4 processes, stopped at two random rounds and gone on with by another number of them, every
    fourth by the same; the weights at the end, against those of an undisturbed run."""
    dice, through, same, equal, apart = random.Random(4), 0, 0, 0, 0.0

    @cache
    def whole(world: int) -> Path:
        played(out := folder / f"whole{world}", [ROUNDS], [world])
        return out

    alone = tensors(whole(1))
    for i in range(1, n + 1):
        stops = [*sorted(dice.sample(range(1, ROUNDS), 2)), ROUNDS]
        worlds = [dice.choice(NUMBERS)] * 3 if i % 4 == 0 else dice.sample(NUMBERS, 3)
        through += played(out := folder / str(i), stops, worlds)
        if i % 4 == 0:
            same += 1
            equal += final(out) == final(whole(worlds[0]))
        found = tensors(out)
        apart = max(apart, *(float((found[k].float() - t.float()).abs().max()) for k, t in alone.items()))
    return {
        "runs": n,
        "at their last round": through,
        "by the same number throughout, equal to the bit": f"{equal}/{same}",
        "farthest from the tensors of one process": apart,
    }


def hangs(folder: Path, n: int = 36) -> Figures:
    """One of 2 or 4 processes killed, stopped, or asleep, at a random moment; the others wait 6 s for it."""
    dice, harmed, ended, named, onward = random.Random(5), 0, 0, 0, 0
    took: dict[str, list[float]] = {"killed": [], "stopped": [], "asleep": []}
    harms = dict(zip(took, (signal.SIGKILL, signal.SIGSTOP, signal.SIGUSR2), strict=True))

    def work(out: Path, rank: int) -> None:
        signal.signal(signal.SIGUSR2, lambda *_: time.sleep(1000))
        try:
            train(out, 10**6)
        except Lost as error:
            (out / f"{rank}.txt").write_text(str(error))
            raise

    for i in range(n):
        out, how, world = folder / str(i), list(took)[i % 3], (2, 4)[i // 3 % 2]
        out.mkdir()
        pids, _store = joined(world, partial(work, out))
        if not saved(out):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            continue
        harmed += 1
        time.sleep(dice.uniform(0.0, 1.0))
        victim, began = dice.randrange(world), time.monotonic()
        os.kill(pids[victim], harms[how])
        others = [r for r in range(world) if r != victim]
        codes = [status_of(pids[r]) for r in others]
        took[how].append(time.monotonic() - began)
        os.kill(pids[victim], signal.SIGKILL)
        os.waitpid(pids[victim], 0)
        ended += codes == [1] * len(others)
        texts = [(out / f"{r}.txt").read_text() for r in others if (out / f"{r}.txt").exists()]
        named += len(texts) == len(others) and all(f"rank {victim} (process {pids[victim]} " in t for t in texts)
        run = Run(next(out.glob("*/config.yaml")).parent)
        rounds = run.rounds + 5
        onward += training.resume(run, rounds, quiet=True).rounds == rounds
    return {
        "runs": n,
        "harmed, having begun within 20 s": harmed,
        "all others ended": ended,
        "who it was is named by all": named,
        "gone on with": onward,
    } | {
        f"seconds until then, {how}: median, longest": f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
        for how, seconds in took.items()
        if seconds
    }
