"""The folder of runs as the page sees it. A name from outside is a name in that folder, or nothing."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

from .. import checkpoints, runs
from ..errors import InputError
from ..runs import CONFIG, Run

NAME = r"\d{5,}-[A-Za-z0-9._-]{1,200}"
PRIVATE = ".studio"  # in the runs folder: what the studio itself keeps


class Missing(InputError):
    """There is no such thing here."""


class Shelf:
    """Runs below one folder."""

    def __init__(self, root: Path):
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    @property
    def private(self) -> Path:
        path = self.root / PRIVATE
        path.mkdir(exist_ok=True)
        return path

    def names(self) -> list[str]:
        """Newest first."""
        return [p.name for p in reversed(runs.listed(self.root)) if re.fullmatch(NAME, p.name) and not p.is_symlink()]

    def run(self, name: str) -> Run:
        """Raises Missing for what is not the name of a run here; links that lead elsewhere are none."""
        path = self.root / name
        if not re.fullmatch(NAME, name) or path.is_symlink() or not (path / CONFIG).is_file():
            raise Missing(f"no run {name[:80]!r} here")
        return Run(path)


def summary(run: Run) -> dict[str, Any]:
    """What the list of runs tells, read off the ends of files."""
    config, last = run.config, last_reading(run)
    settings = config["settings"]
    return {
        "name": run.name,
        "game": config["game"],
        "data": config["data"]["source"],
        "kind": kind(run),
        "rounds": int(last.get("round", run.rounds)),
        "saved": run.rounds,
        "planned": settings.get("rounds", 0),
        "examples": last.get("examples", 0),
        "seconds": last.get("seconds", 0.0),
        "speed": speed(run),
        "pictures": pictures(run),
        "checkpoints": checkpoints.numbers(run.checkpoints),
        "best": checkpoints.pointed(run.checkpoints, checkpoints.BEST),
        "changed": max(p.stat().st_mtime for p in (run.path / "stats.jsonl", run.path / CONFIG) if p.exists()),
    }


def tail(run: Run, size: int = 1 << 14) -> list[dict[str, Any]]:
    """The last readings, without reading the file from its beginning."""
    path = run.path / "stats.jsonl"
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        lines = file.read().decode("utf-8", "replace").splitlines()
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # cut at either end
    return [row for row in rows if isinstance(row, dict) and "round" in row]


def last_reading(run: Run) -> dict[str, Any]:
    return (tail(run) or [{}])[-1]


def speed(run: Run) -> float | None:
    """Rounds a second over the last readings, checkpoints and pictures included."""
    rows = tail(run)[-20:]
    if len(rows) < 2 or rows[-1]["seconds"] <= rows[0]["seconds"] or rows[-1]["round"] <= rows[0]["round"]:
        return None
    return (rows[-1]["round"] - rows[0]["round"]) / (rows[-1]["seconds"] - rows[0]["seconds"])


def pictures(run: Run) -> list[int]:
    """Rounds of which there is a picture of samples."""
    return sorted(int(p.stem) for p in run.samples.glob("*.png") if p.stem.isdecimal())


def kind(run: Run) -> str | None:
    """What it makes, by the spec in its newest checkpoint: "image", "vector", "plane", "events" or "pair"."""
    numbers = checkpoints.numbers(run.checkpoints)
    if not numbers:
        return None
    try:
        fields = json.loads((run.checkpoints / f"{numbers[-1]:06d}" / checkpoints.STATE).read_text())["spec"]
    except (OSError, ValueError, KeyError):
        return None
    if "x" not in fields:
        return "pair"
    if "events" in fields["x"].get("extra", {}):
        return "events"
    return "plane" if fields["x"]["shape"] == [2] else fields["x"]["kind"]


def trainer(run: Run) -> int | None:
    """The living process that holds the run's lock, by what it wrote there; None for none, or on another machine."""
    path = run.path / ".lock"
    found = re.fullmatch(r"process (\d+) on (\S+)\s*", path.read_text()) if path.is_file() else None
    if not found or found[2] != socket.gethostname():
        return None
    try:
        os.kill(int(found[1]), 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass  # it lives, and is another user's
    return int(found[1])


def findings(run: Run) -> list[dict[str, Any]]:
    """What the doctor last wrote, if anything."""
    path = run.path / "doctor.json"
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return []  # being written
    found = found.get("findings", []) if isinstance(found, dict) else found
    return [f for f in found if isinstance(f, dict) and "name" in f]
