"""The command line: verbs over the functions of the library. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from . import zoo
from .errors import InputError, nearest
from .settings import DataOptions, Settings

if TYPE_CHECKING:
    from .data import Data
    from .game import Game
    from .runs import Run

RunName = Positional[Annotated[str, arg(metavar="RUN")]]
GameName = Positional[Annotated[str, arg(metavar="GAME")]]
AnyGame = Positional[Annotated[str | None, arg(metavar="[GAME]")]]
Source = Positional[Annotated[str, arg(metavar="DATA")]]
AnySource = Positional[Annotated[str | None, arg(metavar="[DATA]")]]
Count = Annotated[int, arg(aliases=["-n"])]


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status: 2 for a mistake of the user's, 130 and 143 after Ctrl-C and SIGTERM."""
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


def overview() -> str:
    lines = ["zerosum: every GAN, trainable on your own data", "", "usage: zerosum VERB ...", ""]
    lines += [f"  {name:10} {function.__doc__.splitlines()[0]}" for name, function in VERBS.items() if function.__doc__]
    lines += ["", "  zerosum VERB --help tells its options; zerosum train GAME DATA --help those of the game, too.", ""]
    lines += ["Begin with: zerosum train auto digits"]
    return "\n".join(lines)


def verb(name: str, function: Callable[..., int | None]) -> Callable[[list[str]], int | None]:
    """A function whose typed arguments are the verb's."""

    def call(argv: list[str]) -> int | None:
        return tyro.cli(
            function, args=argv, prog=f"zerosum {name}", description=(function.__doc__ or "").splitlines()[0]
        )

    call.__doc__ = function.__doc__
    return call


# Training.


def train(argv: list[str]) -> int:
    """Play a game on data: zerosum train GAME DATA [options]."""
    from_game = next((a for a in argv if a.endswith(".py") or a.replace("-", "_") in (*zoo.names(), "auto")), None)
    positional = [a for a in argv if not a.startswith("-")]
    if from_game is None:
        if positional or not {"-h", "--help"} & set(argv):
            wrong = positional[0] if positional else ""
            known = ["auto", *zoo.names()]
            said = (
                f"no game {wrong!r}{nearest(wrong, known)}"
                if wrong
                else "train what? zerosum train GAME DATA, e.g. zerosum train auto digits."
            )
            raise InputError(f"{said} The games are: {', '.join(known)}; or a Python file of yours")
        parse(argv)
        return 0
    from . import games
    from .games.r3gan import R3GAN

    kind = R3GAN if from_game == "auto" else games.find(from_game)
    options = parse(argv, kind)
    data = open_data(options.source, options.data)
    if options.name == "auto":
        from .training import auto

        preset, settings = auto(data)
        options = parse(argv, kind, kind(**preset), Settings(**settings))
        print(
            f"zerosum: auto plays r3gan with {', '.join(f'{k} {v}' for k, v in (preset | settings).items())}",
            file=sys.stderr,
        )
    if options.dry_run:
        return dry_run(options.game, data, options.settings)
    from .training import play

    return finish(lambda: play(options.game, data, options.settings), options.evaluate)


def parse(
    argv: list[str], kind: type[Game] | None = None, game: Game | None = None, settings: Settings | None = None
) -> Any:
    """The command line of train, as one object: name, source, game, settings, data, evaluate, dry_run."""
    fields: list[Any] = [
        (
            "name",
            Positional[Annotated[str, arg(metavar="GAME", help="see zerosum games; auto; or a Python file of yours")]],
        ),
        (
            "source",
            Positional[
                Annotated[str, arg(metavar="DATA", help="a name (digits, ring8...), folder, zip, table, array")]
            ],
        ),
    ]
    if kind is not None:
        fields.append(("game", kind, field(default_factory=lambda: game or kind())))
    fields += [
        ("settings", Settings, settings or Settings()),
        ("data", DataOptions, DataOptions()),
        ("evaluate", Annotated[bool, arg(help="measure the result, too, for the report")], False),
        ("dry_run", Annotated[bool, arg(help="print the configuration, sizes, time and memory, and stop")], False),
    ]
    options = make_dataclass("Train", fields, namespace={"__doc__": train.__doc__})
    argv = [a.replace("--game.", "--", 1) if a.startswith("--game.") else a for a in argv]
    return tyro.cli(options, args=argv, prog="zerosum train", config=(tyro.conf.OmitArgPrefixes,))


def finish(play: Callable[[], Run], evaluate: bool = False) -> int:
    """Train, measure if asked, write the report; on a signal say how to go on."""
    from .engine import NonFinite
    from .report import write
    from .training import Interrupted

    try:
        run = play()
    except Interrupted as stop:
        print(f"\nzerosum: {stop}, saved. Go on with:\n\n    zerosum resume {stop.run.path}\n", file=sys.stderr)
        return 128 + stop.number
    except NonFinite as error:
        print(f"zerosum: {error}", file=sys.stderr)
        return 1
    if evaluate:
        from .metrics import table

        print(table(run.evaluate()))
    page = write(run)
    print(f"\nrun     {run.path}\nreport  {page}\nnext    zerosum sample {run.path} -n 64 --out grid.png")
    if not evaluate:
        print(f"        zerosum evaluate {run.path}")
    return 0


def dry_run(game: Game, data: Data, settings: Settings) -> int:
    import yaml

    from .training import describe, estimate

    plan = describe(game, settings, data) | {"estimate": estimate(game, data, settings)}
    print(yaml.safe_dump(plan, sort_keys=False, allow_unicode=True), end="")
    return 0


def resume(
    run: RunName,
    rounds: int | None = None,
    game: str | None = None,
    device: str | None = None,
    quiet: bool = False,
    evaluate: bool = False,
) -> int:
    """Go on with a run that was stopped, bit for bit.

    Args:
        run: its folder, number or name, or "latest"
        rounds: how many it shall have in all, as first planned if not said
        game: the Python file of a game of yours; loading it runs it
        device: another than before
        quiet: nothing on the screen
        evaluate: measure the result, too
    """
    from . import runs, training

    found = runs.find(run, game=game)
    return finish(lambda: training.resume(found, rounds, quiet=quiet, device=device), evaluate)


# What was trained.


def sample(
    run: RunName,
    n: Count = 64,
    seed: int = 0,
    out: Path | None = None,
    round: int | None = None,
    game: str | None = None,
) -> None:
    """Draw samples from a run, in your own units.

    Args:
        run: its folder, number or name, or "latest"
        n: how many
        seed: the same seed gives the same samples
        out: .png, .npy, .npz, .csv, .parquet, or a folder; a picture in the run folder if not said
        round: of which checkpoint, the newest if not said
        game: the Python file of a game of yours; loading it runs it
    """
    from . import export, runs
    from .engine import draw

    if n < 1:
        raise InputError(f"-n must be 1 or more, not {n}")
    found = runs.find(run, game=game)
    loaded, spec = found.load(round)
    x = draw(loaded, n, seed)
    wants_reals = spec.x.kind != "image" and (out is None or out.suffix.lower() == ".png")
    reference = found.data().take(n).x if wants_reals else None
    print(export.write(x, spec.x, out or found.path / "generated" / f"seed{seed}-{n}.png", reference))


def evaluate(
    run: RunName,
    n: Count | None = None,
    repeats: int = 5,
    seed: int = 0,
    json: Path | None = None,
    game: str | None = None,
) -> None:
    """Measure a run's samples against its data, with spread and the real-against-real floor.

    Args:
        run: its folder, number or name, or "latest"
        n: samples a repeat; as many as the data supports if not said
        repeats: sets of samples
        seed: of the first set
        json: write the metric cards here, too
        game: the Python file of a game of yours; loading it runs it
    """
    from . import report, runs
    from .metrics import table, to_json

    found = runs.find(run, game=game)
    cards = found.evaluate(n, repeats, seed)
    print(table(cards))
    if json:
        write_json(json, to_json(cards))
    report.write(found)


def report(run: RunName, game: str | None = None) -> None:
    """Write a run's report.html: samples, curves, nearest neighbours, metrics.

    Args:
        run: its folder, number or name, or "latest"
        game: the Python file of a game of yours; loading it runs it
    """
    from . import report, runs

    print(report.write(runs.find(run, game=game)))


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
    print(zoo.show(game, open_data(data, DataOptions()).spec if data else None))


def cite(game: GameName) -> None:
    """Print the BibTeX entry of a game's paper."""
    print(zoo.bibtex(game))


def verify(game: AnyGame = None, seeds: int | None = None, dry_run: bool = False) -> int:
    """Prove each game's own claim, and that its idea switched off fails it.

    Args:
        game: all if not said
        seeds: how many, instead of each claim's own number
        dry_run: print the claims and stop
    """
    from . import claims

    return claims.verify(game, seeds, dry_run)


# Data.


def look(
    source: Source, out: Path | None = None, json: bool = False, options: OmitArgPrefixes[DataOptions] = DataOptions()
) -> None:
    """Tell what the data door sees: shapes, ranges, counts, a picture.

    Args:
        source: as for train
        out: where to write the picture, a PNG beside you if not said
        json: print it as JSON
        options: how to read it
    """
    from json import dumps

    import yaml

    from .data.pictures import picture
    from .training import SHOWN

    data = open_data(source, options)
    seen = data.describe()
    print(
        dumps(seen, indent=1) if json else yaml.safe_dump(seen, sort_keys=False, allow_unicode=True, width=100), end=""
    )
    reals = data.take(SHOWN[data.spec.x.kind]).x
    path = out or Path(f"{data.name}.png")
    picture(reals, data.spec.x).save(path)
    print(f"\npicture: {path}", file=sys.stderr)


def open_data(source: str, options: DataOptions) -> Data:
    from .data import open

    return open(source, **asdict(options))


# Speed.


def bench(only: str | None = None, json: Path | None = None, repeats: int = 5) -> None:
    """Time the engine beside loops written by hand.

    Args:
        only: one comparison by name
        json: write the rows here
        repeats: timings of each, in turn
    """
    from . import bench

    rows = bench.run(only, repeats)
    if json:
        write_json(json, rows)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


VERBS: dict[str, Callable[[list[str]], int | None]] = {
    "train": train,
    "resume": verb("resume", resume),
    "sample": verb("sample", sample),
    "evaluate": verb("evaluate", evaluate),
    "report": verb("report", report),
    "verify": verb("verify", verify),
    "games": verb("games", list_games),
    "show": verb("show", show),
    "cite": verb("cite", cite),
    "data": verb("data", look),
    "bench": verb("bench", bench),
}

if __name__ == "__main__":
    sys.exit(main())
