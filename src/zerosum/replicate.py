"""One game under several seeds at once: a run folder for each, and what they say together."""

from __future__ import annotations

import json
import signal
import statistics
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from . import report
from .data import Data
from .display import Display
from .engine import NonFinite
from .ensemble import Ensemble
from .errors import InputError
from .fused import START, Unfusable, as_recorded, pays, usual
from .game import Game
from .recorder import Recorder, signals
from .runs import Run
from .settings import Settings
from .training import Interrupted, begin, compiling, prepare, understood

SUMMARY = "seeds.json"  # in the folder of the first seed's run
MOST = 64  # seeds


def replicate(
    game: str | Game, data: Any, /, seeds: int = 8, settings: Settings | None = None, **options: Any
) -> list[Run]:
    """Play a game under `seeds` seeds at once, from `seed` on: a run each, to be sampled, measured and resumed like any
    other. The other arguments are those of `train`. `summary` tells what they say together."""
    return play(*understood(game, data, settings, options), seeds)


def play(game: Game, data: Data, settings: Settings, seeds: int) -> list[Run]:
    """New runs of this game on this data."""
    if not 2 <= seeds <= MOST:
        raise InputError(f"seeds must be 2 to {MOST}, not {seeds}")
    alone = [replace(settings, seed=settings.seed + i) for i in range(seeds)]
    games = [type(game)(**game.hyperparameters()) for _ in alone]
    engines = [prepare(g, data, replace(s, fused="off")) for g, s in zip(games, alone, strict=True)]
    ensemble = Ensemble(engines)
    try:
        ensemble.prepare()
        if settings.fused == "on":
            compiling(ensemble.compile, ensemble.first, strict=True)
    except Unfusable as error:
        raise InputError(f"several seeds at once: {error}; one by one they can be played") from error
    alone = [replace(s, precision=ensemble.first.precision) for s in alone]
    runs = [begin(g, data, s) for g, s in zip(games, alone, strict=True)]
    return _play(runs, ensemble, settings)


def _play(runs: list[Run], ensemble: Ensemble, settings: Settings) -> list[Run]:
    """Rounds of all; readings, pictures and checkpoints of each. A seed whose numbers are no longer finite is left
    behind with its last good checkpoint."""
    clock, rounds = ensemble.first.clock, settings.rounds
    title = f"{runs[0].name} to {runs[-1].name}"
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(run.lock())
        show = stack.enter_context(Display(title, rounds, 0, 0, settings.quiet))
        caught: set[int] = set()
        stack.enter_context(signals(show.stopping, caught))
        muted = Display("", rounds, 0, 0, quiet=True)
        alone = replace(settings, doctor="off")  # it looks at engines that play alone, and may change them
        records = [
            stack.enter_context(Recorder(r, e, alone, 0.0, muted)) for r, e in zip(runs, ensemble.engines, strict=True)
        ]
        show.say(f"zerosum: {title} in {runs[0].path.parent} play {runs[0].config['game']} together, a seed each")
        for record in records:
            record.reals()
            record.picture()
        later = usual(ensemble.device) is not as_recorded  # or they are played as is usual already
        while clock.rounds < rounds:
            if clock.rounds == START and settings.fused == "auto" and later and pays(ensemble.first, rounds, len(runs)):
                compiling(ensemble.compile, ensemble.first, show.say)
            ensemble.round()
            end = bool(caught) or clock.rounds == rounds
            save = end or clock.rounds % settings.saving == 0
            if save or clock.rounds % settings.logging == 0:
                ensemble.hand_out()
                records, rows = written(records, save, show)
                show(clock.rounds, clock.examples, {k: statistics.fmean(row[k] for row in rows) for k in rows[0]})
            if caught and clock.rounds < rounds:
                raise Interrupted(runs[0], signal.Signals(min(caught)))
    return runs


def written(records: list[Recorder], save: bool, show: Display) -> tuple[list[Recorder], list[dict[str, float]]]:
    """Read each seed, or save it too. The records that go on, and what they read."""
    on, rows = [], []
    for record in records:
        try:
            if save:
                row = record.checkpoint()
            else:
                record.write(row := record.read())
        except NonFinite as error:
            show.say(f"zerosum: {record.run.name} ends here: {error}")
            continue
        on.append(record)
        rows.append(row)
    if not on:
        raise NonFinite("of no seed the numbers are finite any more. A lower learning rate (--lr) is the usual remedy.")
    return on, rows


def summary(runs: list[Run]) -> dict[str, Any]:
    """Of the runs that came to the end: mean, standard deviation over seeds, and every value, of the last reading and
    of metrics that were measured."""
    last = max(run.rounds for run in runs)
    ended = [run for run in runs if run.rounds == last]
    rows = []
    for run in ended:
        row = {k: v for k, v in run.stats()[-1].items() if k not in ("round", "examples", "seconds")}
        cards = (run.metrics() or {"cards": []})["cards"]
        rows.append(row | {card["name"]: card["value"] for card in cards if card["value"] is not None})
    shared = [k for k in rows[0] if all(isinstance(row.get(k), int | float) for row in rows)]
    values = {k: [float(row[k]) for row in rows] for k in shared}
    return {
        "runs": [run.name for run in ended],
        "seeds": [run.config["settings"]["seed"] for run in ended],
        "left behind": [run.name for run in runs if run not in ended],
        "rounds": last,
        "values": {
            k: {"mean": statistics.fmean(v), "spread": statistics.stdev(v) if len(v) > 1 else None, "all": v}
            for k, v in values.items()
        },
    }


def verb(game: Game, data: Data, settings: Settings, seeds: int, evaluate: bool) -> int:
    """What `zerosum train --seeds` does."""
    try:
        runs = play(game, data, settings, seeds)
    except Interrupted as stop:
        print(
            f"\nzerosum: {stop}, all seeds saved. Each can go on alone: zerosum resume {stop.run.path}", file=sys.stderr
        )
        return 128 + stop.number
    except NonFinite as error:
        print(f"zerosum: {error}", file=sys.stderr)
        return 1
    for run in runs:
        if evaluate:
            run.evaluate()
        report.write(run)
    found = summary(runs)
    path = runs[0].path / SUMMARY
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\n{'':24}{'mean':>10}{'spread':>10}   over {len(found['runs'])} seeds, after {found['rounds']} rounds")
    for name, value in found["values"].items():
        spread = "" if value["spread"] is None else f"{value['spread']:10.3g}"
        print(f"{name:24}{value['mean']:10.4g}{spread}   {', '.join(f'{v:.3g}' for v in value['all'])}")
    print(f"\nruns    {runs[0].path} to {runs[-1].name}\ntable   {path}")
    print(f"next    zerosum sample {runs[0].path} -n 64 --out grid.png")
    return 0
