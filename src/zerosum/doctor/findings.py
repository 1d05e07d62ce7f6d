"""What the doctor knows of a run, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

Row = dict[str, Any]
Severity = Literal["info", "warning", "critical"]
LIGHTS = {"info": "green", "warning": "yellow", "critical": "red"}
LASTING = 3  # readings in a row that must show a thing before it is said


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a run, or may be."""

    name: str
    severity: Severity
    since_round: int
    evidence: dict[str, Any]
    says: str  # what is the matter, for a reader who knows GANs a little
    remedy: list[str]  # each an option of this command line, or a few words where none helps

    def __str__(self) -> str:
        helps = f" Try {' or '.join(self.remedy)}." if self.remedy else ""
        return f"{self.name}: {self.says}{helps}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Case:
    """A run as diagnoses see it: `signals` of the probe and `terms` of stats.jsonl, both oldest first."""

    signals: Sequence[Row]
    terms: Sequence[Row] = ()
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # what was seen before the first round, see checks.facts
    error: str | None = None  # that ended it, where one did

    @property
    def last(self) -> Row:
        return self.signals[-1] if self.signals else {}

    @property
    def pictures(self) -> bool:
        return "samples/inverted" in self.last

    @property
    def judges(self) -> list[str]:
        """Discriminators whose opinions are known."""
        return [k.removesuffix("/tells") for k in self.last if k.endswith("/tells")]

    @property
    def players(self) -> list[str]:
        return [k.removesuffix("/gradient") for k in self.last if k.endswith("/gradient")]

    @property
    def generators(self) -> list[str]:
        """Players that learn through a discriminator."""
        return [k.removesuffix("/pull") for k in self.last if k.endswith("/pull")]

    def values(self, key: str) -> list[float]:
        return [row[key] for row in self.signals if row.get(key) is not None]

    def recent(self, key: str, n: int = LASTING) -> float:
        """Median of the last readings; NaN where there are none, which fulfils no comparison."""
        found = self.values(key)[-n:]
        return median(found) if found else float("nan")

    def since(self, holds: Callable[[Row], bool], least: int = LASTING) -> int | None:
        """The round since which every reading shows it, where that is so for the last `least` of them."""
        return lasting(self.signals, holds, least)

    def played(self, since: int) -> float:
        """The share of the run that was played since that round."""
        return (self.last["round"] - since) / max(self.settings.get("rounds", 0), self.last["round"], 1)

    def slower(self, player: str | None = None, by: float = 0.5) -> list[str]:
        """Options that lower a player's learning rate, or all."""
        names = [f"lr_{player.lower()}", "lr"] if player else ["lr"]
        for name in names:
            value = self.hyperparameters.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return [f"--{name.replace('_', '-')} {value * by:.3g}"]
        return [f"--lr-scale {self.settings.get('lr_scale', 1.0) * by:.3g}"]

    @property
    def r1(self) -> list[str]:
        return ["--add-r1 1"] if self.facts.get("takes add_r1") else []

    @property
    def act(self) -> list[str]:
        return ["--doctor act"] if self.settings.get("doctor") != "act" else []

    def has(self, name: str) -> bool:
        return name in self.hyperparameters


def lasting(rows: Sequence[Row], holds: Callable[[Row], bool], least: int = LASTING) -> int | None:
    streak: list[Row] = []
    for row in reversed(rows):
        if not shows(row, holds):
            break
        streak.append(row)
    return streak[-1]["round"] if len(streak) >= least else None


def shows(row: Row, holds: Callable[[Row], bool]) -> bool:
    """A reading without the signal shows nothing."""
    try:
        return holds(row)
    except (KeyError, TypeError):
        return False


def light(findings: Sequence[Finding]) -> str:
    """green, yellow or red."""
    order = list(LIGHTS)
    return LIGHTS[max((f.severity for f in findings), key=order.index, default="info")]
