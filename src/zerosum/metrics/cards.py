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


def table(cards: Sequence[Card]) -> str:
    """The cards as aligned plain text: value and floor each with their spread, then sizes, then what the cards
    share."""
    head = ("metric", "value", "real data", "better", "reals", "samples", "against")
    lines = [head, *(_line(card) for card in cards)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
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
