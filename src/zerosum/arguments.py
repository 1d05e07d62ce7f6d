"""Words of the command line become typed arguments: tyro does it, and what it cannot understand is said in one line."""

from __future__ import annotations

import functools
import inspect
import io
import json
import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg

from .errors import InputError, nearest
from .settings import DataOptions, names

RunName = Positional[Annotated[str, arg(metavar="RUN")]]


def verb(name: str, function: Callable[..., int | None]) -> Callable[[list[str]], int | None]:
    """A function whose typed arguments are the verb's."""

    @functools.wraps(function)
    def later(*args: Any, **options: Any) -> Callable[[], int | None]:
        return functools.partial(function, *args, **options)

    def call(argv: list[str]) -> int | None:
        known = inspect.signature(function).parameters
        ready, unknown = understand(later, argv, name)
        refuse(unknown, [*known, *(names(DataOptions) if "options" in known else [])], name)
        return ready()

    call.__doc__ = function.__doc__
    return call


def understand(target: Callable[..., Any], argv: list[str], name: str) -> tuple[Any, list[str]]:
    """The command line as `target`, whose arguments are typed, makes it; and the words that mean nothing to it.

    Raises InputError, in one line, for values of a wrong type and for what is missing.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                target,
                args=argv,
                prog=f"zerosum {name}",
                description=(target.__doc__ or "").splitlines()[0],
                return_unknown_args=True,
                config=(OmitArgPrefixes, DisallowNone),
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        # A box: its title, then paragraphs between rules, the last of which says where help is.
        # A box: its title, what is wrong, perhaps the option's meaning, then where help is; with rules between.
        box = re.sub("[╭╮╰╯│]", " ", said.getvalue())
        parts = [" ".join(p.split()) for p in re.split(r"^.*[─-]{4}.*$", box, flags=re.MULTILINE) if p.strip()]
        title = "╭" not in said.getvalue()  # where it is not drawn in the frame itself
        wrong = "; ".join(p.removeprefix("Argument helptext: ").rstrip(".") for p in parts[title:-1]) or box
        raise InputError(f"{wrong[0].lower()}{wrong[1:]}. zerosum {name} --help tells more") from None


def refuse(unknown: list[str], known: Iterable[str], name: str) -> None:
    """Raises InputError for the first of these words."""
    if unknown and unknown[0].startswith("-"):
        option, options = unknown[0].partition("=")[0], [f"--{k.replace('_', '-')}" for k in known]
        raise InputError(f"no option {option}{nearest(option, options)} zerosum {name} --help lists the options")
    if unknown:
        raise InputError(
            f"zerosum {name} does not know what to do with {unknown[0]!r}; zerosum {name} --help tells more"
        )


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
