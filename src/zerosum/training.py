"""Training: a game, data and settings become a run."""

from __future__ import annotations

import dataclasses
import inspect
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from . import games, processes, runs
from .data import Data
from .data import open as open_data
from .data.augment import DiffAugment, InstanceNoise
from .data.featured import suited
from .display import Display
from .doctor import Finding
from .engine import Engine, NonFinite
from .errors import InputError, nearest
from .fused import START, Compiler, Unfusable, convolves, fuse, inductor, obstacle, pays, usual
from .game import Game
from .nets import TooSmall
from .penalties import added_r1
from .recorder import Recorder, signals
from .runs import Run
from .settings import DataOptions, Settings, names
from .trackers import chosen
from .views import paired


class Interrupted(Exception):
    """A signal asked the run to end; it was saved first."""

    def __init__(self, run: Run, number: signal.Signals):
        super().__init__(f"{number.name} after round {run.rounds}")
        self.run, self.number = run, number


def train(
    game: str | Game,
    data: Any,
    /,
    settings: Settings | None = None,
    *,
    on_finding: Callable[[Finding], None] | None = None,
    **options: Any,
) -> Run:
    """Play a game on data; returns the run.

    `game` is a name ("dcgan"), "auto", a Python file of yours, or a Game. `data` is whatever `zerosum.data` takes, or
    what it gave. `options` are fields of Settings, of DataOptions, and hyperparameters of the game, by their names.
    `on_finding` is called with each thing that the doctor finds, once.
    """
    return play(*understood(game, data, settings, options), on_finding)


def understood(
    game: str | Game, data: Any, settings: Settings | None, options: dict[str, Any]
) -> tuple[Game, Data, Settings]:
    """What the arguments of `train` mean."""
    theirs = {k: options.pop(k) for k in list(options) if k in names(Settings)}
    settings = replace(settings or Settings(), **theirs)
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
        kind, preset = games.find(auto_game(data) if game == "auto" else game), {}
        if game == "auto":
            settings = replace(settings, **auto_settings(data) | theirs)
            preset = auto(data, settings)
        for name in options:
            if name not in names(kind):
                known = [*names(kind), *names(Settings), *names(DataOptions)]
                raise InputError(f"no option {name!r}{nearest(name, known)}")
        game = kind(**{**preset, **options})
    return game, suited(data, game.features), settings


def auto_game(data: Data) -> str:
    """The game that we would choose today for what this data holds."""
    fields = data.spec.fields
    if "x" in fields:
        return "r3gan"
    if not {"a", "b"} <= fields.keys():
        raise InputError(f"auto plays on x, or on a and b; this data has {data.spec}")
    if fields["a"].kind != "image" or not paired(data):
        return "cyclegan"
    return "pix2pix" if data.spec.like("a", "b") else "srgan"


def auto_settings(data: Data) -> dict[str, Any]:
    """Settings that suit this data. Whole pictures in, whole pictures out: few at a time, as those papers do."""
    game = auto_game(data)
    field = data.spec.x if game == "r3gan" else data.spec.a
    return {"rounds": 10_000, "batch": {"r3gan": 64, "srgan": 16}.get(game, 1) if field.kind == "image" else 256}


def auto(data: Data, settings: Settings) -> dict[str, Any]:
    """Hyperparameters of `auto_game` that suit this data and a run of these settings: networks that two cores train,
    and schedules over the whole run."""
    game, rounds = auto_game(data), settings.rounds
    if game == "r3gan":
        return auto_r3gan(data, settings)
    if game == "cyclegan":
        size = {"width": 32} if data.spec.a.kind == "image" else {}
        # Without the identity term melodies are lost, docs/translate.md.
        same = {"identity": 0.5} if "sound" in data.spec.a.extra else {}
        return size | same | {"decay": (rounds // 2, rounds)}  # the paper's: constant for one half, then to 0
    return {"width": 32} | ({"blocks": 8, "pretrain": rounds // 4} if game == "srgan" else {})


def auto_r3gan(data: Data, settings: Settings) -> dict[str, Any]:
    """gamma is a share of the data's total variance, so it means the same slope of D whatever the units and the number
    of pixels. Pictures get DCGAN's networks. Rates and gamma anneal over the whole run."""
    gamma = float(f"{0.1 * float(data.take(1000).x.flatten(1).var(0).sum()):.2g}")
    game = {
        "gamma": (gamma, round(gamma / 10, 6)),
        "lr": (1e-3, 1e-4),
        "decay": float(settings.rounds * settings.batch),
        "half_life": 100.0 * settings.batch,
    }
    if data.spec.x.kind == "image":
        game |= {"networks": "dcgan", "width": 64 if data.spec.x.size <= 16 * 16 else 32}
    return game


def play(game: Game, data: Data, settings: Settings, on_finding: Callable[[Finding], None] | None = None) -> Run:
    """A new run of this game on this data."""
    device = pick_device(settings.device)
    if settings.precision == "tf32" and not device.startswith("cuda"):
        raise InputError(f"precision 'tf32' is a GPU's; on {device} there are 'fp32' and 'bf16'")
    engine = prepare(game, data, settings)
    settings = replace(settings, precision=engine.precision)  # not auto: it stays what it is wherever it is resumed
    if engine.rank == 0:
        run = begin(game, data, settings)
        processes.first_says(str(run.path))
    else:
        run = Run(processes.first_says(""), type(game))
    return _play(run, engine, settings, 0.0, on_finding=on_finding)


def begin(game: Game, data: Data, settings: Settings) -> Run:
    """The folder of a new run, with its configuration."""
    config = {
        "game": game_name(game),
        "hyperparameters": plain(game.hyperparameters()),
        "data": {"source": data.source, "options": plain(data.options), "fingerprint": data.fingerprint},
        "settings": {k: plain(v) for k, v in asdict(settings).items() if k not in ("out", "quiet")},
        "device": pick_device(settings.device),
        "versions": runs.versions(),
    }
    return runs.create(settings.out, f"{Path(config['game']).stem}-{data.name}", config, type(game))


def resume(
    run: Run | str | Path,
    rounds: int | None = None,
    *,
    quiet: bool = False,
    device: str | None = None,
    fused: Literal["auto", "on", "off"] | None = None,
    devices: int | None = None,
    timeout: float | None = None,
) -> Run:
    """Go on from the newest whole checkpoint, to `rounds` in all (as first planned), on as many devices as is said."""
    run = run if isinstance(run, Run) else runs.find(run)
    return go_on(run, resumed_settings(run, rounds, quiet, device, devices, timeout, fused))


def resumed_settings(
    run: Run,
    rounds: int | None,
    quiet: bool,
    device: str | None,
    devices: int | None,
    timeout: float | None,
    fused: Literal["auto", "on", "off"] | None,
) -> Settings:
    """The run's settings, with these changed that are given."""
    settings = replace(
        runs.made(Settings, run.config["settings"], run.path / runs.CONFIG),
        out=run.path.parent,
        quiet=quiet,
        device=device or run.config["device"],
        fused=fused or run.config["settings"].get("fused", "auto"),
    )
    settings = replace(settings, devices=devices or settings.devices, timeout=timeout or settings.timeout)
    if rounds not in (None, settings.rounds):
        # Readings and checkpoints keep the rhythm that the run began with.
        settings = replace(settings, rounds=rounds, save_every=settings.saving, log_every=settings.logging)
    settings.check()
    return settings


def go_on(run: Run, settings: Settings) -> Run:
    """Play on from the newest whole checkpoint."""
    game = run.make_game()
    tensors, values, notes = run.restore()
    data = run.data()
    played = values["engine"]["clock"]["rounds"]
    if played >= settings.rounds:
        raise InputError(
            f"{run.name} has played {played} rounds, all that it shall; "
            f"say how many it shall have in all, e.g. --rounds {2 * played}"
        )
    engine = prepare(game, data, settings)
    engine.load(tensors, values["engine"])
    was_fused = values.get("fused", False)
    if was_fused and settings.fused == "auto" and engine.world == 1:
        speed_up(engine)
    then, now = values["versions"], runs.versions()
    notes += [
        f"{k} was {then[k]} and is {now[k]}: going on, but not bit for bit"
        for k in ("torch", "machine", "threads", "processes")
        if then.get(k, now[k]) != now[k]
    ]
    if was_fused != (engine.fused is not None):
        notes.append(f"its steps were {'' if was_fused else 'not '}compiled until now: going on, but not bit for bit")
    return _play(run, engine, settings, values["seconds"], notes)


def prepare(game: Game, data: Data, settings: Settings) -> Engine:
    """The engine that plays them. Raises InputError for settings that make no sense, or not on this machine."""
    settings.check()
    chosen(settings.track)
    if (settings.devices or 1) > 1 and processes.here()[1] == 1:
        raise InputError(
            f"devices {settings.devices}: the command line starts so many processes; "
            f"from Python: torchrun --nproc-per-node {settings.devices} your_program.py"
        )
    if len(set(processes.all_say(data.fingerprint))) > 1:
        raise InputError(f"the processes see different data in {data.source!r}")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if game.paired and {"a", "b"} <= data.spec.fields.keys() and not paired(data.train):
        raise InputError(
            f"{game_name(game)} needs pairs; here a and b are two domains, each in an order of its own. "
            "Pairs are written A/+B/, edges:photos/ or halves:folder/; for two domains there is cyclegan"
        )
    fronts: list[nn.Module] = []
    if settings.augment:
        if not any(field.kind == "image" for field in data.spec.fields.values()):
            raise InputError(f"augment changes pictures; this data has {data.spec}")
        fronts.append(DiffAugment() if settings.augment == "diffaugment" else DiffAugment(settings.augment))
    if settings.instance_noise:
        fronts.append(InstanceNoise(settings.instance_noise))
    penalty = settings.add_r1
    with _of_the_zoo(game, data):
        engine = Engine(
            game,
            data,
            batch=settings.batch,
            micro=settings.micro,
            seed=settings.seed,
            device=processes.own_device(pick_device(settings.device)),
            precision="fp32" if settings.precision == "auto" else settings.precision,
            ema=settings.ema,
            augment=nn.Sequential(*fronts) if fronts else None,
            workers=settings.workers,
            lr_scale=settings.lr_scale,
            added=(lambda built: added_r1(built, penalty)) if penalty else lambda built: [],
        )
    if settings.precision == "auto":
        engine.precision = precision_for(engine)
    if settings.fused == "on":
        if engine.world > 1:
            raise InputError("fused on: one process compiles its steps, several do not yet; leave it out")
        try:
            speed_up(engine, strict=True)
        except Unfusable as error:
            raise InputError(f"fused on: {error}; with auto it is played as it is") from error
    return engine


def precision_for(engine: Engine) -> Literal["fp32", "bf16"]:
    """bfloat16 for convolutions on a CPU that computes in it (AVX512-BF16, AMX). On a GPU networks of the sizes that
    were measured wait for its launches, of which autocast makes more."""
    native = engine.device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return "bf16" if native and convolves(engine.game) else "fp32"


def speed_up(engine: Engine, say: Callable[[str], None] | None = None, strict: bool = False) -> None:
    """Compile the engine's steps, or what is usual on its device, and say so. Raises Unfusable where `strict` and
    something cannot be compiled."""
    compiling(partial(fuse, engine, strict), engine, say, strict)


def compiling(
    fuse: Callable[[Compiler], list[str]],
    engine: Engine,
    say: Callable[[str], None] | None = None,
    strict: bool = False,
) -> None:
    """Tell of work that takes its time, and of what comes of it; or why it is not done."""
    say, began = say or (lambda text: print(text, file=sys.stderr)), time.monotonic()
    compiler = inductor if strict else usual(engine.device)
    if not strict and compiler is inductor and (why := obstacle(engine.device)):
        say(f"zerosum: compiled steps would repay themselves, but {why}")
        return
    if compiler is inductor:
        say(f"zerosum: the steps of {type(engine.game).__name__} are being compiled, some 10 seconds each")
    for note in fuse(compiler):
        say(f"zerosum: {note}")
    say(f"zerosum: {'compiled' if compiler is inductor else 'CUDA graphs made'} in {time.monotonic() - began:.0f} s")


@contextmanager
def _of_the_zoo(game: Game, data: Data) -> Iterator[None]:
    """Where a game of ours cannot be made, its hyperparameters are at fault. The author of another needs the trace."""
    try:
        yield
    except TooSmall as error:
        raise InputError(f"data {data.source!r}: {error}") from error
    except InputError:
        raise
    except (ValueError, RuntimeError, TypeError, IndexError, ZeroDivisionError) as error:
        if not type(game).__module__.startswith(f"{games.__name__}."):
            raise
        given = ", ".join(f"{k} {v}" for k, v in game.hyperparameters().items())
        raise InputError(f"{game_name(game)} cannot be made with {given}: {error}") from error


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


def _play(
    run: Run,
    engine: Engine,
    settings: Settings,
    seconds: float,
    notes: list[str] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Run:
    """Rounds, readings, pictures and checkpoints, until the end or a signal."""
    clock, data = engine.clock, engine.data
    notes = [*(notes or []), *getattr(data, "notes", [])]
    if settings.batch > len(data):  # type: ignore[arg-type]
        notes.append(f"a batch of {settings.batch} shows each of the {len(data)} examples more than once")  # type: ignore[arg-type]
    first = engine.rank == 0
    with (
        run.lock() if first else nullcontext(),
        Display(run.name, settings.rounds, clock.rounds, clock.examples, settings.quiet or not first) as show,
        signals(show.stopping, engine.asked),
        Recorder(run, engine, settings, seconds, show, on_finding) as record,
    ):
        if first:
            run.amend(rounds=settings.rounds, save_every=settings.save_every, log_every=settings.log_every)
        show.say(f"zerosum: {run.path} plays {run.config['game']} on {len(data):,} examples ({data.spec})")  # type: ignore[arg-type]
        for note in notes:
            show.say(f"zerosum: {note}")
        if clock.rounds == 0 and first:
            record.reals()
            record.picture()
        while clock.rounds < settings.rounds:
            if (
                clock.rounds == START
                and settings.fused == "auto"
                and engine.world == 1
                and pays(engine, settings.rounds)
            ):
                speed_up(engine, show.say)
            try:
                record.round()
                end = bool(engine.heard) or clock.rounds == settings.rounds
                if end or clock.rounds % settings.saving == 0:
                    record.checkpoint()
                elif clock.rounds % settings.logging == 0:
                    record.write(record.read())
            except NonFinite:
                if record.hand is None or not record.hand.rescued():
                    raise
                continue
            if record.hand is not None and not end:
                record.hand.treat()
            if engine.heard and end and clock.rounds < settings.rounds:
                raise Interrupted(run, signal.Signals(min(engine.heard)))
    return run


def restored(run: Run) -> Engine:
    """The engine of a run as its newest whole checkpoint holds it. Raises InputError where its data is gone."""
    game, (tensors, values, _) = run.make_game(), run.restore()
    settings = runs.made(Settings, run.config["settings"], run.path / runs.CONFIG)
    engine = prepare(game, run.data(), replace(settings, device="cpu"))
    engine.load(tensors, values["engine"])
    return engine


def estimate(game: Game, data: Data, settings: Settings, rounds: int = 3) -> dict[str, Any]:
    """Parameters, and time and memory of the whole run, measured over a few rounds; nothing is written."""
    engine = prepare(game, data, settings)
    engine.round()
    engine.clock.rounds = settings.rounds // 2  # schedules as they mostly are
    engine.round()
    engine.read()  # waits for the device
    began = time.perf_counter()
    for _ in range(rounds):
        engine.round()
    engine.read()
    per_round = (time.perf_counter() - began) / rounds
    tensors, _ = engine.state()
    on_gpu = torch.cuda.max_memory_allocated() if engine.device.startswith("cuda") else 0
    return {
        "parameters": {k: sum(p.numel() for p in player.parameters()) for k, player in engine.players.items()},
        "seconds a round": per_round,
        "minutes in all": per_round * settings.rounds / 60,
        "GB of memory": (on_gpu or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024) / 1e9,
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
