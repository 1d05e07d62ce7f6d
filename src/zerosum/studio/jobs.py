"""What the page started: processes of the real command line, one group each, so that what it does, anybody can."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import runs
from ..errors import InputError
from .shelf import Missing, Shelf

COMMAND = (sys.executable, "-m", "zerosum")
SOURCE = Path(__file__).resolve().parents[2]  # the child runs the same code as the studio
PATIENCE = 30.0  # seconds for a run to finish its round and save, before the studio ends without it


@dataclass
class Job:
    """One process. `run` is the name of the run it works on, once that is known."""

    id: int
    kind: str  # train, resume or evaluate
    words: list[str]
    process: subprocess.Popen[bytes]
    log: Path
    run: str | None = None
    paused: bool = False
    stopping: bool = False
    began: float = field(default_factory=time.time)

    @property
    def status(self) -> int | None:
        return self.process.poll()

    @property
    def state(self) -> str:
        """starting, playing, paused, stopping; afterwards done, stopped or failed."""
        if self.status is None:
            if self.stopping:
                return "stopping"
            return "paused" if self.paused else "playing" if self.run else "starting"
        if self.status in (130, 143, -signal.SIGINT, -signal.SIGTERM):
            return "stopped"
        return "failed" if self.status else "done"

    def said(self, lines: int = 40) -> str:
        """The end of what it printed."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def to_json(self) -> dict[str, Any]:
        shown = {"id": self.id, "kind": self.kind, "run": self.run, "state": self.state, "began": self.began}
        return {**shown, "command": "zerosum " + " ".join(self.words), "said": self.said()}


class Jobs:
    """All of them. At most `most` work at a time."""

    def __init__(self, shelf: Shelf, command: Sequence[str] = COMMAND, most: int = 4):
        self.shelf, self.command, self.most = shelf, tuple(command), most
        self.all: dict[int, Job] = {}
        self._numbers = itertools.count(1)

    def start(self, kind: str, words: Sequence[str], run: str | None = None) -> Job:
        """Raises InputError where too many work already, or one on this run."""
        working = [job for job in self.all.values() if job.status is None]
        if len(working) >= self.most:
            raise InputError(f"{len(working)} processes work already; stop one first")
        if run and any(job.run == run for job in working):
            raise InputError(f"{run} is being worked on already")
        number = next(self._numbers)
        log = self.shelf.private / f"job-{os.getpid()}-{number}.log"
        path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*self.command, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"},
                start_new_session=True,  # a Ctrl-C in the studio's terminal is the studio's to pass on
            )
        job = Job(number, kind, list(words), process, log, run)
        self.all[number] = job
        return job

    def get(self, number: int) -> Job:
        self.match()
        if number not in self.all:
            raise Missing(f"no job {number}")
        return self.all[number]

    def list(self) -> list[Job]:
        """Newest first."""
        self.match()
        return list(self.all.values())[::-1]

    def of(self, run: str) -> Job | None:
        """The newest job on a run."""
        return next((job for job in self.list() if job.run == run), None)

    def match(self) -> None:
        """Learn from their output which runs new processes made."""
        for job in self.all.values():
            if job.run is None and job.kind == "train":
                said = re.search(r"^zerosum: (\S.*) plays ", job.said(200), re.MULTILINE)
                name = Path(said[1]).name if said else None
                if name and (self.shelf.root / name / runs.CONFIG).is_file():
                    job.run = name

    def stop(self, number: int) -> Job:
        """Finish the round, save, end: what Ctrl-C does."""
        job = self.get(number)
        if job.status is None:
            job.stopping = True
            self._signal(job, signal.SIGINT)
            self._signal(job, signal.SIGCONT)
        return job

    def pause(self, number: int) -> Job:
        """Stand still, in memory, until told to go on."""
        job = self.get(number)
        if job.status is None and not job.stopping:
            job.paused = True
            self._signal(job, signal.SIGSTOP)
        return job

    def go_on(self, number: int) -> Job:
        job = self.get(number)
        if job.status is None and job.paused:
            job.paused = False
            self._signal(job, signal.SIGCONT)
        return job

    def _signal(self, job: Job, number: signal.Signals) -> None:
        """To the whole group, so that workers that decode pictures stand still with it."""
        try:
            if number is signal.SIGINT:
                job.process.send_signal(number)
            else:
                os.killpg(job.process.pid, number)
        except ProcessLookupError:
            return  # it has just ended

    def close(self, patience: float = PATIENCE) -> list[Job]:
        """Let all save and end; those that do not in time are ended. Returns those that were working."""
        working = [job for job in self.all.values() if job.status is None]
        for job in working:
            self.stop(job.id)
        until = time.monotonic() + patience
        for job in working:
            try:
                job.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(job.process.pid, signal.SIGKILL)
                job.process.wait()
        return working
