"""HYPE: A benchmark for human eye perceptual evaluation of generative models. Zhou et al., 2019. arXiv:1904.01121

People see pictures one at a time, half of them real, and say "real" or "fake". HYPE-infinity gives them all the time
they want and scores the share of errors: 50% is a model that fools everybody. HYPE-time shows each for a moment, less
after every right answer and more after every wrong one, and scores the exposure at which 75% are right.

A session is a pure function of (seed, answers): it can be left and taken up again, and everything in it replayed.
"""

from __future__ import annotations

import csv
import io
import random
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from .shelf import Missing

Mode = Literal["time", "infinity"]
Kind = Literal["real", "fake", "check"]  # a check is scrambled: whoever takes it for real does not look
FIRST, SHORTEST, LONGEST = 500, 100, 1000  # ms, Sec. 3.1
UP, DOWN = 30, 10  # ms after a wrong and a right answer: they balance where 75% are right (Kaernbach 1991)
PASSING = 2 / 3  # share of the checks that a judge must get right to be pooled
STRETCH = 10  # trials of a staircase that make one value
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Trial:
    """One picture. `number` counts its kind: the number-th real picture, the number-th fake."""

    kind: Kind
    number: int


def plan(n: int, seed: int) -> list[Trial]:
    """`n` scored trials, half of them real, and one check for every ten, in an order of the seed's."""
    trials = [Trial("real", i) for i in range(n - n // 2)] + [Trial("fake", i) for i in range(n // 2)]
    trials += [Trial("check", i) for i in range(max(1, n // 10))]
    random.Random(seed).shuffle(trials)
    return trials


@dataclass(frozen=True)
class Answer:
    """What was said of one trial; `shown` is how long the page says that it was seen, in ms."""

    trial: Trial
    said: Literal["real", "fake"]
    exposure: int | None
    shown: float | None = None
    took: float | None = None

    @property
    def right(self) -> bool:
        return (self.said == "real") == (self.trial.kind == "real")


def exposure(answers: Sequence[Answer]) -> int:
    """Of the next trial, in ms: the staircase. Checks do not move it."""
    now = FIRST
    for answer in answers:
        if answer.trial.kind != "check":
            now = min(LONGEST, max(SHORTEST, now - DOWN if answer.right else now + UP))
    return now


# Scores.


def scored(answers: Sequence[Answer]) -> list[Answer]:
    return [a for a in answers if a.trial.kind != "check"]


def attentive(answers: Sequence[Answer]) -> bool:
    """Did the judge pass enough of the checks seen so far?"""
    checks = [a.right for a in answers if a.trial.kind == "check"]
    return not checks or sum(checks) / len(checks) >= PASSING


def error_rate(answers: Sequence[Answer]) -> float | None:
    """HYPE-infinity: share of wrong answers on real and fake pictures together."""
    judged = scored(answers)
    return sum(not a.right for a in judged) / len(judged) if judged else None


def threshold(answers: Sequence[Answer]) -> float | None:
    """HYPE-time, in ms: mean exposure once the staircase has arrived, after the first half of the trials."""
    seen = [a.exposure for a in scored(answers) if a.exposure is not None]
    return statistics.fmean(seen[len(seen) // 2 :]) if seen else None


def modal(answers: Sequence[Answer]) -> int | None:
    """The exposure shown most often, which is the paper's score; the larger of two."""
    seen = Counter(a.exposure for a in scored(answers) if a.exposure is not None)
    return max(seen, key=lambda ms: (seen[ms], ms)) if seen else None


def interval(groups: Sequence[np.ndarray], seed: int = 0) -> tuple[float, float] | None:
    """Bootstrap interval of the mean over judges of their means: judges are drawn anew, and the answers of each.

    `groups` holds one array of values a judge; with a single judge only the answers are drawn.
    """
    groups = [g for g in groups if len(g)]
    if not groups or max(map(len, groups)) < 2:
        return None
    rng = np.random.default_rng(seed)
    means = np.array([rng.choice(g, (RESAMPLES, len(g))).mean(1) for g in groups])  # [judges, RESAMPLES]
    chosen = rng.integers(len(groups), size=(RESAMPLES, len(groups)))
    pooled = means[chosen, np.arange(RESAMPLES)[:, None]].mean(1)
    low, high = np.quantile(pooled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def values(answers: Sequence[Answer], mode: Mode) -> np.ndarray:
    """Whose mean is the score of a session. Neighbours on a staircase are alike, so its values are means of runs."""
    if mode == "infinity":
        return np.array([float(not a.right) for a in scored(answers)])
    seen = np.array([a.exposure for a in scored(answers) if a.exposure is not None], float)
    seen = seen[len(seen) // 2 :]
    return np.array([part.mean() for part in np.array_split(seen, max(1, len(seen) // STRETCH)) if len(part)])


def score(judges: Sequence[Sequence[Sequence[Answer]]], mode: Mode) -> dict[str, Any]:
    """Score of judges, each of whom has one session or more. Of several judges, the inattentive are left out."""
    kept = [own for own in judges if len(judges) == 1 or attentive([a for session in own for a in session])]
    groups = [np.concatenate([values(session, mode) for session in own]) for own in kept]
    answers = [a for own in kept for session in own for a in scored(session)]
    real, fake = ([a for a in answers if a.trial.kind == k] for k in ("real", "fake"))
    return {
        "mode": mode,
        "judges": len(kept),
        "left_out": len(judges) - len(kept),
        "n": len(answers),
        "score": float(np.mean([g.mean() for g in groups if len(g)])) if any(map(len, groups)) else None,
        "interval": interval(groups),
        "errors_on_real": error_rate(real),
        "errors_on_fake": error_rate(fake),
        "modal": modal(answers) if mode == "time" else None,
    }


# The book in which answers are kept.

TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, round INTEGER NOT NULL, mode TEXT NOT NULL, judge TEXT NOT NULL,
    n INTEGER NOT NULL, seed INTEGER NOT NULL, first INTEGER NOT NULL, began REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    session INTEGER NOT NULL REFERENCES sessions, trial INTEGER NOT NULL, said TEXT NOT NULL,
    exposure INTEGER, shown REAL, took REAL, at REAL NOT NULL, PRIMARY KEY (session, trial)
);
"""
COLUMNS = ("session", "run", "round", "mode", "judge", "seed", "trial", "kind", "picture", "exposure_ms", "shown_ms")
COLUMNS += ("said", "right", "took_ms")


@dataclass(frozen=True)
class Session:
    """`first` is the number of its first real and first fake picture, past those that this judge has seen."""

    id: int
    run: str
    round: int
    mode: Mode
    judge: str
    n: int
    seed: int
    first: int
    began: float

    @property
    def trials(self) -> list[Trial]:
        return plan(self.n, self.seed)


class Book:
    """An SQLite file. A connection a call, so that threads and processes may share it."""

    def __init__(self, path: Path):
        self.path = path
        with self._open() as db:
            db.executescript(TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=30)
        try:
            with db:
                yield db
        finally:
            db.close()

    def begin(
        self, run: str, round: int, mode: Mode, judge: str, n: int, seed: int, reals: int | None = None
    ) -> Session:
        """A new session, of pictures that this judge has not seen of this run. `reals`: how many there are."""
        with self._open() as db:
            rows = db.execute("SELECT n, first FROM sessions WHERE run = ? AND judge = ?", (run, judge)).fetchall()
            first = max((then + of - of // 2 for of, then in rows), default=0)
            half = n - n // 2
            if reals is not None and first + half > reals:
                raise InputError(
                    f"{judge} has seen {min(first, reals)} of the {reals} real pictures; {half} more are not there. "
                    f"Judge {max(0, 2 * (reals - first))} or fewer, or as somebody else"
                )
            row = (run, round, mode, judge, n, seed, first, time.time())
            made = db.execute(
                "INSERT INTO sessions (run, round, mode, judge, n, seed, first, began) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return Session(made.lastrowid or 0, *row)

    def session(self, number: int) -> Session:
        with self._open() as db:
            row = db.execute("SELECT * FROM sessions WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise Missing(f"no session {number}")
        return Session(*row)

    def sessions(self, run: str | None = None) -> list[Session]:
        """Oldest first."""
        where, given = ("", ()) if run is None else (" WHERE run = ?", (run,))
        with self._open() as db:
            return [Session(*row) for row in db.execute(f"SELECT * FROM sessions{where} ORDER BY id", given)]

    def answers(self, session: Session) -> list[Answer]:
        trials = session.trials
        with self._open() as db:
            rows = db.execute(
                "SELECT trial, said, exposure, shown, took FROM answers WHERE session = ? ORDER BY trial", (session.id,)
            ).fetchall()
        return [Answer(trials[trial], *rest) for trial, *rest in rows]

    def add(
        self, session: Session, trial: int, said: str, shown: float | None = None, took: float | None = None
    ) -> None:
        """Raises InputError where that is not the trial whose turn it is."""
        before = self.answers(session)
        if trial != len(before) or trial >= len(session.trials):
            raise InputError(f"it is the turn of trial {len(before)}, not of {trial}")
        planned = exposure(before) if session.mode == "time" else None
        with self._open() as db:
            try:
                db.execute(
                    "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (session.id, trial, said, planned, shown, took, time.time()),
                )
            except sqlite3.IntegrityError as error:
                raise InputError(f"trial {trial} has been answered already") from error

    def scores(self, run: str) -> list[dict[str, Any]]:
        """For each mode that was judged: the pooled score, and each judge's own."""
        found = []
        for mode in ("infinity", "time"):
            judges: dict[str, list[list[Answer]]] = {}
            for session in self.sessions(run):
                if session.mode == mode and scored(answers := self.answers(session)):
                    judges.setdefault(session.judge, []).append(answers)
            if judges:
                passed = {k: attentive([a for s in own for a in s]) for k, own in judges.items()}
                own = [{"judge": k, "attentive": passed[k], **score([s], mode)} for k, s in judges.items()]
                found.append({**score(list(judges.values()), mode), "each": own})
        return found

    def csv(self, run: str | None = None) -> str:
        """Every answer as a line."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for s in self.sessions(run):
            for i, a in enumerate(self.answers(s)):
                head = (s.id, s.run, s.round, s.mode, safe(s.judge), s.seed, i, a.trial.kind, s.first + a.trial.number)
                writer.writerow((*head, a.exposure, a.shown, a.said, int(a.right), a.took))
        return out.getvalue()


def safe(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
