"""What the doctor may do by itself, with `--doctor act`: only what is safe, and never silently."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from .. import checkpoints
from ..data.augment import InstanceNoise
from ..engine import Engine
from ..runs import Run
from . import checks
from .attend import Doctor

MOST = 6  # times that a run is taken back; beyond, something else is wrong
SLOWER, USUAL = 0.1, 0.01  # learning rates go down to a tenth, or until an Adam's first step is so much of the weights
NOISE = 0.3  # its spread where it is put in, falling to 0 at the end of the run


class Hand:
    """Takes a run back to where it was good, with smaller steps, or puts noise before D.

    Out of memory, the engine goes on with smaller parts of a batch by itself.
    """

    def __init__(self, run: Run, engine: Engine, doctor: Doctor, rounds: int, say: Callable[[str], None]):
        self.run, self.engine, self.doctor, self.rounds, self.say = run, engine, doctor, rounds, say
        tensors, values = engine.state()
        self.start = {k: v.clone() for k, v in tensors.items()}, values  # for runs that have no checkpoint yet
        self.taken_back: list[int] = []  # to these rounds

    # What it does.

    def rescued(self) -> bool:
        """Can the run go on after a value that was not finite?"""
        if len(self.taken_back) >= MOST:
            return False
        self.slow_down("a value was not finite")
        return True

    def treat(self) -> None:
        """Between two rounds: what may be done about what was found at the last look."""
        names = {f.name for f in self.doctor.news()}
        too_much = next((n for n in (checks.TOO_FAST, "divergence") if n in names), None)
        if too_much and len(self.taken_back) < MOST:
            self.slow_down(too_much)
        elif "perfect discriminator" in names and not self.noisy():
            self.add_noise()

    def slow_down(self, why: str) -> None:
        self.engine.fused = None  # compiled for what it was; from here on moves are played one by one
        rates = {k: [g["lr"] for g in o.param_groups] for k, o in self.engine.optimizers.items()}
        back = self.take_back(best=why == "divergence", to_the_start=why == checks.TOO_FAST)
        for name, optimizer in self.engine.optimizers.items():
            for group, rate in zip(optimizer.param_groups, rates[name], strict=True):
                group["lr"] = rate
        largest = max(checks.first_steps(self.engine).values(), default=0.0)
        by = min(SLOWER, USUAL / max(largest, USUAL))
        self.engine.slow(by)
        self.doctor.seen(checks.TOO_FAST, checks.of_steps(self.engine))
        scale = self.run.config["settings"].get("lr_scale", 1.0) * by
        self.run.amend(lr_scale=scale)
        self.did(f"went back to {back}, with {by:.3g} times the learning rates (--lr-scale {scale:.3g})", why)

    def add_noise(self) -> None:
        left = 1 - self.engine.clock.rounds / self.rounds
        if left <= 0:
            return
        noise = InstanceNoise(NOISE / left)
        noise.anneal(1 - left)
        self.engine.fused = None
        self.engine.put_in_front(noise)
        self.run.amend(instance_noise=noise.std)
        self.did(f"put noise of {NOISE:g} before D, falling to 0 at the end", "perfect discriminator")

    # How.

    def noisy(self) -> bool:
        front = self.engine.augment
        return front is not None and any(isinstance(m, InstanceNoise) for m in front.modules())

    def take_back(self, best: bool, to_the_start: bool = False) -> str:
        """To the newest whole checkpoint, or the best one; from where that led here already, or where the very first
        steps were at fault, to the start. Checkpoints after it are of a run that is given up. Says where to."""
        folder, there = self.run.checkpoints, checkpoints.numbers(self.run.checkpoints)
        number = checkpoints.pointed(folder, checkpoints.BEST) if best else None
        number = number if number in there else max(there, default=None)
        if number is None or number in self.taken_back or to_the_start:
            tensors, values = self.start
            where = "the start"
        else:
            tensors, state, _ = self.run.restore(number)
            values = state["engine"]
            where = f"the checkpoint of round {values['clock']['rounds']:,}"
        now = values["clock"]["rounds"]
        for later in there:
            if later > now:
                shutil.rmtree(folder / f"{later:06d}")
        if left := checkpoints.numbers(folder):
            checkpoints.point(folder, checkpoints.LATEST, left[-1])
        self.engine.load(tensors, values)
        self.engine.forget()
        self.doctor.signals[:] = [row for row in self.doctor.signals if row["round"] <= now]
        self.taken_back.append(now)
        return where

    def did(self, what: str, why: str) -> None:
        action: dict[str, Any] = {"round": self.engine.clock.rounds, "did": what, "because": why}
        self.doctor.actions.append(action)
        self.doctor.conclude()
        self.say(f"zerosum: doctor: {why}: {what}")
