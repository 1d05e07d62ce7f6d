"""Events of particle physics: one four-momentum a row, px, py, pz, E in GeV, with the facts that belong to them.

The facts stand in `spec.x.extra["events"]`: `beam` and `target`, the beams' energies along +z and -z (`beam` None where
it differs from event to event, and is then the condition y, of which `beams` lists up to 20; `target` None where it
equals the beam's); `beam_id`, `target_id` and `id` of the particle, by the Particle Data Group; its `mass`; `sqrt_s`;
`q2min`; `unit`; `source`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

import numpy as np
import torch

from ...errors import InputError, nearest
from ...spec import Column, Columns, Field
from ..arrays import Array, Group
from ..fields import Options, column_of, dropped_note, hole_report, missing_message
from ..sources import Held, stamp
from . import kinematics

COLUMNS = ("px", "py", "pz", "E")
MASSES = {11: 0.00051099895, 12: 0.0, 13: 0.1056583755, 14: 0.0, 15: 1.77693, 16: 0.0, 22: 0.0}  # GeV, by PDG id
MASSES |= {211: 0.13957039, 321: 0.493677, 2112: 0.93956542, 2212: 0.93827209}
HIGHEST, ELECTRONS = 7000.0, 1500.0  # GeV: no beam on Earth has more; of electrons, the most that is planned (CLIC)
FEW = 20  # beam energies that are listed
GIVEN = {"beam": float, "target": float, "beam_id": int, "target_id": int, "id": int, "q2min": float, "unit": str}
Found = tuple[list[Group], list[Group], list[str]]


@dataclass(frozen=True)
class Events:
    """`p` is `[n, 4]` in float64; `beam` `[n]` where its energy differs; `w` weights `[n]`, where they do."""

    p: np.ndarray
    beam: np.ndarray | None = None
    w: np.ndarray | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.p)

    def __getitem__(self, rows: np.ndarray) -> Events:
        beam, w = (None if v is None else v[rows] for v in (self.beam, self.w))
        return replace(self, p=self.p[rows], beam=beam, w=w)


def sample() -> tuple[Events, Events]:
    """The set "ep": 20,000 scattered electrons of e p at 50 GeV on 50 GeV, Q^2 > 2 GeV^2, to train on, and 10,000 to
    test on. We generated them with Pythia 8.317, `pythia:dis?beam=50&n=30000&seed=2024`."""
    with resources.files("zerosum.data.events").joinpath("ep.npz").open("rb") as file, np.load(file) as arrays:
        p = arrays["p"].astype(np.float64)
    facts = {"beam": 50.0, "target": 50.0, "id": 11, "mass": MASSES[11], "q2min": 2.0, "source": "Pythia 8.317.2"}
    p = np.column_stack([p, np.hypot(kinematics.momentum(p), MASSES[11])])
    return Events(p[:20_000], facts=facts), Events(p[20_000:], facts=facts)


def given(words: dict[str, str], where: str) -> dict[str, Any]:
    """Facts that the user states behind a question mark, events.csv?beam=27.5&target=920, as numbers."""
    facts: dict[str, Any] = {}
    for name, text in words.items():
        if name not in GIVEN:
            raise InputError(f"{where}: no fact {name!r}{nearest(name, GIVEN)} Facts are: {', '.join(GIVEN)}")
        try:
            facts[name] = GIVEN[name](text)
        except ValueError as error:
            raise InputError(f"{where}: {name} must be a number, not {text!r}") from error
        if GIVEN[name] is float and not 0 < facts[name] < np.inf:
            raise InputError(f"{where}: {name} is in GeV and more than 0; not {text}")
    if facts.get("unit", "GeV") not in ("GeV", "MeV"):
        raise InputError(f"{where}: unit is GeV or MeV, not {facts['unit']!r}")
    return facts


def groups(events: Events, where: str, options: Options, tests: Events | None = None) -> Found:
    """Checked events as groups to train on and to hold out, and notes."""
    if options.size:
        raise InputError(f"size scales pictures; {where} holds events")
    events = checked(events, where, options)
    first, rest = options.split(len(events), tests is not None)
    codec = Columns(tuple(numbers(events.p[first, i], name) for i, name in enumerate(COLUMNS)), "float64")
    x = Field((4,), "vector", codec, {"events": told(events, first)})
    y = None
    if events.beam is not None:
        y = Field((1,), "vector", Columns((numbers(events.beam[first], "beam"),), "float64"))

    def arrays(e: Events) -> dict[str, Array]:
        out = {"x": array(x, e.p)}
        if y is not None and e.beam is not None:
            out["y"] = array(y, e.beam[:, None])
        if e.w is not None:
            out["w"] = array(Field((1,), "vector", Columns((Column("w"),), "float64")), e.w[:, None])
        return out

    def group(e: Events, rows: np.ndarray) -> Group:
        return Group(arrays(e), rows=rows, cumulative=None if e.w is None else np.cumsum(e.w[rows]))

    notes = list(events.notes)
    if events.w is not None:
        notes.append("events have weights: batches draw them in proportion")
    if tests is None:
        return [group(events, first)], [group(events, rest)] if len(rest) else [], notes
    tests = checked(tests, where, options)
    return [group(events, first)], [group(tests, np.arange(len(tests)))], notes


def numbers(values: np.ndarray, name: str) -> Column:
    """A column that is never rounded: momenta have no natural decimals."""
    return replace(column_of(values, name), decimals=None)


def array(what: Field, values: np.ndarray) -> Array:
    assert isinstance(what.codec, Columns)
    mean, std = (np.array([getattr(c, part) for c in what.codec.columns]) for part in ("mean", "std"))
    return Array(what, Held(torch.from_numpy(((values - mean) / std).astype(np.float32)), stamp(values)))


def told(events: Events, rows: np.ndarray) -> dict[str, Any]:
    """The facts for the spec. Where no cut on Q^2 is known, it is the smallest in the training data."""
    facts = {"beam": None, "target": None, "beam_id": 11, "target_id": 2212, **events.facts, "unit": "GeV"}
    e = kinematics.energies(facts, None if events.beam is None else events.beam[rows])
    if e is not None:
        roots = sorted({float(v) for v in np.sqrt(4 * np.multiply(*e)).round(9).flat})
        facts["sqrt_s"] = roots[0] if len(roots) == 1 else roots if len(roots) <= FEW else None
        facts.setdefault("q2min", float(kinematics.Q2(events.p[rows], e[0]).min()))
    if events.beam is not None:
        found = np.unique(events.beam)
        facts |= {"beams": found.tolist()} if len(found) <= FEW else {}
    return facts


# What can be wrong with them.


def checked(events: Events, where: str, options: Options) -> Events:
    """The events in GeV, with what can be inferred of their facts.

    Raises InputError, with the numbers of the events, for numbers that are missing or not finite, energies that are not
    positive or off the mass shell, weights that no event can have, and units that cannot be meant.
    """
    events = without_holes(events, where, options)
    if len(events) < 2:
        raise InputError(f"{where}: at least 2 events are needed; it has {len(events)}")
    events = in_GeV(events, where)
    stop(events.p[:, 3] <= 0, where, "have an energy of 0 or less", "energies are positive")
    if events.w is not None:
        stop(events.w < 0, where, "have negative weights", NEGATIVE)
        if not events.w.sum():
            raise InputError(f"{where}: all weights are 0")
        if (events.w == events.w[0]).all():
            events = replace(events, w=None)
    events = with_mass(events, where)
    return with_beam(events)


NEGATIVE = "a generator cannot be trained on them by drawing events; leave w out with --columns px,py,pz,E"


def stop(bad: np.ndarray, where: str, what: str, right: str) -> None:
    """InputError that names the bad events, where there are any."""
    if n := int(bad.sum()):
        numbers = ", ".join(f"{i + 1:,}" for i in np.flatnonzero(bad)[:5]) + (", ..." if n > 5 else "")
        raise InputError(f"{where}: {n:,} of {len(bad):,} events {what} (events {numbers}, counted from 1); {right}")


def without_holes(events: Events, where: str, options: Options) -> Events:
    columns = dict(zip(COLUMNS, events.p.T, strict=True)) | {"beam": events.beam, "w": events.w}
    holes = {k: ~np.isfinite(v) for k, v in columns.items() if v is not None and not np.isfinite(v).all()}
    if not holes:
        return events
    if options.missing == "stop":
        raise InputError(f"{where}: {missing_message([hole_report(k, np.flatnonzero(v)) for k, v in holes.items()])}")
    bad = np.logical_or.reduce(list(holes.values()))
    return replace(events[~bad], notes=(*events.notes, dropped_note(int(bad.sum()), len(bad))))


def in_GeV(events: Events, where: str) -> Events:
    """In MeV only where the user says so; InputError where they must be and he does not."""
    facts = dict(events.facts)
    if facts.pop("unit", "GeV") == "MeV":
        return replace(events, p=events.p / 1000, facts=facts)
    top, beam = float(events.p[:, 3].max()), facts.get("beam") or (None if events.beam is None else events.beam.max())
    ratio = np.median(events.p[:, 3] / np.maximum(kinematics.momentum(events.p), 1e-300))
    electrons = abs(facts["id"]) == 11 if facts.get("id") is not None else abs(ratio - 1) < 1e-6
    highest = max(beam, facts.get("target") or 0) if beam else ELECTRONS if electrons else HIGHEST
    if 500 < ratio < 2000 or 0.0005 < ratio < 0.002:
        raise InputError(
            f"{where}: E is {ratio:.3g} times |p|: one is in MeV and the other in GeV; both must be in GeV"
        )
    if top > 100 * highest or (not beam and top > highest):
        kind = "no beam of electrons" if electrons else "no beam"
        known = f"the beam has {highest:g} GeV" if beam else f"{kind} has more than {highest:,.0f} GeV"
        raise InputError(
            f"{where}: the largest energy is {top:,.0f}, and {known}: these must be MeV. Say so with ?unit=MeV behind "
            f"the file's name, and they are converted" + ("" if beam else "; or state the beam's GeV with ?beam=...")
        )
    return events


def with_mass(events: Events, where: str) -> Events:
    """Every event on the mass shell of one particle, named or inferred."""
    facts = dict(events.facts)
    p = events.p
    stop(p[:, 3] < kinematics.momentum(p) * 0.999 - 2e-3, where, "have an energy below |p|", ORDER)
    m2 = np.median((p[:, 3] - kinematics.momentum(p)) * (p[:, 3] + kinematics.momentum(p)))
    if facts.get("id") is None and m2 < 1e-4 * np.median(p[:, 3]) ** 2:
        facts["id"] = facts.get("beam_id", 11)
    known = MASSES.get(abs(facts["id"])) if facts.get("id") is not None else None
    mass = facts.setdefault("mass", known)
    if mass is None:
        mass = float(np.sqrt(max(m2, 0)))
        if kinematics.off_shell(p, mass).mean() > 0.01:  # such as jets: each has its own
            return replace(events, facts=facts)
        facts["mass"] = mass
    bad = kinematics.off_shell(p, mass)
    named = f"of particle {facts['id']}" if facts.get("id") is not None else "of most of them"
    worst = np.abs(kinematics.mass_shell(p, mass)).max()
    stop(bad, where, f"are off the mass shell {named}, {mass:.4g} GeV, by up to {worst:.3g} GeV", ORDER)
    return replace(events, facts=facts)


ORDER = "E must be sqrt(|p|^2 + m^2); are the columns px, py, pz, E in this order, and all in GeV?"


def with_beam(events: Events) -> Events:
    """A beam energy that differs is the condition; one that does not is a fact; an unknown one is inferred.

    Of scattered electrons the fastest has nearly the beam's energy, and beams have round ones.
    """
    facts, notes = dict(events.facts), list(events.notes)
    if events.beam is not None:
        if (events.beam != events.beam[0]).any():
            return replace(events, facts={**facts, "beam": None})
        facts["beam"] = float(events.beam[0])
    if facts.get("beam") is None and facts.get("id") is not None and abs(facts["id"]) in (11, 13):
        top = float(events.p[:, 3].max())
        digit = 10.0 ** (np.floor(np.log10(top)) - 1)
        guess = float(np.ceil(top / digit - 1e-6) * digit)
        if 0 <= guess - top < 0.005 * guess:
            facts["beam"] = guess
            notes.append(f"beam energy {guess:g} GeV by the largest energy, {top:.4g}; ?beam=... states another")
    if facts.get("beam") is not None and facts.get("target") is None:
        facts["target"] = facts["beam"]
        notes.append(f"target energy {facts['target']:g} GeV taken to be the beam's; ?target=... states another")
    return replace(events, beam=None, facts=facts, notes=tuple(notes))
