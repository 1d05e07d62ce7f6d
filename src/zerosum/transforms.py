"""Transforms of named columns that compose and invert: what a generator finds easier to write.

A transform is a value with a text: `pz:below(50)`, `age:positive`, `share:bounded(0,1)`, `angle:periodic(360)`,
`px/py/pz:spherical`, `E/px/py/pz:onshell`. `forward` leads from the user's columns to those that are written, `inverse`
back, exactly, and never to a value outside the bounds. `project` moves what a generator wrote, wherever it is, to where
`forward` could have led.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .errors import InputError, nearest

Named = dict[str, Tensor]  # columns `[n]`, in the user's units (categories `[n, k]`), in order


def swapped(c: Named, old: Sequence[str], new: Named) -> Named:
    """The same columns, with `new` in the place of `old`."""
    out: Named = {}
    for name, value in c.items():
        if name == old[0]:
            out |= new
        if name not in old:
            out[name] = value
    return out


def named(text: str) -> tuple[str, ...]:
    """The columns that a transform's text begins with."""
    return tuple(text.partition(":")[0].split("/"))


@dataclass(frozen=True)
class Transform:
    """Base of the transforms below; itself it changes nothing."""

    text: str = field(repr=False)

    def forward(self, c: Named) -> Named:
        return c

    def inverse(self, c: Named) -> Named:
        return c

    def project(self, c: Named, chance: Tensor | None = None) -> Named:
        """`chance` `[n]` are uniform numbers in [0, 1], where `chancy`."""
        return c

    @property
    def chancy(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the user's, those that it reads."""
        return named(self.text)

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Columns that lie strictly between two numbers, whatever is written."""
        return {}

    def wants(self) -> str:
        """What the data must be like."""
        return "finite numbers"


def inside(x: Tensor, low: float | Tensor = -math.inf, high: float | Tensor = math.inf) -> Tensor:
    """x, kept finite, and strictly between the two by about as little as its precision allows."""
    sizes = torch.finfo(x.dtype)
    least = -sizes.max if isinstance(low, float) and low == -math.inf else low + sizes.eps * abs(low) + sizes.tiny
    most = sizes.max if isinstance(high, float) and high == math.inf else high - sizes.eps * abs(high) - sizes.tiny

    def like(bound: float | Tensor) -> Tensor:
        return bound if isinstance(bound, Tensor) else torch.tensor(bound, dtype=x.dtype, device=x.device)

    return torch.minimum(torch.maximum(x, like(least)), like(most))


def exp(x: Tensor) -> Tensor:
    """e^x, so far as the square of it can be held, of which energies are made."""
    return x.clamp(max=math.log(torch.finfo(x.dtype).max) / 2 - 1).exp()


@dataclass(frozen=True)
class Above(Transform):
    """u = ln(v - low), for v > low."""

    low: float = 0.0

    @property
    def written(self) -> str:
        return f"ln({self.columns[0]}{-self.low:+g})" if self.low else f"ln({self.columns[0]})"

    def forward(self, c: Named) -> Named:
        return swapped(c, self.columns, {self.written: (c[self.columns[0]] - self.low).log()})

    def inverse(self, c: Named) -> Named:
        return swapped(c, [self.written], {self.columns[0]: inside(self.low + exp(c[self.written]), self.low)})

    def bounds(self) -> dict[str, tuple[float, float]]:
        return {self.columns[0]: (self.low, math.inf)}

    def wants(self) -> str:
        return f"numbers above {self.low:g}"


@dataclass(frozen=True)
class Below(Transform):
    """T = ln(high - v), for v < high; `high` is a number or the name of another column, row by row."""

    high: float | str = 1.0

    @property
    def written(self) -> str:
        high = self.high if isinstance(self.high, str) else f"{self.high:g}"
        return f"ln({high}-{self.columns[0]})"

    def bound(self, c: Named) -> float | Tensor:
        return c[self.high] if isinstance(self.high, str) else self.high

    def forward(self, c: Named) -> Named:
        return swapped(c, self.columns[:1], {self.written: (self.bound(c) - c[self.columns[0]]).log()})

    def inverse(self, c: Named) -> Named:
        high = self.bound(c)
        return swapped(c, [self.written], {self.columns[0]: inside(high - exp(c[self.written]), high=high)})

    @property
    def columns(self) -> tuple[str, ...]:
        return (*named(self.text), self.high) if isinstance(self.high, str) else named(self.text)

    def bounds(self) -> dict[str, tuple[float, float]]:
        return {} if isinstance(self.high, str) else {self.columns[0]: (-math.inf, self.high)}

    def wants(self) -> str:
        return f"numbers below {self.high}"


@dataclass(frozen=True)
class Bounded(Transform):
    """u = ln((v - low) / (high - v)). A v at a bound is moved inside by a millionth of the range."""

    low: float = 0.0
    high: float = 1.0

    @property
    def written(self) -> str:
        return f"logit({self.columns[0]})"

    def forward(self, c: Named) -> Named:
        share = (c[self.columns[0]] - self.low) / (self.high - self.low)
        share = torch.where((share < 0) | (share > 1), share, share.clamp(1e-6, 1 - 1e-6))
        return swapped(c, self.columns, {self.written: (share / (1 - share)).log()})

    def inverse(self, c: Named) -> Named:
        value = self.low + (self.high - self.low) * c[self.written].sigmoid()
        return swapped(c, [self.written], {self.columns[0]: inside(value, self.low, self.high)})

    def bounds(self) -> dict[str, tuple[float, float]]:
        return {self.columns[0]: (self.low, self.high)}

    def wants(self) -> str:
        return f"numbers from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Periodic(Transform):
    """An angle as (cos, sin), so that both of its ends are one place; back it comes in [start, start + period)."""

    period: float = 2 * math.pi
    start: float = 0.0

    @property
    def written(self) -> tuple[str, str]:
        return f"cos({self.columns[0]})", f"sin({self.columns[0]})"

    def forward(self, c: Named) -> Named:
        angle = c[self.columns[0]] * (2 * math.pi / self.period)
        return swapped(c, self.columns, dict(zip(self.written, (angle.cos(), angle.sin()), strict=True)))

    def inverse(self, c: Named) -> Named:
        cos, sin = (c[name] for name in self.written)
        turn = torch.atan2(sin, cos) * (self.period / (2 * math.pi))
        turn = turn - self.period * ((turn - self.start) / self.period).floor()
        return swapped(c, self.written, {self.columns[0]: turn.clamp_min(self.start)})

    def project(self, c: Named, chance: Tensor | None = None) -> Named:
        """Onto the circle."""
        cos, sin = (c[name] for name in self.written)
        radius = (cos * cos + sin * sin + 1e-12).sqrt()
        return c | dict(zip(self.written, (cos / radius, sin / radius), strict=True))


@dataclass(frozen=True)
class Spherical(Transform):
    """(px, py, pz) as |p|, the angle theta to the z axis in [0, pi], and the azimuth phi in (-pi, pi]."""

    def forward(self, c: Named) -> Named:
        px, py, pz = (c[name] for name in self.columns)
        pt = torch.hypot(px, py)
        new = {"p": torch.hypot(pt, pz), "theta": torch.atan2(pt, pz), "phi": torch.atan2(py, px)}
        return swapped(c, self.columns, new)

    def inverse(self, c: Named) -> Named:
        p, theta, phi = c["p"], c["theta"], c["phi"]
        pt = p * theta.sin()
        new = (pt * phi.cos(), pt * phi.sin(), p * theta.cos())
        return swapped(c, ("p", "theta", "phi"), dict(zip(self.columns, new, strict=True)))


@dataclass(frozen=True)
class Collider(Transform):
    """(px, py, pz) as transverse momentum pT, pseudorapidity eta = asinh(pz / pT), and the azimuth phi."""

    def forward(self, c: Named) -> Named:
        px, py, pz = (c[name] for name in self.columns)
        pt = torch.hypot(px, py)
        return swapped(c, self.columns, {"pT": pt, "eta": (pz / pt).asinh(), "phi": torch.atan2(py, px)})

    def inverse(self, c: Named) -> Named:
        pt, eta, phi = c["pT"], c["eta"], c["phi"]
        new = (pt * phi.cos(), pt * phi.sin(), pt * eta.sinh())
        return swapped(c, ("pT", "eta", "phi"), dict(zip(self.columns, new, strict=True)))


@dataclass(frozen=True)
class Scattered(Transform):
    """A scattered electron (px, py, pz) as ln(E - pz), logit of the inelasticity y = 1 - (E + pz) / 2 E_b, and phi.

    So Q^2 = 2 E_b (E - pz) > 0 and 0 < y < 1 hold by construction, and with them pz < E_b.
    """

    beam: float | str = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        return (*named(self.text), self.beam) if isinstance(self.beam, str) else named(self.text)

    def energy(self, c: Named) -> float | Tensor:
        return c[self.beam] if isinstance(self.beam, str) else self.beam

    def forward(self, c: Named) -> Named:
        px, py, pz = (c[name] for name in named(self.text))
        pt = torch.hypot(px, py)
        plus = torch.hypot(pt, pz) + pz  # E - pz = pT^2 / (E + pz), without the difference
        y = 1 - plus / (2 * self.energy(c))
        new = {"ln(E-pz)": (pt * pt / plus).log(), "logit(y)": (y / (1 - y)).log(), "phi": torch.atan2(py, px)}
        return swapped(c, named(self.text), new)

    def inverse(self, c: Named) -> Named:
        minus, plus = exp(c["ln(E-pz)"]), 2 * self.energy(c) * (-c["logit(y)"]).sigmoid()
        pt, phi = (minus * plus).sqrt(), c["phi"]
        pz = inside((plus - minus) / 2, high=self.energy(c))
        new = (pt * phi.cos(), pt * phi.sin(), pz)
        return swapped(c, ("ln(E-pz)", "logit(y)", "phi"), dict(zip(named(self.text), new, strict=True)))

    def bounds(self) -> dict[str, tuple[float, float]]:
        return {} if isinstance(self.beam, str) else {self.columns[2]: (-math.inf, self.beam)}

    def wants(self) -> str:
        return f"momenta of electrons scattered from a beam of {self.beam} along +z"


@dataclass(frozen=True)
class Isotropic(Transform):
    """Every azimuth is as likely as any other: what is written is turned by a random angle.

    Of two columns, (px, py) as a vector; of one, phi in radians.
    """

    @property
    def chancy(self) -> bool:
        return True

    def project(self, c: Named, chance: Tensor | None = None) -> Named:
        assert chance is not None
        turn = (2 * chance - 1) * math.pi
        if len(self.columns) == 1:
            return c | {self.columns[0]: turn + 0 * c[self.columns[0]]}
        (x, y), cos, sin = (c[name] for name in self.columns), turn.cos(), turn.sin()
        return c | dict(zip(self.columns, (x * cos - y * sin, x * sin + y * cos), strict=True))


@dataclass(frozen=True)
class OnShell(Transform):
    """The energy is not written: E = sqrt(px^2 + py^2 + pz^2 + mass^2), in the momenta's unit."""

    mass: float = 0.0

    def forward(self, c: Named) -> Named:
        energy, *momenta = self.columns
        found = self.energy(c, momenta)
        if float(((c[energy] - found).abs() / found.clamp_min(1e-9)).max()) > 1e-3:
            raise InputError(
                f"column {energy!r} is off the mass shell of {self.mass:g}: it differs from sqrt(p^2 + m^2) by up to "
                f"{float((c[energy] - found).abs().max()):.3g}; give the mass, as onshell(0.000511), or leave it out"
            )
        return {name: value for name, value in c.items() if name != energy}

    def inverse(self, c: Named) -> Named:
        energy, *momenta = self.columns
        return c | {energy: self.energy(c, momenta)}

    def energy(self, c: Named, momenta: Sequence[str]) -> Tensor:
        return (sum((c[p] * c[p] for p in momenta), torch.zeros(())) + self.mass**2).sqrt()


KINDS: dict[str, tuple[type[Transform], tuple[int, ...], tuple[str, ...]]] = {  # class, columns that it reads, numbers
    "positive": (Above, (1,), ()),
    "above": (Above, (1,), ("low",)),
    "below": (Below, (1,), ("high",)),
    "bounded": (Bounded, (1,), ("low", "high")),
    "periodic": (Periodic, (1,), ("period", "start")),
    "spherical": (Spherical, (3,), ()),
    "collider": (Collider, (3,), ()),
    "scattered": (Scattered, (3,), ("beam",)),
    "isotropic": (Isotropic, (1, 2), ()),
    "onshell": (OnShell, (4,), ("mass",)),
}
NEEDED = {"above": 1, "below": 1, "bounded": 2, "scattered": 1}  # numbers that must be given


def transform(text: str) -> Transform:
    """What a text such as `pz:below(50)` says. Raises InputError, with what there is, where it says nothing."""
    text = text.strip()
    match = re.fullmatch(r"(?P<columns>.+):(?P<kind>\w+)(?:\((?P<numbers>[^()]*)\))?", text)
    if match is None:
        raise InputError(f"transform {text!r} is not like COLUMN:KIND, such as age:positive; kinds: {', '.join(KINDS)}")
    name, given = match["kind"], [w.strip() for w in (match["numbers"] or "").split(",") if w.strip()]
    if name not in KINDS:
        raise InputError(f"transform {text!r}: no kind {name!r}{nearest(name, KINDS)} There are: {', '.join(KINDS)}")
    kind, counts, parameters = KINDS[name]
    columns = match["columns"].split("/")
    if len(columns) not in counts:
        many = " or ".join(map(str, counts))
        raise InputError(f"transform {text!r}: {name} reads {many} columns, not {len(columns)}, as in {example(name)}")
    if not NEEDED.get(name, 0) <= len(given) <= len(parameters):
        raise InputError(f"transform {text!r}: {name} takes ({', '.join(parameters)}), as in {example(name)}")
    values = {p: number(w, text, name) for p, w in zip(parameters, given, strict=False)}
    if name == "bounded" and not values["low"] < values["high"]:  # type: ignore[operator]
        raise InputError(f"transform {text!r}: the first bound must be the lower one")
    if name == "periodic" and not values.get("period", 1.0) > 0:  # type: ignore[operator]
        raise InputError(f"transform {text!r}: the period must be more than 0")
    return kind(text, **values)  # type: ignore[arg-type]


def number(word: str, text: str, kind: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        if kind in ("below", "scattered") and word.isidentifier():
            return word
        raise InputError(f"transform {text!r}: {word!r} is not a number") from None


def example(kind: str) -> str:
    return {
        "above": "pressure:above(-1)",
        "below": "pz:below(50)",
        "bounded": "share:bounded(0,1)",
        "periodic": "angle:periodic(360)",
        "positive": "age:positive",
        "onshell": "E/px/py/pz:onshell(0)",
        "scattered": "px/py/pz:scattered(50)",
        "isotropic": "px/py:isotropic",
    }.get(kind, f"px/py/pz:{kind}")


def words(text: str | Sequence[str] | None) -> tuple[str, ...]:
    """A list as text: at the commas that no bracket encloses."""
    if text is None or not isinstance(text, str):
        return tuple(text or ())
    return tuple(w.strip() for w in re.split(r",(?![^(]*\))", text) if w.strip())


def checked(steps: Sequence[Transform], c: Named) -> Named:
    """All of them, one after another, on data. Raises InputError where a value is not what one of them wants."""
    for step in steps:
        if lacking := [name for name in step.columns if name not in c]:
            raise InputError(
                f"transform {step.text!r}: no column {lacking[0]!r}{nearest(lacking[0], c)} Columns: {', '.join(c)}"
            )
        before, c = c, step.forward(c)
        for name in c:
            bad = (~c[name].isfinite()).flatten().nonzero()[:, 0] if name not in before else []
            if len(bad):
                row, column = int(bad[0]), step.columns[0]
                raise InputError(
                    f"transform {step.text!r}: it wants {step.wants()}; {len(bad):,} of {len(c[name]):,} values of "
                    f"{column!r} are not, first {float(before[column][row]):g} in row {row + 1}"
                )
    return c
