"""The command line: verbs over the functions of the library. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from . import explore, sampler, translator, zoo
from .advice import check_game, doctor, theory
from .arguments import RunName, verb, write_json
from .errors import InputError, Lost, nearest
from .settings import DataOptions
from .train_options import open_data, settled, understood

if TYPE_CHECKING:
    from .data import Data
    from .game import Game
    from .metrics import Card
    from .runs import Run
    from .settings import Settings

GameName = Positional[Annotated[str, arg(metavar="GAME")]]
AnyGame = Positional[Annotated[str | None, arg(metavar="[GAME]")]]
Source = Positional[Annotated[str, arg(metavar="DATA")]]
AnySource = Positional[Annotated[str | None, arg(metavar="[DATA]")]]
AnyRuns = Positional[Annotated[str, arg(metavar="[RUNS]")]]
AnyCount = Annotated[int | None, arg(aliases=["-n"])]


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status: 2 for a mistake of the user's, 1 where the machine failed, 130 and 143
    after Ctrl-C and SIGTERM."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] in ("-V", "--version"):
        from . import __version__

        print(__version__)
        return 0
    try:
        if argv[0] not in VERBS:
            raise InputError(f"no verb {argv[0]!r}{nearest(argv[0], VERBS)} The verbs are: {', '.join(VERBS)}")
        return VERBS[argv[0]](argv[1:]) or 0
    except InputError as error:
        print(f"zerosum: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zerosum: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Lost as error:
        print(f"zerosum: {error}", file=sys.stderr)
        return 1
    except (OSError, MemoryError) as error:
        print(f"zerosum: {reason(error)}", file=sys.stderr)
        return 1


def overview() -> str:
    lines = ["zerosum: every GAN, trainable on your own data", "", "usage: zerosum VERB ...", ""]
    lines += [f"  {name:10} {function.__doc__.splitlines()[0]}" for name, function in VERBS.items() if function.__doc__]
    lines += ["", "  zerosum VERB --help tells its options; zerosum train GAME DATA --help those of the game, too.", ""]
    lines += ["Begin with: zerosum train auto digits"]
    return "\n".join(lines)


def reason(error: BaseException) -> str:
    """What the machine failed at, without Python's words."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or "out of memory"


# Training.


def train(argv: list[str]) -> int:
    """Play a game on data: zerosum train GAME DATA [options]."""
    if not argv:
        raise InputError("train what, on what? zerosum train GAME DATA; zerosum train auto digits is a good beginning")
    told = understood(argv)
    options = told[-1]
    if options.dry_run:
        options, data = settled(*told)
        return dry_run(options.game, data, options.settings)

    def work() -> int:
        from . import replicate
        from .training import play

        chosen, data = settled(*told)
        if chosen.seeds != 1:
            return replicate.verb(chosen.game, data, chosen.settings, chosen.seeds, chosen.evaluate)
        return finish(lambda: play(chosen.game, data, chosen.settings), chosen.evaluate)

    from .launch import together

    settings = options.settings
    return together(["train", *argv], settings.devices, settings.batch, settings.device, settings.timeout, work)


def finish(play: Callable[[], Run], evaluate: bool = False) -> int:
    """Train, measure if asked, write the report; on a signal say how to go on."""
    from .engine import NonFinite
    from .processes import here
    from .report import use, write
    from .training import Interrupted

    first = here()[0] == 0
    try:
        run = play()
    except Interrupted as stop:
        if first:
            print(f"\nzerosum: {stop}, saved. Go on with:\n\n    zerosum resume {named(stop.run)}\n", file=sys.stderr)
        return 128 + stop.number
    except NonFinite as error:
        if first:
            print(f"zerosum: {error}", file=sys.stderr)
        return 1
    if not first:
        return 0
    if evaluate:
        measure(run)
    page = write(run)
    print(f"\nrun     {run.path}\nreport  {page}\nnext    {use(run, named(run))}")
    if not evaluate:
        print(f"        zerosum evaluate {named(run)}")
    return 0


def named(run: Run) -> str:
    """A run as the command line takes it."""
    game = run.config["game"]
    return f"{run.path} --game {game}" if game.endswith(".py") else str(run.path)


def measure(run: Run, n: int | None = None, repeats: int = 5, seed: int = 0, on: Data | None = None) -> list[Card]:
    """Metric cards, printed."""
    from .display import steps
    from .metrics import table

    with steps() as progress:
        cards = run.evaluate(n, repeats, seed, progress, on)
    print(table(cards))
    return cards


def check(argv: list[str]) -> int:
    """Look for mistakes before training: zerosum check GAME DATA [options of train]."""
    if not argv:
        raise InputError("check what, on what? zerosum check GAME DATA, with the options that train would get")
    options, data = settled(*understood(argv))
    return check_game(options.game, data, options.settings)


def dry_run(game: Game, data: Data, settings: Settings) -> int:
    from .training import describe, estimate

    measured = {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in estimate(game, data, settings).items()}
    print_yaml(describe(game, settings, data) | {"estimate": measured})
    return 0


def print_yaml(value: Any) -> None:
    """Lists of plain values on one line."""
    import yaml

    print(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None), end="")


def resume(
    run: RunName,
    rounds: int | None = None,
    game: str | None = None,
    device: str | None = None,
    fused: Literal["auto", "on", "off"] | None = None,
    devices: int | None = None,
    timeout: float | None = None,
    quiet: bool = False,
    evaluate: bool = False,
) -> int:
    """Go on with a run that was stopped, bit for bit.

    Args:
        run: its folder, number or name, or "latest"
        rounds: how many it shall have in all, as first planned if not said
        game: the Python file of a game of yours; loading it runs it
        device: another than before
        fused: compile the steps, or do not, unlike before
        devices: processes, as before if not said; the examples and their order stay the same
        timeout: seconds that a process may leave the others waiting
        quiet: nothing on the screen
        evaluate: measure the result, too
    """
    from . import launch, runs, training

    found = runs.find(run, game=game)
    settings = training.resumed_settings(found, rounds, quiet, device, devices, timeout, fused)
    words = ["resume", str(found.path), *(["--quiet"] if quiet else []), *(["--evaluate"] if evaluate else [])]
    for name, value in (("rounds", rounds), ("game", game), ("device", device), ("timeout", timeout), ("fused", fused)):
        words += [] if value is None else [f"--{name}", str(value)]
    return launch.together(
        words,
        settings.devices,
        settings.batch,
        settings.device,
        settings.timeout,
        lambda: finish(lambda: training.go_on(found, settings), evaluate),
    )


# What was trained.


def evaluate(
    run: RunName,
    n: AnyCount = None,
    repeats: int = 5,
    seed: int = 0,
    json: Path | None = None,
    on: str | None = None,
    game: str | None = None,
) -> None:
    """Measure a run's samples against its data, with spread and the real-against-real floor.

    Args:
        run: its folder, number or name, or "latest"
        n: samples a repeat; as many as the data supports if not said
        repeats: sets of samples
        seed: of the first set
        json: write the metric cards here, too
        on: other data of the same kind to measure against, which goes to the screen and not into the run
        game: the Python file of a game of yours; loading it runs it
    """
    from . import report, runs
    from .metrics import to_json

    found = runs.find(run, game=game)
    cards = measure(found, n, repeats, seed, other(on))
    if json:
        write_json(json, to_json(cards))
    if on is None:
        report.write(found)


def other(source: str | None) -> Data | None:
    """Data that a run was not trained on: half of it to measure against, half for the floor."""
    return None if source is None else open_data(source, DataOptions(holdout=0.5))


def report(
    run: RunName,
    plots: Path | None = None,
    ensemble: str | None = None,
    on: str | None = None,
    game: str | None = None,
) -> None:
    """Write a run's report.html: samples, curves, nearest neighbours, metrics.

    Args:
        run: its folder, number or name, or "latest"
        plots: of events, a folder for the plots as PDF and PNG
        ensemble: of events, other runs, with commas between; the plots' band is the spread of all of them
        on: of events, other data that the plots compare with
        game: the Python file of a game of yours; loading it runs it
    """
    from . import report, runs

    found = [runs.find(name, game=game) for name in (run, *filter(None, (ensemble or "").split(",")))]
    wanted = plots or ensemble or on
    print(report.write_plots(found, plots, other(on)) if wanted else report.write(found[0]))


# The zoo.


def list_games() -> None:
    """List the games."""
    from rich.console import Console
    from rich.table import Table

    table = Table("game", "paper", "data", box=None, pad_edge=False)
    for name in zoo.names():
        paper = zoo.paper(zoo.find(name))
        table.add_row(f"[bold]{name}", f"{paper.title} {paper.authors}, {paper.year}. {paper.id}", paper.reads)
    Console().print(table)


def show(game: GameName, data: AnySource = None) -> None:
    """Show a game: its hyperparameters, and its moves as an algorithm.

    Args:
        game: a name, or a Python file of yours
        data: build it for this data; without it for something small that it can play on
    """
    game = "r3gan" if game == "auto" else game
    print(zoo.show(game, open_data(data, DataOptions()).spec if data else None))


def cite(game: GameName) -> None:
    """Print the BibTeX entry of a game's paper."""
    print(zoo.bibtex(game))


def verify(
    game: AnyGame = None,
    claim: str | None = None,
    seeds: int | None = None,
    jobs: int | None = None,
    fused: bool = False,
    dry_run: bool = False,
) -> int:
    """Prove each game's own claim, and that its idea switched off fails it.

    Cut, it goes on where it was when the same is asked again.

    Args:
        game: all if not said
        claim: one of the game's, by its name; all if not said
        seeds: how many, instead of each claim's own number
        jobs: experiments at a time, one thread each; as many as there are cores if not said
        fused: compile the steps, and write the results beside the eager ones
        dry_run: print the claims and stop
    """
    from . import claims

    if claim and not game:
        raise InputError(f"--claim {claim} of which game? zerosum verify GAME --claim NAME")
    return claims.verify(game, seeds, dry_run, jobs, claim, fused)


# Data.


def look(
    source: Source, out: Path | None = None, json: bool = False, options: OmitArgPrefixes[DataOptions] = DataOptions()
) -> None:
    """Tell what the data door sees: shapes, ranges, counts, a picture.

    Args:
        source: as for train
        out: where to write the picture; data-NAME.png beside you if not said
        json: print it as JSON
        options: how to read it
    """
    from json import dumps

    from .views import real_picture

    data = open_data(source, options)
    seen = data.describe()
    if json:
        print(dumps(seen, indent=1))
    else:
        print_yaml(seen)
    path = out or Path(f"data-{data.name}.png")
    real_picture(data).save(path)
    print(f"picture: {path}", file=sys.stderr)


# The studio.


def studio(
    runs: AnyRuns = "runs",
    host: str = "127.0.0.1",
    port: int = 8642,
    token: str | None = None,
    hosts: tuple[str, ...] = (),
) -> None:
    """Serve a web page to watch, play and judge: zerosum studio [RUN|RUNS].

    Args:
        runs: a run, or a folder of runs
        host: the address to listen on; 0.0.0.0 lets other machines in, and makes a token
        port: 0 takes any that is free
        token: what the page's address must then hold; made up if not said
        hosts: further names under which this machine is reached
    """
    from . import studio

    studio.serve(runs, host, port, token, hosts)


def bench(only: str | None = None, json: Path | None = None, repeats: int = 5, device: str = "cpu") -> None:
    """Time the engine beside loops written by hand.

    Args:
        only: comparisons by name, with commas between
        json: write the rows here; rows of other comparisons that are there stay
        repeats: timings of each, in turn
        device: cpu or cuda
    """
    from . import bench

    bench.run(only, repeats, device, lambda rows: write_json(json, bench.together(rows, json)) if json else None)


VERBS: dict[str, Callable[[list[str]], int | None]] = {
    "train": train,
    "resume": verb("resume", resume),
    "sample": verb("sample", sampler.sample),
    "export": verb("export", sampler.export),
    "translate": verb("translate", translator.translate),
    "walk": verb("walk", explore.walk),
    "mix": verb("mix", explore.mix),
    "edit": verb("edit", explore.edit),
    "invert": verb("invert", explore.invert),
    "score": verb("score", explore.score),
    "evaluate": verb("evaluate", evaluate),
    "report": verb("report", report),
    "doctor": verb("doctor", doctor),
    "theory": verb("theory", theory),
    "check": check,
    "verify": verb("verify", verify),
    "games": verb("games", list_games),
    "show": verb("show", show),
    "cite": verb("cite", cite),
    "data": verb("data", look),
    "studio": verb("studio", studio),
    "bench": verb("bench", bench),
}

if __name__ == "__main__":
    sys.exit(main())
