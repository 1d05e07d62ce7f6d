"""What the words after `zerosum train` and `zerosum check` mean."""

from __future__ import annotations

import sys
from dataclasses import asdict, field, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from . import zoo
from .arguments import refuse, understand
from .errors import InputError, nearest
from .settings import DataOptions, Settings, names

if TYPE_CHECKING:
    from .data import Data
    from .game import Game

DOC = "Play a game on data: zerosum train GAME DATA [options]."


def understood(argv: list[str]) -> tuple[str, type[Game], list[str], Any]:
    """What the command line of train means: its word for the game, the game, the words, all options."""
    word = next((a for a in argv if a.endswith(".py") or a.replace("-", "_") in (*zoo.names(), "auto")), None)
    if word is None:
        options, _ = parse(argv)
        raise InputError(no_game(options.name))
    from . import games

    kind = games.find("r3gan" if word == "auto" else word)
    options, unknown = parse(argv, kind)
    if options.name != word:  # what looked like a game was an option's value
        raise InputError(no_game(options.name))
    if word != "auto":  # whose game depends on the data: see settled
        refuse_unknown(unknown, kind)
    options.settings.check()
    return word, kind, argv, options


def settled(word: str, kind: type[Game], argv: list[str], options: Any) -> tuple[Any, Data]:
    """The options with what `auto` chooses for this data, and the data, opened."""
    from .data.featured import suited

    data = open_data(options.source, options.data)
    if word == "auto":
        from . import games
        from .training import auto, auto_game, auto_settings

        name = auto_game(data)
        kind, settings = games.find(name), auto_settings(data)
        options, unknown = parse(argv, kind, None, Settings(**settings))
        refuse_unknown(unknown, kind)
        preset = auto(data, options.settings)
        options, _ = parse(argv, kind, kind(**preset), Settings(**settings))
        chosen = {k: getattr(options.game, k) for k in preset} | {k: getattr(options.settings, k) for k in settings}
        print(f"zerosum: auto plays {name} with {', '.join(f'{k} {v}' for k, v in chosen.items())}", file=sys.stderr)
    return options, suited(data, kind.features)


def refuse_unknown(unknown: list[str], kind: type[Game]) -> None:
    refuse(unknown, [*names(kind), *names(Settings), *names(DataOptions), "seeds", "evaluate", "dry_run"], "train")


def no_game(word: str) -> str:
    known = ["auto", *zoo.names()]
    return f"no game {word!r}{nearest(word, known)} The games are: {', '.join(known)}; or a Python file of yours"


def parse(
    argv: list[str], kind: type[Game] | None = None, game: Game | None = None, settings: Settings | None = None
) -> tuple[Any, list[str]]:
    """The command line of train as one object (name, source, game, settings, data, seeds, evaluate, dry_run), and
    unknown words."""
    arguments: list[Any] = [
        ("name", Positional[Annotated[str, arg(metavar="GAME", help="see zerosum games; auto; or a file of yours")]]),
        ("source", Positional[Annotated[str, arg(metavar="DATA", help="a name (digits, ring8), folder, zip, table")]]),
    ]
    if kind is not None:
        arguments.append(("game", kind, field(default_factory=lambda: game or kind())))
    arguments += [
        ("settings", Settings, settings or Settings()),
        ("data", DataOptions, DataOptions()),
        ("seeds", Annotated[int, arg(help="so many seeds at once, a run folder each, from --seed on")], 1),
        ("evaluate", Annotated[bool, arg(help="measure the result, too, for the report")], False),
        ("dry_run", Annotated[bool, arg(help="print the configuration, sizes, time and memory, and stop")], False),
    ]
    target = make_dataclass("Train", arguments, namespace={"__doc__": DOC})
    return understand(target, argv, "train")


def open_data(source: str, options: DataOptions) -> Data:
    from .data import open

    return open(source, **asdict(options))
