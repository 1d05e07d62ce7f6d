"""What can be read off the game files themselves: papers, hyperparameters, algorithms."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from .game import Game
    from .spec import Spec

FOLDER = Path(__file__).parent / "games"
HEADER = re.compile(r"(?P<title>\S.*?[.?!]) (?P<authors>[^.?!]+(?: et al\.)?), (?P<year>\d{4})\. (?P<id>\S.*)")
NEEDS: dict[str, tuple[str, ...]] = {"x": ("image", "vector")}  # what `Game` declares


@dataclass(frozen=True)
class Paper:
    """What a game file says of its paper, and of the data it takes."""

    game: str
    title: str
    authors: str
    year: int
    id: str  # "arXiv:1406.2661", "doi:...", or the venue
    needs: dict[str, tuple[str, ...]]

    @property
    def reads(self) -> str:
        return ", ".join(f"{name}: {' or '.join(kinds)}" for name, kinds in self.needs.items())

    @property
    def url(self) -> str | None:
        kind, _, name = self.id.partition(":")
        where = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}.get(kind)
        return f"{where}{name}" if where else None


def names() -> list[str]:
    """All games, without importing any."""
    return sorted(p.stem for p in FOLDER.glob("[!_]*.py"))


def paper(path: Path) -> Paper:
    """Read one game file. Raises InputError where its docstring cites no paper."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").split("\n")[0]
    match = HEADER.fullmatch(first)
    if match is None:
        raise InputError(f"{path.name}: its docstring does not begin with 'Title. Authors, year. arXiv:id'")
    needs, bases = (
        NEEDS,
        {b.id for c in tree.body if isinstance(c, ast.ClassDef) for b in c.bases if isinstance(b, ast.Name)},
    )
    for node in tree.body:  # a game that inherits another reads what that one does
        sibling = path.parent / f"{node.module}.py" if isinstance(node, ast.ImportFrom) and node.level == 1 else path
        if sibling != path and bases & {a.name for a in node.names}:  # type: ignore[attr-defined]
            needs = paper(sibling).needs
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and isinstance(target, ast.Name)
            and target.id == "needs"
            and node.value
        ):
            needs = ast.literal_eval(node.value)
    return Paper(path.stem, match["title"], match["authors"], int(match["year"]), match["id"], needs)


def bibtex(game: str) -> str:
    """A BibTeX entry for the paper of a game."""
    p = paper(find(game))
    first = re.split(r" et al| and |,", p.authors)[0]
    key = re.sub(r"\W", "", f"{first}{p.year}{p.game.replace('_', '')}").lower()
    kind, _, number = p.id.partition(":")
    others = p.authors.replace(" et al.", " and others")
    where = {
        "arXiv": [f"  eprint        = {{{number}}}", "  archivePrefix = {arXiv}"],
        "doi": [f"  doi           = {{{number}}}"],
    }.get(kind, [f"  booktitle     = {{{p.id}}}"])
    lines = [
        f"  title         = {{{{{p.title.removesuffix('.')}}}}}",
        f"  author        = {{{others}}}",
        f"  year          = {{{p.year}}}",
    ]
    return "@misc{" + ",\n".join([key, *lines, *where]) + "\n}"


def find(game: str) -> Path:
    """The file of a game of the zoo, or the user's own."""
    from .errors import nearest

    if game.endswith(".py") and Path(game).is_file():
        return Path(game)
    name = game.replace("-", "_")
    if name not in names():
        raise InputError(f"no game {game!r}{nearest(name, names())} The games are: {', '.join(names())}")
    return FOLDER / f"{name}.py"


def show(game: str, spec: Spec | None = None) -> str:
    """Docstring, hyperparameters with their meaning, and the moves as an algorithm, built for `spec`."""
    from . import games
    from .game import algorithm

    kind = games.find(game)
    made = kind()
    spec = spec or small(made)
    made.check(spec)
    made.build(spec)
    size = {k: sum(p.numel() for p in player.parameters()) for k, player in made.players().items()}
    lines = [
        inspect.cleandoc(inspect.getmodule(kind).__doc__ or ""),
        "",
        inspect.getdoc(kind) or "",
        "",
        "Hyperparameters",
    ]  # type: ignore[union-attr]
    said = comments(kind)
    rows = [(f"--{f.name.replace('_', '-')}", str(getattr(made, f.name)), said.get(f.name, "")) for f in fields(made)]  # type: ignore[arg-type]
    widths = [max(len(r[i]) for r in rows) for i in range(2)]
    lines += [f"    {a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    lines += ["", f"One round, on {spec}", textwrap.indent(algorithm(made).removeprefix("repeat\n"), "")]
    lines += ["", "Players: " + ", ".join(f"{k} {n:,} parameters" for k, n in size.items())]
    return "\n".join(lines)


def comments(kind: type[Game]) -> dict[str, str]:
    """What stands behind each hyperparameter in the source."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        if "__annotations__" not in vars(cls) or not cls.__module__.startswith("zerosum"):
            continue
        source = textwrap.dedent(inspect.getsource(cls))
        lines = source.splitlines()
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                own = lines[node.lineno - 1 : node.end_lineno]
                found[node.target.id] = next((line.partition("  # ")[2] for line in own if "  # " in line), "")
    return found


def small(game: Game) -> Spec:
    """The smallest data that shows what this game is: 28x28 grey pictures if it takes any, else points; ten classes and
    two words. Pairs are of one size if the game takes such, else the second is twice as high and wide."""
    from .spec import Classes, Column, Columns, Field, Pixels, Spec, Words

    made: dict[str, Any] = {
        "image": Field((1, 28, 28), "image", Pixels()),
        "vector": Field((2,), "vector", Columns((Column("x"), Column("y")))),
        "label": Field((), "label", Classes(tuple("0123456789"))),
        "text": Field((2,), "text", Words(("red", "apple"), 2)),
    }
    spec = Spec(**{name: made[kinds[0]] for name, kinds in game.needs.items()})
    try:
        game.check(spec)
    except InputError:
        if "b" not in spec:
            raise
        return Spec(**{**spec.fields, "b": Field((1, 56, 56), "image", Pixels())})
    return spec
