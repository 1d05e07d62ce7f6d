"""A run is a folder: its configuration, statistics, pictures and checkpoints.

runs/00003-dcgan-digits/
    config.yaml            everything needed to do it again
    stats.jsonl            one line a reading: round, examples, seconds, every named term
    signals.jsonl          one line whenever the doctor looked; doctor.json is what it found
    samples/000512.png     the same latents, as the run goes on; reals.png beside them
    checkpoints/000512/    see checkpoints.py
    metrics.json, report.html
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import yaml
from torch import Tensor

from . import __version__, checkpoints, games, processes
from .conditions import Condition, understand
from .data import Data
from .data import open as open_data
from .draws import draw
from .errors import InputError, nearest
from .features import written_only
from .game import Game
from .judging import by_energy, energies, judged_on
from .metrics import Card, evaluate, evaluate_joint, evaluate_translations, to_json
from .spec import Spec
from .translation import directions, joint, translate

CONFIG = "config.yaml"
STATE = {"engine": dict, "spec": dict, "versions": dict, "seconds": (int, float)}  # what a checkpoint tells
KEYS = ("game", "hyperparameters", "data", "settings", "device", "versions")
Kind = TypeVar("Kind")


class Run:
    """A run folder, opened. `sample` and `evaluate` use the averaged weights of the newest whole checkpoint."""

    def __init__(self, path: Path | str, game: str | type[Game] | None = None):
        self.path = Path(path)
        self.config = read_config(self.path / CONFIG)
        self._given = game  # where it is not of the zoo: its class, or its file

    # Where things are.

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def rounds(self) -> int:
        """Rounds played, by the newest checkpoint."""
        return max(checkpoints.numbers(self.checkpoints), default=0)

    def stats(self) -> list[dict[str, Any]]:
        """All readings, oldest first."""
        return self.rows("stats.jsonl")

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a file, by their rounds. After a resume, rows past the checkpoint were overtaken and are left out."""
        path = self.path / name
        rows: list[dict[str, Any]] = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:
                continue  # the last line of a run that was killed while writing it
            while rows and rows[-1]["round"] >= row["round"]:
                rows.pop()
            rows.append(row)
        return rows

    def amend(self, **settings: Any) -> None:
        """Change settings in config.yaml, in one atomic replacement."""
        self.config["settings"] |= settings
        temporary = self.path / f".{CONFIG}"
        write_config(temporary, self.config)
        temporary.replace(self.path / CONFIG)

    def append(self, row: dict[str, Any], name: str = "stats.jsonl") -> None:
        """Add a reading to a file of them."""
        with (self.path / name).open("a") as file:
            file.write(json.dumps(row) + "\n")

    # What was trained.

    def make_game(self) -> Game:
        """The run's game, not yet built."""
        name, given = self.config["game"], self._given
        if given is None and name.endswith(".py"):
            raise InputError(
                f"{self.name} plays a game from the file {name}, and loading it runs that file. "
                f"If you trust it, say so with --game {name}"
            )
        if given is None and name not in games.names():
            raise InputError(
                f"{self.name} plays {name}, a game that was never in a file; "
                f"in Python, give its class: zerosum.load({str(self.path)!r}, game={name})"
            )
        kind = given if isinstance(given, type) else games.find(given or name)
        return made(kind, self.config["hyperparameters"], self.path / CONFIG)

    def restore(self, number: int | None = None) -> tuple[dict[str, Tensor], dict[str, Any], list[str]]:
        """Tensors and values of the newest whole checkpoint, or of round `number`, and notes on those passed over."""
        path, notes = checkpoints.newest(self.checkpoints, number)
        try:
            tensors, values = checkpoints.read(path)
            lacks = [k for k, kind in STATE.items() if not isinstance(values[k], kind)]
        except (checkpoints.Damaged, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path} is no checkpoint of zerosum: {error!r}") from error
        if lacks:
            raise InputError(f"{path} is no checkpoint of zerosum: in its state {', '.join(lacks)} is something else")
        return tensors, values, notes

    @cached_property
    def _loaded(self) -> tuple[Game, Spec]:
        return self.load()

    def load(self, number: int | None = None) -> tuple[Game, Spec]:
        """The game with its averaged weights, in evaluation mode, on the CPU; and the spec of its data."""
        tensors, values, notes = self.restore(number)
        for note in notes:
            print(f"zerosum: {note}", file=sys.stderr)
        game = self.make_game()
        try:
            spec = Spec.from_json(values["spec"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{self.name}: the spec in its checkpoint cannot be understood: {error!r}") from error
        game.build(spec)
        wanted = {k.removeprefix("game/"): v for k, v in tensors.items() if k.startswith("game/")}
        wanted |= {k.split("/", 2)[2]: v for k, v in tensors.items() if k.startswith("ema/")}
        own = game.state_dict()
        with torch.no_grad():
            for name, value in wanted.items():
                if name not in own or own[name].shape != value.shape:
                    raise InputError(
                        f"{self.name}: {name} in its checkpoint does not fit {self.config['game']!r} as it is now"
                    )
                own[name].copy_(value)
        game.clock.__dict__.update(values["engine"]["clock"])
        return game.eval().requires_grad_(False), spec

    @property
    def game(self) -> Game:
        return self._loaded[0]

    @property
    def spec(self) -> Spec:
        return self._loaded[1]

    def draw(self, n: int, seed: int = 0, condition: Condition = None, extrapolate: bool = False) -> Tensor:
        """`n` samples in model space, `[n, *spec.x.shape]`: pictures in [-1, 1], numbers standardised."""
        if "x" not in self.game.needs:
            raise InputError(f"{self.name} draws no samples; {can(self.game)}")
        return draw(self.game, n, seed, y=understand(self.game, self.spec, n, condition, extrapolate))

    def sample(self, n: int, seed: int = 0, condition: Condition = None, extrapolate: bool = False) -> np.ndarray:
        """`n` samples in the user's own units and layout; the first k of them do not depend on n.

        `condition`, for games that can be told what to draw, is a class by name or number, numbers and attributes as
        "beam=25" or {"beam": 25}, a caption, or a list of several that take turns; see `conditions.understand`.
        """
        with written_only(self.game):
            return self.spec.x.decode(self.draw(n, seed, condition, extrapolate))

    def joint(self, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """`n` draws of a and b that belong together, in model space."""
        if not hasattr(self.game, "joint"):
            raise InputError(f"{self.name} draws nothing; {can(self.game)}")
        return joint(self.game, n, seed)

    def translate(self, x: Tensor, way: str = "a2b", seed: int = 0) -> Tensor:
        """Examples `[n, ...]` of one domain in the other, in model space; pictures may have any height and width."""
        return translate(self.game, x, way, seed)

    def data(self) -> Data:
        """The data that it was trained on, opened again. Raises InputError where it is gone or has changed."""
        source = self.config["data"]
        data = open_data(source["source"], **source["options"])
        if data.fingerprint != source["fingerprint"]:
            raise InputError(
                f"data {source['source']!r} is not what {self.name} was trained on; its content has changed"
            )
        return data

    def evaluate(
        self,
        n: int | None = None,
        repeats: int = 5,
        seed: int = 0,
        progress: Callable[[str, float], None] | None = None,
        on: Data | None = None,
    ) -> list[Card]:
        """Metric cards of its samples against its data; also written to metrics.json.

        `progress(what, share)` is told what is being done, and the share that is done. `on` is other data of the same
        kind to measure against, its held-out part; then nothing is written, and its other part makes the floor.
        """
        if on is not None:
            return judged_on(self, on, n, repeats, seed, progress)
        if not os.access(self.path, os.W_OK):  # said before the work, not after it
            raise PermissionError(errno.EACCES, "cannot be written to", str(self.path))
        game, data = self.game, self.data()
        if "x" in game.needs and (parts := energies(game, self.spec, data)):
            cards = by_energy(self, parts, n, repeats, seed, progress)
        elif "x" in game.needs:
            cards = evaluate(self.draw, data, n=n, repeats=repeats, seed=seed, progress=progress)
        elif hasattr(game, "joint"):
            cards = evaluate_joint(self.joint, data, n=n, repeats=repeats, seed=seed, progress=progress)
        else:
            ways = {way: lambda x, s, way=way: self.translate(x, way, s) for way in directions(game)}
            cards = evaluate_translations(ways, data, n=n, repeats=repeats, seed=seed, progress=progress)
        (self.path / "metrics.json").write_text(json.dumps({"round": self.rounds, "cards": to_json(cards)}, indent=1))
        return cards

    def metrics(self) -> dict[str, Any] | None:
        """What `evaluate` last wrote."""
        path = self.path / "metrics.json"
        return json.loads(path.read_text()) if path.exists() else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held while a process writes into the run; a second one is told who holds it. Any death frees it."""
        with (self.path / ".lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise InputError(
                    f"{self.name} is being trained by {file.read().strip() or 'another process'}"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)  # this process may live on without it


def can(game: Game) -> str:
    """What a game does that draws no samples."""
    if hasattr(game, "joint"):
        return "it draws pairs of a and b"
    return "it translates: zerosum translate RUN PICTURE" if directions(game) else "it has nothing to draw from"


def create(root: Path, label: str, config: dict[str, Any], game: type[Game] | None = None) -> Run:
    """A new run folder below `root` with the next free number; never one that exists."""
    root.mkdir(parents=True, exist_ok=True)
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")
    while True:
        taken = [int(m[1]) for p in root.iterdir() if (m := re.match(r"(\d{5,})-", p.name))]
        path = root / f"{max(taken, default=-1) + 1:05d}-{label}"
        try:
            path.mkdir()
        except FileExistsError:  # another process took the number in the meantime
            continue
        (path / "samples").mkdir()
        write_config(path / CONFIG, config)
        return Run(path, game)


def find(name: str | int | Path, root: Path | str = "runs", game: str | type[Game] | None = None) -> Run:
    """A run by its folder, by its name or number below `root`, or "latest"; of a folder of runs, the newest in it."""
    path, root = Path(str(name)), Path(root)
    for folder in (path, root / path):
        if (folder / CONFIG).is_file():
            return Run(folder, game)
    if path.is_dir() and (inside := listed(path)):
        return Run(inside[-1], game)
    below = listed(root)
    if str(name) == "latest" and below:
        return Run(below[-1], game)
    matches = [p for p in below if str(name).isdecimal() and int(p.name.split("-")[0]) == int(str(name))]
    if matches:
        return Run(matches[-1], game)
    known = ", ".join(p.name for p in below[-5:]) or "none yet"
    raise InputError(f"no run {str(name)!r}; a run is a folder that holds {CONFIG}. In {root}/ the newest are: {known}")


def listed(root: Path) -> list[Path]:
    """Run folders below `root`, oldest first."""
    found = (
        [p for p in root.iterdir() if re.match(r"\d{5,}-", p.name) and (p / CONFIG).is_file()] if root.is_dir() else []
    )
    return sorted(found, key=lambda p: int(p.name.split("-")[0]))


def read_config(path: Path) -> dict[str, Any]:
    """What config.yaml holds. Raises InputError where that is not what a run writes."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {' '.join(str(error).split())}") from error
    lacks = [k for k in KEYS if k not in config] if isinstance(config, dict) else KEYS
    if lacks:
        raise InputError(f"{path} is damaged: it lacks {', '.join(lacks)}")
    return config


def write_config(path: Path, config: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")


def made(kind: type[Kind], values: dict[str, Any], where: Path) -> Kind:
    """A dataclass from keyword arguments as YAML holds them: its lists were tuples. Raises InputError for others."""
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise InputError(f"{where}: {kind.__name__} has no {name!r}{nearest(name, known)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


@cache
def revision() -> str | None:
    """The commit that this code is of, where it is a checkout and git is there."""
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None


def versions() -> dict[str, Any]:
    """What a run's bits depend on."""
    return {
        "zerosum": __version__,
        "git": revision(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "processes": processes.here()[1],
    }
