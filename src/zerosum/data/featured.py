"""Data whose rows are features: transformed for the generator, augmented for the discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..features import Features, energies, featured, of_scattering
from ..spec import Columns
from ..transforms import words
from .arrays import Array, Data, Group
from .sources import Held


def with_features(
    data: Data,
    features: str | None = None,
    transform: str | Sequence[str] | None = None,
    augment: str | Sequence[str] | None = None,
) -> Data:
    """The same data, whose array x holds these features; held-out examples are encoded by the training part's spread.

    Args:
        data: with rows x
        features: ready ones for scattered electrons: "direct", "cartesian" (or "fat"), "spherical", "scattered"; "none"
            refuses those that a game would choose
        transform: what a generator writes, "age:positive,share:bounded(0,1)"; after those of `features`
        augment: what a discriminator sees beside it, "pT,ratio=px/pz"; in the place of those of `features`

    Raises:
        InputError: where the data do not fit them.
    """
    if not (features or transform or augment):
        return data
    if features == "none":
        return replace(data, options={**data.options, "features": "none"})
    old = data.spec.x.codec if "x" in data.spec else None
    if not isinstance(old, Columns):
        raise InputError(f"features are of rows of numbers 'x'; this data has {data.spec}")
    field = data.spec.x
    if isinstance(old, Features):
        raise InputError("this data has features already")
    condition = data.spec.y.codec if "y" in data.spec else None
    given = condition.columns if isinstance(condition, Columns) else ()
    given = given if {c.name for c in given} == {"beam"} else ()  # T = ln(E_b - pz) follows a beam that differs
    steps, beside, constants = list(words(transform)), list(words(augment)), energies(field.extra.get("events", {}))
    if features:
        ready, usual, _ = of_scattering("cartesian" if features == "fat" else features, field, [c.name for c in given])
        steps, beside = ready + steps, beside or usual
    codec = replace(old, columns=(*given, *old.columns))
    group = next(g for g in data.groups if "x" in g.arrays)
    x = featured(field, stored(group, bool(given)), steps, beside, constants, given)
    new, made = x.codec, {}
    assert isinstance(new, Features)

    def turned(g: Group) -> Group:
        """Train and held-out parts mostly share one source, which is encoded once."""
        if "x" not in g.arrays:
            return g
        source = g.arrays["x"].source
        if id(source) not in made:
            rows = new.store(codec, stored(replace(g, rows=None), bool(given)))
            made[id(source)] = Array(x, Held(rows, f"{source.stamp} {steps} {beside}"))
        return replace(g, arrays={**g.arrays, "x": made[id(source)]})

    groups = tuple(turned(g) for g in data.groups)
    others = None if data.others is None else tuple(turned(g) for g in data.others)
    said = {k: v for k, v in dict(features=features, transform=transform, augment_columns=augment).items() if v}
    return replace(data, groups=groups, others=others, options={**data.options, **said})


def stored(group: Group, conditions: bool) -> Tensor:
    """All rows of x as they are stored, `[n, columns]`, after those of y where these are wanted."""
    found = group.read(np.arange(len(group)))
    return torch.cat([found["y"].float(), found["x"]], 1) if conditions else found["x"]


def suited(data: Data, features: str | None) -> Data:
    """Scattering events in the coordinates that a game wants, where the user chose none; other data as it is."""
    if features is None or "features" in data.options or "x" not in data.spec or "events" not in data.spec.x.extra:
        return data
    if said := [k for k in ("transform", "augment_columns") if k in data.options]:
        raise InputError(
            f"{said[0]}: this game plays scattering events on {features} features unless you say which; say "
            f"--features {features} (or direct, spherical, scattered, none) beside it"
        )
    return with_features(data, features)
