"""What is written down while a game is played, and when."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import torch

from . import checkpoints, processes, runs
from .data.augment import InstanceNoise
from .display import Display
from .doctor import Doctor, Finding, Hand
from .engine import Engine, NonFinite
from .errors import Lost
from .metrics.events import readings
from .runs import Run
from .settings import Settings
from .trackers import Trackers, chosen
from .views import view_of


class Recorder:
    """Writes into a run what a game in play shows. `with` it, trackers are closed, and a full disk is told of."""

    def __init__(
        self,
        run: Run,
        engine: Engine,
        settings: Settings,
        seconds: float,
        show: Display,
        on_finding: Callable[[Finding], None] | None = None,
    ):
        self.run, self.engine, self.settings, self.show = run, engine, settings, show
        self.began = time.monotonic() - seconds
        self.view = view_of(engine.game, engine.data)  # type: ignore[arg-type]
        self.first = engine.rank == 0  # the one process that writes
        self.scores = {row["round"]: row["score"] for row in run.stats() if "score" in row}
        self.trackers = Trackers(chosen(settings.track) if self.first else (), run.path, run.config, show.say)
        self.on_finding = on_finding
        self.anneal()
        # Of several processes the doctor sees one alone, and could not ask networks that share statistics.
        watched = settings.doctor != "off" and engine.world == 1
        self.doctor = Doctor(run, engine, settings.rounds, self.tell, show.light) if watched else None
        acts = self.doctor is not None and settings.doctor == "act"
        self.hand = Hand(run, engine, self.doctor, settings.rounds, show.say) if acts and self.doctor else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.trackers.close()
        if isinstance(error, Lost):
            onward = f" Go on with: zerosum resume {self.run.path}" if self.run.rounds else ""
            raise Lost(f"{error}. {self.kept()}{onward}") from error
        if isinstance(error, OSError):
            where = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            free = shutil.disk_usage(self.run.path).free
            raise OSError(f"{where} ({free / 1e6:,.0f} MB are free in {self.run.path}). {self.kept()}") from error

    def round(self) -> None:
        with self.remedies():
            self.engine.round()
        if self.engine.notes:
            for note in self.engine.notes:
                self.show.say(f"zerosum: {note}")
            self.engine.notes.clear()
            if self.first:
                self.run.amend(micro=self.engine.micro)

    def read(self) -> dict[str, float]:
        """The mean terms since the last reading."""
        with self.remedies():
            return self.engine.read()

    @contextmanager
    def remedies(self) -> Iterator[None]:
        """What is not finite is told with what to do about it."""
        try:
            yield
        except NonFinite as error:
            if self.doctor is not None:
                self.doctor.conclude(str(error))
            raise NonFinite(f"{error}. {self.kept()} A lower learning rate (--lr) is the usual remedy.") from error

    def kept(self) -> str:
        rounds = self.run.rounds
        return f"The last good checkpoint is of round {rounds}." if rounds else "There is no checkpoint yet."

    def write(self, row: dict[str, float]) -> None:
        """A reading, to stats.jsonl, the screen and the trackers."""
        self.anneal()
        if not self.first:
            return
        clock = self.engine.clock
        self.run.append({"round": clock.rounds, "examples": clock.examples, "seconds": round(self.seconds, 3), **row})
        self.show(clock.rounds, clock.examples, row)
        self.trackers.terms(row, clock.rounds)
        if self.doctor is not None:
            self.doctor.reading(last=clock.rounds >= self.settings.rounds)

    def anneal(self) -> None:
        """Instance noise falls as the run goes on, a step a reading."""
        for part in self.engine.augment.modules() if self.engine.augment is not None else ():
            if isinstance(part, InstanceNoise):
                part.anneal(self.engine.clock.rounds / self.settings.rounds)

    def tell(self, finding: Finding) -> None:
        """Of something that the doctor found."""
        if finding.severity != "info":
            self.show.say(f"zerosum: doctor: round {self.engine.clock.rounds}: {finding}")
        if self.on_finding is not None:
            self.on_finding(finding)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def checkpoint(self) -> dict[str, float]:
        """Read, save the state, then score it, picture it, and delete what need not be kept; what was read."""
        terms, number = self.read(), self.engine.clock.rounds
        tensors, values = self.engine.state()
        bad = [k for k, v in tensors.items() if v.is_floating_point() and not torch.isfinite(v).all()]
        if bad:
            raise NonFinite(f"by round {number} {', '.join(bad[:3])} is no longer finite. {self.kept()}")
        if not self.first:
            return terms
        state = {
            "engine": values,
            "spec": self.engine.data.spec.to_json(),
            "seconds": self.seconds,
            "versions": runs.versions(),
            "fused": self.engine.fused is not None,
        }
        checkpoints.save(self.run.checkpoints, number, tensors, state)
        self.scores[number] = score = self.score()
        row = {**terms, "score": score, **readings(self.engine.data, self.engine.sample)}
        self.write(row)
        kept = {k: v for k, v in self.scores.items() if k in checkpoints.numbers(self.run.checkpoints)}
        checkpoints.point(self.run.checkpoints, checkpoints.BEST, min(kept, key=lambda k: kept[k]))
        checkpoints.prune(self.run.checkpoints, self.settings.keep)
        self.picture()
        return row

    def score(self) -> float:
        """Distance to held-out data; the smallest tells the best checkpoint."""
        with self.engine.averaged() as game:
            return self.view.score(game, self.engine.device)

    def picture(self) -> None:
        """What the game makes of the same latents, or of the same inputs, now."""
        path = self.run.samples / f"{self.engine.clock.rounds:06d}.png"
        with self.engine.averaged() as game:
            self.view.picture(game, self.engine.device).save(path)
        self.trackers.picture(path, self.engine.clock.rounds)

    def reals(self) -> None:
        self.view.reals().save(self.run.samples / "reals.png")


@contextmanager
def signals(tell: Callable[[], None], asked: set[int]) -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM or SIGUSR1 leaves a mark in `asked`, and tells; a second one acts as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.getsignal(s) for s in processes.SIGNALS}

    def mark(number: int, frame: object) -> None:
        asked.add(number)
        for s, handler in before.items():
            signal.signal(s, handler)
        tell()

    for s in before:
        signal.signal(s, mark)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
