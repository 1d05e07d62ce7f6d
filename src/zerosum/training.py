"""Training: a game, data and settings become a run."""

from __future__ import annotations

import dataclasses
import inspect
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from . import checkpoints, games, runs
from .data import Data, pictures
from .data import open as open_data
from .data.augment import DiffAugment
from .display import Display
from .engine import Engine, NonFinite
from .errors import InputError, nearest
from .game import Game
from .games.r3gan import R3GAN
from .metrics.transport import sliced_wasserstein
from .runs import Run
from .settings import DataOptions, Settings
from .trackers import Trackers, chosen

SHOWN = {"image": 64, "vector": 2000}  # samples in a picture
JUDGED = 1000  # samples behind the score that decides which checkpoint is best


class Interrupted(Exception):
    """A signal asked the run to end; it was saved first."""

    def __init__(self, run: Run, number: signal.Signals):
        super().__init__(f"{number.name} after round {run.rounds}")
        self.run, self.number = run, number


def train(game: str | Game, data: Any, /, settings: Settings | None = None, **options: Any) -> Run:
    """Play a game on data; returns the run.

    `game` is a name ("dcgan"), "auto", a Python file of yours, or a Game. `data` is whatever `zerosum.data` takes, or
    what it gave. `options` are fields of Settings, of DataOptions, and hyperparameters of the game, by their names.
    """
    settings = settings or Settings()
    theirs = {k: options.pop(k) for k in list(options) if k in names(Settings)}
    opening = {k: options.pop(k) for k in list(options) if k in names(DataOptions)}
    if not isinstance(data, Data):
        data = open_data(data, **opening)
    elif opening:
        raise InputError(f"{', '.join(opening)}: the data is open already; give these to zerosum.data(...)")
    if isinstance(game, Game):
        if options:
            raise InputError(
                f"{', '.join(options)}: the game is made already; give these to {type(game).__name__}(...)"
            )
    else:
        preset, chosen_settings = auto(data) if game == "auto" else ({}, {})
        settings = replace(settings, **chosen_settings)
        kind = R3GAN if game == "auto" else games.find(game)
        for name in options:
            if name not in names(kind):
                known = [*names(kind), *names(Settings), *names(DataOptions)]
                raise InputError(f"no option {name!r}{nearest(name, known)}")
        game = kind(**{**preset, **options})
    return play(game, data, replace(settings, **theirs))


def names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def auto(data: Data) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hyperparameters of R3GAN and settings that suit this data.

    gamma is a share of the data's total variance, so it means the same slope of D whatever the units and the number of
    pixels. Width and batch are what two cores train in minutes; everything anneals over the run.
    """
    field = data.spec.x
    variance = float(data.take(1000).x.flatten(1).var(0).sum())
    gamma = float(f"{0.01 * variance:.2g}")
    common = {"gamma": (gamma, gamma / 10), "lr": (1e-3, 1e-4)}
    if field.kind != "image":
        rounds, batch = 6000, 256
        return {**common, "decay": float(rounds * batch), "half_life": 50.0 * batch}, {"rounds": rounds, "batch": batch}
    rounds, batch = 10_000, 64
    small = field.shape[1] * field.shape[2] <= 16 * 16
    return (
        {
            **common,
            "width": 64 if small else 48,
            "blocks": 1,
            "decay": float(rounds * batch),
            "half_life": 100.0 * batch,
        },
        {"rounds": rounds, "batch": batch},
    )


def play(game: Game, data: Data, settings: Settings) -> Run:
    """A new run of this game on this data."""
    engine = prepare(game, data, settings)
    config = {
        "game": game_name(game),
        "hyperparameters": plain(game.hyperparameters()),
        "data": {"source": data.source, "options": plain(data.options), "fingerprint": data.fingerprint},
        "settings": {k: plain(v) for k, v in asdict(settings).items() if k not in ("out", "quiet")},
        "device": engine.device,
        "versions": runs.versions(),
    }
    run = runs.create(settings.out, f"{Path(config['game']).stem}-{data.name}", config)
    return _play(run, engine, settings, seconds=0.0)


def resume(run: Run | str | Path, rounds: int | None = None, *, quiet: bool = False, device: str | None = None) -> Run:
    """Go on from the newest whole checkpoint, to `rounds` in all (as first planned)."""
    run = run if isinstance(run, Run) else runs.find(run)
    tensors, values, notes = run.restore()
    data = run.data()
    settings = replace(
        Settings(**runs.unplain(run.config["settings"])),
        out=run.path.parent,
        quiet=quiet,
        device=device or run.config["device"],
    )
    if rounds:
        # Readings and checkpoints keep the rhythm that the run began with.
        settings = replace(settings, rounds=rounds, save_every=settings.saving, log_every=settings.logging)
    engine = prepare(run.make_game(), data, settings)
    engine.load(tensors, values["engine"])
    then, now = values["versions"], runs.versions()
    notes += [
        f"{k} was {then[k]} and is {now[k]}: going on, but not bit for bit"
        for k in ("torch", "machine", "threads")
        if then[k] != now[k]
    ]
    if engine.clock.rounds >= settings.rounds:
        raise InputError(
            f"{run.name} has played all its {settings.rounds} rounds; "
            f"say how many it shall have in all, e.g. --rounds {2 * settings.rounds}"
        )
    return _play(run, engine, settings, values["seconds"], notes)


def prepare(game: Game, data: Data, settings: Settings) -> Engine:
    """The engine that plays them."""
    if settings.rounds < 1:
        raise InputError(f"rounds must be 1 or more, not {settings.rounds}")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    augment = None
    if settings.augment:
        augment = DiffAugment() if settings.augment == "diffaugment" else DiffAugment(settings.augment)
    return Engine(
        game,
        data,
        batch=settings.batch,
        micro=settings.micro,
        seed=settings.seed,
        device=pick_device(settings.device),
        precision=settings.precision,
        ema=settings.ema,
        augment=augment,
        workers=settings.workers,
    )


def pick_device(name: str) -> str:
    """Check that a device is there; "auto" is the best one. Raises InputError where it is not."""
    there = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name == "auto":
        return there[0]
    kind, _, index = name.partition(":")
    if kind not in there or (
        index and not (index.isdecimal() and kind == "cuda" and int(index) < torch.cuda.device_count())
    ):
        raise InputError(f"no device {name!r} here; there is {', '.join(there)}")
    return name


def game_name(game: Game) -> str:
    """By which `games.find` finds it: the name of its file in the zoo, or the path of the user's."""
    module = type(game).__module__
    if module.startswith(f"{games.__name__}."):
        return module.removeprefix(f"{games.__name__}.")
    try:
        return os.path.relpath(inspect.getfile(type(game)))
    except (OSError, TypeError):
        return type(game).__name__


def plain(value: Any) -> Any:
    """Values that YAML and JSON hold as they are."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def _play(run: Run, engine: Engine, settings: Settings, seconds: float, notes: list[str] | None = None) -> Run:
    """Rounds, readings, pictures and checkpoints, until the end or a signal."""
    clock = engine.clock
    with (
        run.lock(),
        _signals() as caught,
        Display(run.name, settings.rounds, clock.rounds, clock.examples, settings.quiet) as show,
    ):
        for note in [*(notes or []), *getattr(engine.data, "notes", [])]:
            show.say(f"zerosum: {note}")
        record = Recorder(run, engine, settings, seconds, show)
        if clock.rounds == 0:
            record.reals()
            record.picture()
        while clock.rounds < settings.rounds:
            engine.round()
            end = bool(caught) or clock.rounds == settings.rounds
            if end or clock.rounds % settings.saving == 0:
                record.checkpoint()
            elif clock.rounds % settings.logging == 0:
                record.write(record.read())
            if caught:
                raise Interrupted(run, caught[0])
        record.trackers.close()
    return run


class Recorder:
    """Writes into a run what a game in play shows."""

    def __init__(self, run: Run, engine: Engine, settings: Settings, seconds: float, show: Display):
        self.run, self.engine, self.settings, self.show = run, engine, settings, show
        self.began = time.monotonic() - seconds
        self.field = engine.data.spec.x
        held_out = engine.data.held_out  # type: ignore[attr-defined]
        self.real = held_out.take(JUDGED, seed=0).x
        self.scores = {row["round"]: row["score"] for row in run.stats() if "score" in row}
        self.trackers = Trackers(chosen(settings.track), run.path, run.config, show.say)

    def read(self) -> dict[str, float]:
        """The mean terms since the last reading. Raises NonFinite, with what to do, where one is not a number."""
        try:
            return self.engine.read()
        except NonFinite as error:
            raise NonFinite(f"{error}. {self.kept()} A lower learning rate (--lr) is the usual remedy.") from error

    def kept(self) -> str:
        rounds = self.run.rounds
        return f"The last good checkpoint is of round {rounds}." if rounds else "There is no checkpoint yet."

    def write(self, row: dict[str, float]) -> None:
        """A reading, to stats.jsonl, the screen and the trackers."""
        clock = self.engine.clock
        self.run.append({"round": clock.rounds, "examples": clock.examples, "seconds": round(self.seconds, 3), **row})
        self.show(clock.rounds, clock.examples, row)
        self.trackers.terms(row, clock.rounds)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def checkpoint(self) -> None:
        """Read, save the state, then score it, picture it, and delete what need not be kept."""
        terms, number = self.read(), self.engine.clock.rounds
        tensors, values = self.engine.state()
        bad = [k for k, v in tensors.items() if v.is_floating_point() and not torch.isfinite(v).all()]
        if bad:
            raise NonFinite(f"by round {number} {', '.join(bad[:3])} is no longer finite. {self.kept()}")
        state = {
            "engine": values,
            "spec": self.engine.data.spec.to_json(),
            "seconds": self.seconds,
            "versions": runs.versions(),
        }
        checkpoints.save(self.run.checkpoints, number, tensors, state)
        self.scores[number] = score = self.score()
        self.write({**terms, "score": score})
        kept = {k: v for k, v in self.scores.items() if k in checkpoints.numbers(self.run.checkpoints)}
        checkpoints.point(self.run.checkpoints, checkpoints.BEST, min(kept, key=lambda k: kept[k]))
        checkpoints.prune(self.run.checkpoints, self.settings.keep)
        self.picture()

    def score(self) -> float:
        """Sliced Wasserstein distance, in model space, to held-out data; cheap, and on every kind of data."""
        fake = self.engine.sample(len(self.real), seed=1)
        return float(sliced_wasserstein(fake.flatten(1), self.real.flatten(1), seed=0))

    def picture(self) -> None:
        """Samples of the same latents, as they are now."""
        path = self.run.samples / f"{self.engine.clock.rounds:06d}.png"
        pictures.picture(self.engine.sample(SHOWN[self.field.kind], seed=0), self.field, self.real).save(path)
        self.trackers.picture(path, self.engine.clock.rounds)

    def reals(self) -> None:
        pictures.picture(self.real[: SHOWN[self.field.kind]], self.field).save(self.run.samples / "reals.png")


@contextmanager
def _signals() -> Iterator[list[signal.Signals]]:
    """Inside, Ctrl-C and SIGTERM only leave a mark in the list that this gives; a second one acts as ever."""
    caught: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def mark(number: int, frame: object) -> None:
        caught.append(signal.Signals(number))
        signal.signal(number, before[caught[-1]])

    for s in before:
        signal.signal(s, mark)
    try:
        yield caught
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)


def estimate(game: Game, data: Data, settings: Settings, rounds: int = 3) -> dict[str, Any]:
    """Parameters, and time and memory of the whole run, measured over a few rounds; nothing is written."""
    engine = prepare(game, data, settings)
    engine.play(2)
    began = time.perf_counter()
    engine.play(2 + rounds)
    engine.read()  # waits for the device
    per_round = (time.perf_counter() - began) / rounds
    tensors, _ = engine.state()
    return {
        "parameters": {k: sum(p.numel() for p in player.parameters()) for k, player in engine.players.items()},
        "seconds a round": per_round,
        "minutes in all": per_round * settings.rounds / 60,
        "MB a checkpoint": sum(t.numel() * t.element_size() for t in tensors.values()) / 1e6,
        "device": engine.device,
    }


def describe(game: Game, settings: Settings, data: Data) -> dict[str, Any]:
    """The resolved configuration, as --dry-run prints it."""
    return {
        "game": game_name(game),
        "hyperparameters": plain(game.hyperparameters()),
        "data": {"source": data.source, "options": plain(data.options), "examples": len(data), "spec": str(data.spec)},
        "settings": plain(dataclasses.asdict(settings)),
    }
