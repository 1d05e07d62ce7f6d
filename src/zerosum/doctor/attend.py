"""The doctor at a run's side: probes now and then, says what is new, writes signals.jsonl and doctor.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..engine import Engine
from ..runs import Run
from . import checks
from .diagnoses import diagnose
from .findings import Case, Finding, light
from .probe import Probe

SHARE = 0.015  # of a run's time that looking may take
OFTEN = 50  # looks in a run, if there is time for so many
GRACE = 1.0  # seconds of looking that need not be earned first
SIGNALS, DOCTOR = "signals.jsonl", "doctor.json"


class Doctor:
    """Looks at a game in play whenever its share of the time allows, and at its end."""

    def __init__(
        self,
        run: Run,
        engine: Engine,
        rounds: int,
        tell: Callable[[Finding], None] = lambda finding: None,
        light: Callable[[str, list[str]], None] = lambda colour, names: None,
    ):
        self.run, self.engine, self.tell, self.light = run, engine, tell, light
        self.grace = GRACE
        self.every = max(rounds // OFTEN, 1)
        self.signals = run.rows(SIGNALS)
        self.probe, self.facts = Probe(engine), checks.facts(engine)
        self.told: set[str] = set()
        self.found: list[Finding] = []
        self.actions: list[dict[str, Any]] = [] if not self.signals else read(run.path).get("actions", [])
        self.began, self.spent = time.perf_counter(), 0.0

    @property
    def due(self) -> bool:
        """Has enough time gone by for another look?"""
        if self.signals and self.engine.clock.rounds < self.signals[-1]["round"] + self.every:
            return False
        cost = self.spent / max(len(self.signals), 1)
        return self.spent + cost < self.grace + SHARE * (time.perf_counter() - self.began)

    def reading(self, last: bool = False) -> None:
        """After a reading of the terms: look, if it is time for it or the `last` chance."""
        if self.engine.rank or not (last or self.due):  # of many processes the first looks, at its own batch
            return
        began = time.perf_counter()
        row = self.probe()
        self.signals.append(row)
        self.run.append(row, SIGNALS)
        self.conclude()
        self.spent += time.perf_counter() - began

    def conclude(self, error: str | None = None) -> list[Finding]:
        """Diagnose, tell what is new, and write it down."""
        found = diagnose(self.case(error))
        if self.engine.rank:
            return found
        self.found = found
        for finding in found:
            if finding.name not in self.told:
                self.told.add(finding.name)
                self.tell(finding)
        write(self.run.path, self.engine.clock.rounds, found, self.actions, {**self.facts, "share of time": self.share})
        self.light(light(found), [f.name for f in found if f.severity != "info"])
        return found

    def news(self) -> list[Finding]:
        """What was found at the last look, once."""
        found, self.found = self.found, []
        return found

    def seen(self, name: str, now: Iterable[Finding]) -> None:
        """What was seen before the first round under this name is no longer so; this is."""
        self.facts["findings"] = [*(f for f in self.facts["findings"] if f.name != name), *now]

    @property
    def share(self) -> float:
        """Of the time since it came, how much the doctor took."""
        return float(f"{self.spent / max(time.perf_counter() - self.began, 1e-9):.3g}")

    def case(self, error: str | None = None) -> Case:
        return case_of(self.run, self.signals, self.facts, error)


def case_of(run: Run, signals: list[dict[str, Any]], facts: dict[str, Any], error: str | None = None) -> Case:
    config = run.config
    return Case(signals, run.stats(), config["hyperparameters"], config["settings"], facts, error)


def read(path: Path) -> dict[str, Any]:
    """What doctor.json of a run folder holds; empty where there is none."""
    file = path / DOCTOR
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def write(path: Path, round: int, found: list[Finding], actions: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    """doctor.json, in one atomic replacement."""
    content: dict[str, Any] = {
        "round": round,
        "light": light(found),
        "findings": [f.to_json() for f in found],
        "actions": actions,
        "facts": {k: v for k, v in facts.items() if k != "findings"},
    }
    temporary = path / f".{DOCTOR}"
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path / DOCTOR)
