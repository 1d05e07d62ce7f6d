"""Experiments that are through, kept until their claims are written: a `verify` that was cut goes on where it was.

With each is kept what it was made by: a digest of every module of the package that its process had imported, as it
stood when `verify` began, and the versions beneath. Where one of these is another now, it was another experiment, and
is run anew. Comments and layout do not count. Data that was replaced under its name is not noticed.
"""

from __future__ import annotations

import ast
import glob
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from ..runs import versions

PACKAGE = Path(__file__).parents[1]
BENEATH = "python", "torch", "numpy", "machine"
Found = dict[str, float]
Which = tuple[str, int, bool]  # claim, seed, idea


@dataclass(frozen=True)
class Run:
    """One experiment: which, and what came of it."""

    claim: str  # its name
    seed: int
    idea: bool
    readings: Found  # the metric first
    seconds: float
    modules: tuple[str, ...] = ()  # of the package, that its process had imported
    steps: dict[str, str] = field(default_factory=dict)  # of a compiled one: objectives, and why one was not, or ""

    @property
    def value(self) -> float:
        return next(iter(self.readings.values()))


class Kept:
    """Experiments of one game, a file each, in a folder that is there while there are any."""

    def __init__(self, folder: Path, game: str):
        self.folder, self.game, self.seen = folder, game, set[Path]()
        self.code = {_name(path): path.read_bytes() for path in PACKAGE.rglob("*.py")}
        self.beneath = {k: v for k, v in versions().items() if k in BENEATH}

    def put(self, run: Run) -> None:
        """Keep it; its file is there whole or not at all."""
        path = self._path((run.claim, run.seed, run.idea))
        made = {"versions": self.beneath, "modules": self._code(run.modules)}
        partial = path.with_suffix(f".{os.getpid()}")
        partial.parent.mkdir(parents=True, exist_ok=True)
        found = {"readings": run.readings, "seconds": run.seconds, "steps": run.steps}
        partial.write_text(json.dumps(found | made, indent=1) + "\n")
        partial.replace(path)

    def get(self, which: Which) -> Run | None:
        """One that this very code has run; None where there is none. One of other code is forgotten."""
        path = self._path(which)
        if not path.exists():
            return None
        found = json.loads(path.read_text())
        modules = tuple(found["modules"])
        if found["versions"] == self.beneath and found["modules"] == self._code(modules):
            return Run(*which, found["readings"], found["seconds"], modules, found["steps"])
        print(f"{path.stem}: kept of other code, so it is run anew", file=sys.stderr, flush=True)
        path.unlink()
        return None

    def changed(self, modules: Iterable[str]) -> list[str]:
        """Which of these modules have changed since this was made."""
        now = {m: path.read_bytes() for m in modules if (path := PACKAGE / m).exists()}
        return [m for m in sorted(modules) if digest(now.get(m)) != digest(self.code.get(m))]

    def clear(self) -> None:
        """Forget all that were asked for, and what of them was half written when its process was killed."""
        for path in self.seen:
            for each in self.folder.glob(f"{glob.escape(path.stem)}.*"):
                each.unlink(missing_ok=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, which: Which) -> Path:
        claim, seed, idea = which
        path = self.folder / f"{self.game}, {claim}, seed {seed}, {'with' if idea else 'without'}.json"
        self.seen.add(path)
        return path

    def _code(self, modules: Iterable[str]) -> dict[str, str]:
        return {m: digest(self.code.get(m)) for m in modules}


def imported() -> tuple[str, ...]:
    """Modules of the package that this process has imported."""
    files = [Path(file) for m in [*sys.modules.values()] if (file := getattr(m, "__file__", None))]
    return tuple(sorted(_name(f) for f in files if f.is_relative_to(PACKAGE)))


@cache
def digest(source: bytes | None) -> str:
    """Of what a module says; "" where there is none."""
    try:
        said = ast.dump(ast.parse(source or b""))
    except SyntaxError:  # somebody is writing it
        said = repr(source)
    return sha256(said.encode()).hexdigest()[:16] if source is not None else ""


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()
