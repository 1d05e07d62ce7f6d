"""Games and settings as JSON schemas, for forms; and what a filled form means on the command line."""

from __future__ import annotations

import dataclasses
import re
import typing
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .. import games, zoo
from ..data.named import NAMES
from ..data.toys import TOYS
from ..errors import InputError, nearest
from ..game import Game
from ..settings import LEAST, DataOptions, Settings

AUTO = "auto"
HIDDEN = {"out", "quiet", "data_dir", "track", "device"}  # the page decides these, or they are the machine's
MOMENTS = 40  # pictures through time of a run that the page starts


class Wrong(InputError):
    """One field of a form is filled in wrongly."""

    def __init__(self, field: str, message: str):
        super().__init__(message)
        self.field = field


def catalogue() -> list[dict[str, Any]]:
    """Every game: its name, its paper, and what data it takes."""
    papers = [zoo.paper(zoo.find(name)) for name in zoo.names()]
    auto = {"name": AUTO, "title": "R3GAN with sizes and rates chosen for your data", "authors": "", "year": None}
    listed = [{**auto, "id": "", "url": None, "needs": {"x": ["image", "vector"]}}]
    for p in papers:
        paper = {"title": p.title, "authors": p.authors, "year": p.year, "id": p.id, "url": p.url}
        listed.append({"name": p.game, **paper, "needs": {k: list(v) for k, v in p.needs.items()}})
    return listed


def sources() -> list[dict[str, str]]:
    """Data that has a name."""
    return [{"name": n, "kind": "points"} for n in TOYS] + [{"name": n, "kind": "public set"} for n in NAMES]


def kind_of(game: str) -> type[Game]:
    """A game of the zoo, never a file. Raises InputError for others."""
    name = "r3gan" if game == AUTO else game
    if name not in zoo.names():
        raise Wrong("game", f"no game {game[:80]!r}{nearest(game, zoo.names())}")
    return games.find(name)


@cache
def schema(kind: type) -> dict[str, Any]:
    """JSON schema of a dataclass's fields, with their comments as descriptions and their defaults."""
    said, hints = zoo.comments(kind), typing.get_type_hints(kind)
    properties = {}
    for field in dataclasses.fields(kind):
        if field.name in HIDDEN:
            continue
        default = field.default
        shape = {k: v for k, v in TypeAdapter(hints[field.name]).json_schema().items() if k != "title"}
        plain = list(default) if isinstance(default, tuple) else str(default) if isinstance(default, Path) else default
        least = {"minimum": LEAST[field.name]} if kind is Settings and field.name in LEAST else {}
        properties[field.name] = {**shape, **least, "description": said.get(field.name, ""), "default": plain}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def words(kind: type, given: dict[str, Any]) -> list[str]:
    """A filled form as options. Raises InputError for a field that is not there or a value of another type."""
    hints, known = typing.get_type_hints(kind), schema(kind)["properties"]
    out: list[str] = []
    for name, value in given.items():
        if name not in known:
            raise Wrong(name[:80], f"no option {name[:80]!r}{nearest(name, known)}")
        if value is None or value == known[name]["default"]:
            continue
        try:
            value = TypeAdapter(hints[name]).validate_python(value)
        except ValidationError as error:
            raise Wrong(name, f"{name}: {error.errors()[0]['msg'].lower()}, not {str(value)[:80]!r}") from error
        least = known[name].get("minimum")
        if least is not None and value < least:
            raise Wrong(name, f"{name} must be {least} or more, not {value}")
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            out.append(option if value else f"--no-{option[2:]}")
        elif isinstance(value, tuple | list):
            out += [option, *(word(v, name) for v in value)]
        else:
            out += [option, word(value, name)]
    return out


def word(value: Any, field: str) -> str:
    """One word that cannot be taken for an option."""
    text = str(value)
    number = isinstance(value, int | float)
    if (text.startswith("-") and not number) or not text or re.search(r"[\x00-\x1f\ud800-\udfff]", text):
        raise Wrong(field, f"{text[:80]!r} is not a value that an option can have")
    return text


def training(
    game: str, source: str, hyperparameters: dict[str, Any], settings: dict[str, Any], data: dict[str, Any], out: Path
) -> list[str]:
    """The words of `zerosum train ...`."""
    kind = kind_of(game)
    rounds = settings.get("rounds") or Settings.rounds
    if isinstance(rounds, int) and not settings.get("save_every"):
        settings = {**settings, "save_every": max(1, rounds // MOMENTS)}
    options = words(kind, hyperparameters) + words(Settings, settings) + words(DataOptions, data)
    return ["train", game, word(source, "source"), *options, "--out", str(out)]
