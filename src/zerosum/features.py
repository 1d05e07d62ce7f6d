"""Features: what a generator writes and what a discriminator sees, where these are not the user's own columns.

A row as games see it holds the written columns, which are invertible transforms of the user's (`transforms`), then the
augmented ones, which are arithmetic on the user's (`expressions`). A generator writes the first and `Completed` appends
the second, differentiably; decoding inverts the transforms. All of it is text and numbers, and travels with the spec in
every checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .errors import InputError, nearest
from .expressions import FUNCTIONS, Value, formula
from .priors import Uniform
from .spec import Column, Columns, Field
from .transforms import Named, Transform, checked, transform

SCATTERING = {  # of an electron on a proton, by their beams' energies; s = 4 beam target without masses
    "pT": "hypot(px, py)",
    "E": "sqrt(px**2 + py**2 + pz**2)",
    "cot": "pz / pT",
    "theta": "atan2(pT, pz)",
    "phi": "atan2(py, px)",
    "eta": "log((E + pz) / pT)",
    "Q2": "2 * beam * pT**2 / (E + pz)",
    "y": "1 - pz / beam - pT**2 / (E + pz) / (2 * beam)",
    "x": "Q2 / (4 * beam * target * y)",
}


@dataclass(frozen=True)
class Features(Columns):
    """`columns` are those of the row as games see it: written ones, then augmented ones."""

    user: Columns = field(default_factory=lambda: Columns(()))
    transforms: tuple[str, ...] = ()
    augmented: tuple[tuple[str, str], ...] = ()  # name, expression in the user's columns and the constants
    constants: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_json(cls, v: dict[str, Any], columns: tuple[Column, ...], user: Columns) -> Features:
        pairs = {name: tuple((str(a), b) for a, b in v[name]) for name in ("augmented", "constants")}
        return cls(
            columns, v["dtype"], v["table"], user, tuple(v["transforms"]), pairs["augmented"], pairs["constants"]
        )

    @property
    def written(self) -> int:
        return self.blocks[-1 - len(self.augmented)].stop

    @property
    def names(self) -> tuple[str, ...]:
        return self.user.names

    @cached_property
    def steps(self) -> tuple[Transform, ...]:
        return tuple(transform(text) for text in self.transforms)

    def forward(self, codec: Columns, stored: Tensor) -> Named:
        """Written and augmented columns, float64, of rows that are stored under the user's `codec`: standardised
        numbers and category codes."""
        numbers = [(i, c) for i, c in enumerate(codec.columns) if not c.categories]
        user = {c.name: stored[:, i].double() for i, c in enumerate(codec.columns)}
        user |= {c.name: stored[:, i].double() * c.std + c.mean for i, c in numbers}
        written, known = checked(self.steps, user), {**user, **dict(self.constants)}
        more: Named = {}
        for name, text in self.augmented:
            if name in written:
                raise InputError(f"augmented column {name!r}: a generator writes that column already")
            more[name] = torch.as_tensor(formula(text)[0](known, False))
            if len(bad := (~more[name].isfinite()).nonzero()):
                raise InputError(
                    f"augmented column {name!r} is not finite in {len(bad):,} of {len(stored):,} rows, first in row "
                    f"{int(bad[0]) + 1}: {text}"
                )
        return written | more

    def store(self, codec: Columns, stored: Tensor) -> Tensor:
        """Rows stored under the user's `codec` -> rows stored under this one."""
        named = self.forward(codec, stored)
        rows = [v if c.categories else (v - c.mean) / c.std for c, v in zip(self.columns, named.values(), strict=True)]
        return torch.stack(rows, 1).float()

    def columns_of(self, values: Tensor) -> Named:
        """Written columns by name from `[n, written]` in the user's units."""
        parts = zip(self.columns, self.blocks[: len(self.columns) - len(self.augmented)], strict=False)
        return {c.name: values[:, b] if c.categories else values[:, b.start] for c, b in parts}

    def inverse(self, named: Named) -> Named:
        """Written columns -> the user's."""
        for step in reversed(self.steps):
            named = step.inverse(named)
        return named

    def decode(self, x: Tensor) -> np.ndarray:
        """Rows as games see them, or what is written of them -> the user's columns, strictly inside the bounds that the
        transforms set."""
        mean, std = (v[: self.written] for v in self.affine)
        written = x[:, : self.written].detach().cpu().double() * std + mean
        named = self.inverse(self.columns_of(written))
        kept = self.user.values(torch.cat([named[c.name].view(len(x), c.width) for c in self.user.columns], 1).numpy())
        for name, (low, high) in {k: b for step in self.steps for k, b in step.bounds().items()}.items():
            if name in self.names:
                column = kept[name] if self.table else kept[:, self.names.index(name)]
                kind = column.dtype.type
                if np.issubdtype(kind, np.floating):
                    column.clip(
                        np.nextafter(kind(low), kind(np.inf)), np.nextafter(kind(high), kind(-np.inf)), out=column
                    )
        return kept


class Completed(nn.Module):
    """Ends a generator: written columns `[n, written]` -> the whole row `[n, width]`, differentiably.

    Augmented features are kept within three times the range of the data, so that a stray fake cannot blow up D. While
    `bare`, they are left out: D alone reads them.
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, codec: Features):
        super().__init__()
        self.bare = False
        self.codec, self.chances = codec, [i for i, step in enumerate(codec.steps) if step.chancy]
        self.formulas = [formula(text)[0] for _, text in codec.augmented]
        mean, std = codec.affine
        self.register_buffer("mean", mean.float(), persistent=False)
        self.register_buffer("std", std.float(), persistent=False)
        last = codec.columns[len(codec.columns) - len(codec.augmented) :]
        spans = [((c.low or 0.0), (c.high or 0.0), (c.high or 0.0) - (c.low or 0.0)) for c in last]
        self.register_buffer("low", torch.tensor([low - span for low, _, span in spans]), persistent=False)
        self.register_buffer("high", torch.tensor([high + span for _, high, span in spans]), persistent=False)
        if self.chances:
            self.chance = Uniform(len(self.chances), low=0.0, high=1.0)

    def forward(self, x: Tensor) -> Tensor:
        w = self.codec.written
        named = self.codec.columns_of(x[:, :w].float() * self.std[:w] + self.mean[:w])
        chance = self.chance(x.shape[0]) if self.chances else None
        for i, step in enumerate(self.codec.steps):
            named = step.project(
                named, chance[:, self.chances.index(i)] if step.chancy and chance is not None else None
            )
        written = torch.cat([v if v.ndim == 2 else v[:, None] for v in named.values()], 1)
        written = (written - self.mean[:w]) / self.std[:w]
        if self.bare or not self.formulas:
            return written
        known: dict[str, Value] = {**self.codec.inverse(named), **dict(self.codec.constants)}
        more = torch.stack([torch.as_tensor(f(known, True)).expand(x.shape[0]) for f in self.formulas], 1)
        more = torch.minimum(torch.maximum(more, self.low), self.high)
        return torch.cat([written, (more - self.mean[w:]) / self.std[w:]], 1)


@contextmanager
def written_only(network: nn.Module) -> Iterator[None]:
    """Inside, rows end with what is written of them, `[n, written]`: all that decoding reads."""
    ends = [m for m in network.modules() if isinstance(m, Completed)]
    for m in ends:
        m.bare = True
    try:
        yield
    finally:
        for m in ends:
            m.bare = False


def expressions(
    augment: Sequence[str], columns: Sequence[str], constants: Mapping[str, float]
) -> tuple[tuple[str, str], ...]:
    """`pT`, `ratio=px / pz` or `px * py` as (name, expression in columns and constants alone).

    A name that is no column may be one of SCATTERING, or one defined before. Raises InputError for unknown names.
    """
    defined: dict[str, str] = {}
    out = []

    def expanded(text: str, inside: str) -> str:
        def one(match: re.Match[str]) -> str:
            name = match[0]
            if name in columns or name in constants or name in FUNCTIONS:
                return name
            if name in defined:
                return f"({defined[name]})"
            if name in SCATTERING:
                return f"({expanded(SCATTERING[name], inside)})"
            near = nearest(name, [*columns, *defined, *SCATTERING])
            there = ", ".join([*columns, *constants, *defined])
            raise InputError(f"augmented column {inside!r}: nothing is called {name!r}{near} There are: {there}")

        return re.sub(r"(?<![\w.])[A-Za-z_]\w*", one, text)

    for word in augment:
        name, _, text = (part.strip() for part in word.partition("=")) if "=" in word else (word.strip(), "", word)
        formula(text)
        defined[name] = expanded(text, word)
        if formula(defined[name])[1].isdisjoint(columns):
            raise InputError(f"augmented column {word!r} reads no column")
        out.append((name, defined[name]))
    return tuple(out)


def featured(
    what: Field,
    stored: Tensor,
    transforms: Sequence[str],
    augment: Sequence[str],
    constants: Mapping[str, float],
    given: tuple[Column, ...] = (),
) -> Field:
    """A field of rows with these features, whose means, spreads and ranges are those of the examples `stored`.

    `stored` `[n, columns]` are standardised numbers and category codes, under `given`, columns of a condition that
    become the first of the row but are not the user's, and then the field's own. Raises InputError where data are not
    what a transform wants, or a feature is not finite.
    """
    own = what.codec
    assert isinstance(own, Columns)
    codec = replace(own, columns=(*given, *own.columns))
    categories = {c.name for c in codec.columns if c.categories}
    read = {name for text in transforms for name in transform(text).columns}
    if mixed := read & categories:
        raise InputError(f"column {min(mixed)!r} holds categories; transforms are of numbers")
    augmented = expressions(augment, [name for name in codec.names if name not in categories], constants)
    free = tuple(replace(c, low=None, high=None) if c.name in read else c for c in own.columns)  # have bounds now
    pairs = tuple((k, float(v)) for k, v in constants.items())
    made = Features((), own.dtype, own.table, replace(own, columns=free), tuple(transforms), augmented, pairs)
    kept = {c.name: c for c in codec.columns}  # what no transform renames stays as it is
    named = list(made.forward(codec, stored).items())
    count = len(named) - len(augmented)
    columns = [kept.get(name) or _column(name, v) for name, v in named[:count]]
    made = replace(made, columns=(*columns, *(_column(name, v) for name, v in named[count:])))
    return replace(what, shape=(made.width,), codec=made)


def _column(name: str, values: Tensor) -> Column:
    spread = float(values.std(correction=0))
    return Column(name, float(values.mean()), spread or 1.0, float(values.min()), float(values.max()))


COORDINATES = ("direct", "cartesian", "spherical", "scattered")


def of_scattering(
    name: str, what: Field, condition: Sequence[str] = ()
) -> tuple[list[str], list[str], dict[str, float]]:
    """Transforms, augmentations and constants of ready features for scattered electrons, columns px, py, pz (E) in GeV.

    direct: momenta as they are. cartesian: T = ln(E_b - pz) in the place of pz, and pT, E, pz, cot theta beside
    (Alanazi et al. 2020). spherical: |p|, theta, phi, and the Cartesian momenta beside. scattered: ln(E - pz), logit y,
    phi. The beam's energy is the data's, or the condition named `beam`.
    """
    if name not in COORDINATES:
        raise InputError(f"no features {name!r}{nearest(name, COORDINATES)} There are: {', '.join(COORDINATES)}")
    columns = what.codec.names if isinstance(what.codec, Columns) else ()
    if not {"px", "py", "pz"} <= set(columns):
        raise InputError(
            f"features {name!r} are of scattering events, with columns px, py, pz in GeV; this data has "
            f"{', '.join(columns) or what}. For another table say --transform and --augment-columns"
        )
    facts = what.extra.get("events", {})
    constants = energies(facts)
    if name != "direct" and "beam" not in constants and "beam" not in condition:
        raise InputError(f"features {name!r} need the energy of the electron beam, which this data does not tell")
    beam = f"{constants['beam']!r}" if "beam" in constants else "beam"
    shell = [f"E/px/py/pz:onshell({float(facts.get('mass') or 0)!r})"] * ("E" in columns)
    transforms, augment = {
        "direct": ([], []),
        "cartesian": ([f"pz:below({beam})"], ["pT", "E", "pz", "cot"]),
        "spherical": (["px/py/pz:spherical"], ["px", "py", "pz", "pT"]),
        "scattered": ([f"px/py/pz:scattered({beam})"], ["px", "py", "pz", "pT", "E"]),
    }[name]
    return [*shell, *transforms], augment, constants


def energies(facts: Mapping[str, Any]) -> dict[str, float]:
    """Of the beams, GeV, where they are the same for all events."""
    return {k: float(facts[k]) for k in ("beam", "target") if isinstance(facts.get(k), int | float)}
