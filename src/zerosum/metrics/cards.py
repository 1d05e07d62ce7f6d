"""Metric cards: a figure with all that is needed to read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Card:
    """One metric of one model.

    `value` and `spread` are mean and standard deviation over `repeats` fresh sets of samples against one and the same
    set of reals, so the spread is that of drawing samples, not of training anew. `floor` is the same metric with unseen
    reals in the samples' place: what a perfect model would get.
    """

    name: str
    value: float
    spread: float | None  # None from a single repeat
    repeats: int
    n_real: int
    n_fake: int
    split: str  # the part of the data that is the reference: "train" or "held-out"
    seed: int
    features: str | None  # name and weight hash of the feature network
    floor: float | None  # None where too few held-out examples
    floor_spread: float | None
    better: Literal["lower", "higher"]
    source: str  # the paper that defines it
    note: str = ""
    of: str = ""  # the feature that its name ends in, where there is one card for each of several

    @property
    def quantity(self) -> str:
        """What is measured of the feature."""
        return self.name.removesuffix(self.of).rstrip()


def by_feature(cards: Sequence[Card]) -> tuple[list[str], dict[str, dict[str, Card]], list[Card]]:
    """Cards that are of one feature each, as a table: the quantities, and for each feature the cards under them; and
    the other cards."""
    quantities = list(dict.fromkeys(card.quantity for card in cards if card.of))
    rows: dict[str, dict[str, Card]] = {}
    for card in cards:
        if card.of:
            rows.setdefault(card.of, {})[card.quantity] = card
    return quantities, rows, [card for card in cards if not card.of]


def table(cards: Sequence[Card]) -> str:
    """The cards as aligned plain text: value and floor each with their spread, then sizes, then what the cards
    share. Cards of single features are a table of their own, one line a feature."""
    quantities, rows, others = by_feature(cards)
    text = []
    if rows:
        head = ("", *(cell for quantity in quantities for cell in (quantity, "real data")))
        text = [*_aligned([head, *(_row(feature, quantities, row) for feature, row in rows.items())]), ""]
    if others:
        head = ("metric", "value", "real data", "better", "reals", "samples", "against")
        text += _aligned([head, *(_line(card) for card in others)])
    networks = sorted({card.features for card in cards if card.features})
    repeats = sorted({card.repeats for card in cards})
    text.append("value: mean and standard deviation over " + ", ".join(map(str, repeats)) + " sets of samples;"
                " real data: the same with unseen real data in the samples' place")  # fmt: skip
    return "\n".join(text + [f"features: {network}" for network in networks])


def to_json(cards: Sequence[Card]) -> list[dict[str, Any]]:
    """Plain values, ready for json.dumps; a figure that is not finite becomes None."""
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(c).items()} for c in cards
    ]


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def _row(feature: str, quantities: Sequence[str], row: dict[str, Card]) -> tuple[str, ...]:
    found = [row.get(quantity) for quantity in quantities]
    cells = [("-", "-") if c is None else (_figure(c.value, c.spread), _figure(c.floor, c.floor_spread)) for c in found]
    return feature, *(cell for pair in cells for cell in pair)


def _line(card: Card) -> tuple[str, ...]:
    return (
        card.name + (" *" if card.features else ""),
        _figure(card.value, card.spread),
        _figure(card.floor, card.floor_spread),
        card.better,
        str(card.n_real),
        str(card.n_fake),
        card.split,
    )


def _figure(value: float | None, spread: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if spread is None else f"{value:.4g} +- {spread:.2g}"
