"""A run's samples against other data than its own, and events beam energy by beam energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from .conditions import conditional
from .errors import InputError
from .features import Features
from .game import Game
from .metrics import Card, evaluate
from .metrics.events import of_one_beam
from .spec import Columns, Field, Spec

if TYPE_CHECKING:
    from .data import Data
    from .runs import Run

Progress = Callable[[str, float], None] | None


def judged_on(run: Run, on: Data, n: int | None, repeats: int, seed: int, progress: Progress) -> list[Card]:
    """Metric cards of the run's samples against the held-out part of other data; its other part makes the floor."""
    if "x" not in run.game.needs:
        raise InputError(f"--on judges samples, and {run.name} draws none")
    if "x" not in on.spec:
        raise InputError(f"--on needs data with an array x, like that of {run.name}; {on.name} has {on.spec}")
    again = translated(run.spec.x, on.spec.x)  # refuses what does not fit before any work
    if parts := energies(run.game, run.spec, on):
        return by_energy(run, parts, n, repeats, seed, progress, trained=False)

    def sample(n: int, seed: int) -> Tensor:
        return again(run.draw(n, seed))

    return evaluate(sample, on, n=n, repeats=repeats, seed=seed, progress=progress, trained=False)


def energies(game: Game, spec: Spec, data: Data) -> list[tuple[float, Data]]:
    """The beam energies of these events, each with its events, where the game is one that can be told the energy."""
    facts = data.spec.x.extra.get("events", {})
    if not facts or not conditional(game) or not told_energy(spec.y):
        return []
    if "beams" in facts:
        return [(energy, of_one_beam(data, energy)) for energy in facts["beams"]]
    return [(facts["beam"], data)] if facts.get("beam") else []


def told_energy(field: Field) -> bool:
    """Is this condition the energy of a beam?"""
    return isinstance(field.codec, Columns) and field.codec.names == ("beam",)


def by_energy(
    run: Run,
    parts: list[tuple[float, Data]],
    n: int | None,
    repeats: int,
    seed: int,
    progress: Progress,
    trained: bool = True,
) -> list[Card]:
    """Events of each beam energy, against real ones of the same. Where the game was not trained on these data, it may
    be asked for an energy beyond those that it knows."""
    cards = []
    for energy, here in parts:
        again = same if trained else translated(run.spec.x, here.spec.x)

        def sample(n: int, seed: int, energy: float = energy, again: Callable[[Tensor], Tensor] = again) -> Tensor:
            return again(run.draw(n, seed, energy, extrapolate=not trained))

        found = evaluate(sample, here, n=n, repeats=repeats, seed=seed, progress=progress, trained=trained)
        at = f" at {energy:g} GeV"
        cards += [replace(card, name=card.name + at, of=card.of and card.of + at) for card in found]
    return cards


def translated(old: Field, new: Field) -> Callable[[Tensor], Tensor]:
    """Samples as one game's data has them -> as other data has them, by way of the user's units.

    Raises InputError where they are not of the same columns, or pictures of the same shape.
    """
    if old.codec == new.codec or (old.kind == new.kind == "image" and old.shape == new.shape):
        return same
    a, b = old.codec, new.codec
    if not isinstance(a, Columns) or not isinstance(b, Columns) or a.names != b.names:
        raise InputError(f"samples are {told(old)}, and the data to judge them by is {told(new)}")
    if isinstance(b, Features):
        raise InputError("data to judge samples by is taken as it is, without features")
    return lambda x: b.rows(a.decode(x))


def same(x: Tensor) -> Tensor:
    return x


def told(field: Field) -> str:
    return f"rows of {', '.join(field.codec.names)}" if isinstance(field.codec, Columns) else str(field)
