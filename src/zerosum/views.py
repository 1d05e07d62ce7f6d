"""What a game shows of itself, and how far it is from its data: decided by the data's arrays and by what the game can.

x             samples, beside real examples
a and b       translations of held-out examples: rows of input, output, cycle and truth
a and b       joint draws, where the game makes pairs out of nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PIL import Image
from torch import Tensor

from .data import pictures
from .draws import draw
from .errors import InputError
from .metrics.features import SIDE, shrink
from .metrics.transport import sliced_wasserstein
from .spec import Field
from .translation import directions, joint, translate

if TYPE_CHECKING:
    from .data import Data
    from .game import Batch, Game

SHOWN = {"image": 64, "vector": 2000}  # samples in a picture
JUDGED = 1000  # examples behind the score that decides which checkpoint is best
COLUMNS = 8  # translations side by side


class View(Protocol):
    """Of a game in evaluation mode, on its device."""

    def picture(self, game: Game, device: str) -> Image.Image: ...

    def reals(self) -> Image.Image: ...

    def score(self, game: Game, device: str) -> float: ...


def view_of(game: Game, data: Data) -> View:
    """How this game on this data is looked at; built from held-out examples."""
    held = data.held_out.take(JUDGED, seed=0)
    if "x" in game.needs:
        return Samples(data.spec.x, held.x)
    if not {"a", "b"} <= game.needs.keys():
        raise InputError(f"{type(game).__name__} plays on {', '.join(game.needs)}: there is no way to show that")
    if hasattr(game, "joint"):
        return Joint(data.spec.a, data.spec.b, held)
    return Translations(data.spec.a, data.spec.b, held, paired(data.held_out))


def paired(data: Data) -> bool:
    """Are a and b read with the same index?"""
    return {"a", "b"} <= data.groups[0].arrays.keys()


def real_picture(data: Data) -> Image.Image:
    """Examples of the data, whatever it holds."""
    spec = data.spec
    if "x" in spec:
        return pictures.picture(data.take(SHOWN[spec.x.kind]).x, spec.x)
    names = [name for name, field in spec.fields.items() if field.kind in SHOWN]
    if not names:
        raise InputError(f"there is nothing to look at in {spec}")
    batch = data.take(max(SHOWN[spec.fields[name].kind] for name in names))
    return side_by_side([(name, batch.tensors[name], spec.fields[name], None) for name in names])


def side_by_side(parts: list[tuple[str, Tensor, Field, Tensor | None]]) -> Image.Image:
    """Arrays (name, examples, field, reference): images as rows, points as plots."""
    if all(field.kind == "image" for _, _, field, _ in parts):
        return pictures.rows([(name, x[: 2 * COLUMNS]) for name, x, _, _ in parts])
    drawn = [
        pictures.picture(x[: SHOWN[field.kind]], field, None if field.kind == "image" else reference)
        for _, x, field, reference in parts
    ]
    sheet = Image.new("RGB", (sum(p.width for p in drawn), max(p.height for p in drawn)), "white")
    left = 0
    for picture in drawn:
        sheet.paste(picture, (left, 0))
        left += picture.width
    return sheet


def distance(fake: Tensor, real: Tensor) -> float:
    """Sliced Wasserstein distance in model space; cheap, and on every kind of data."""
    if real.ndim == 4:
        fake, real = shrink(fake, SIDE), shrink(real, SIDE)
    return float(sliced_wasserstein(fake.flatten(1), real.flatten(1), seed=0))


@dataclass(frozen=True)
class Samples:
    """Draws of x."""

    field: Field
    real: Tensor

    def picture(self, game: Game, device: str) -> Image.Image:
        x = draw(game, SHOWN[self.field.kind], 0, device)
        return pictures.picture(x, self.field, self.real)

    def reals(self) -> Image.Image:
        return pictures.picture(self.real[: SHOWN[self.field.kind]], self.field)

    def score(self, game: Game, device: str) -> float:
        return distance(draw(game, len(self.real), 1, device), self.real)


@dataclass(frozen=True)
class Joint:
    """Draws of a and b that belong together."""

    a: Field
    b: Field
    held: Batch

    def picture(self, game: Game, device: str) -> Image.Image:
        a, b = joint(game, SHOWN[self.a.kind], 0, device)
        if self.a.kind != "image" or self.b.kind != "image":
            return side_by_side([("a", a, self.a, self.held.a), ("b", b, self.b, self.held.b)])
        n = 2 * COLUMNS
        return pictures.rows(
            [(k, x) for i in range(0, 2 * n, n) for k, x in (("a", a[i : i + n]), ("b", b[i : i + n]))]
        )

    def reals(self) -> Image.Image:
        return side_by_side([("a", self.held.a, self.a, None), ("b", self.held.b, self.b, None)])

    def score(self, game: Game, device: str) -> float:
        a, b = joint(game, JUDGED, 1, device)
        return (distance(a, self.held.a) + distance(b, self.held.b)) / 2


@dataclass(frozen=True)
class Translations:
    """Held-out a in domain b, and back where the game can."""

    a: Field
    b: Field
    held: Batch
    paired: bool

    def ways(self, game: Game) -> list[tuple[str, str, str, str]]:
        """(direction, the other one, array put in, array that comes out)."""
        return [(way, f"{way[2]}2{way[0]}", way[0], way[2]) for way in directions(game)]

    def picture(self, game: Game, device: str) -> Image.Image:
        ways = self.ways(game)
        if self.a.kind == "image" and self.b.kind == "image":
            return pictures.rows([row for way in ways for row in self._rows(game, device, *way)])
        parts: list[tuple[str, Tensor, Field, Tensor | None]] = []
        for way, _, source, target in ways:
            out = translate(game, self.held.tensors[source], way, 0, device)
            field: Field = getattr(self, target)
            parts.append((f"{source} in {target}", out, field, self.held.tensors[target]))
        return side_by_side(parts)

    def _rows(self, game: Game, device: str, way: str, back: str, source: str, target: str) -> list[tuple[str, Tensor]]:
        """Rows of input, output, cycle and truth, as far as there are such."""
        x = self.held.tensors[source][:COLUMNS]
        y = translate(game, x, way, 0, device)
        rows = [(f"{source}", x), (f"{source} to {target}", y)]
        if back in directions(game):
            rows.append(("and back", translate(game, y, back, 0, device)))
        if self.paired:
            rows.append((f"true {target}", self.held.tensors[target][:COLUMNS]))
        return rows

    def reals(self) -> Image.Image:
        return side_by_side([("a", self.held.a, self.a, None), ("b", self.held.b, self.b, None)])

    def score(self, game: Game, device: str) -> float:
        found = [
            distance(translate(game, self.held.tensors[source], way, 1, device), self.held.tensors[target])
            for way, _, source, target in self.ways(game)
        ]
        return sum(found) / len(found)
