"""`evaluate`: a sampler and its data -> metric cards."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import InputError
from .cards import Card
from .features import SIDE, FeatureNet, of_data, shrink
from .neighbours import nearest_neighbours
from .suite import Measure, Sight, View, copying_measure, draw, image_measures, vector_measures

if TYPE_CHECKING:
    from ..data import Data

VECTORS, IMAGES = 10_000, 2000  # samples, where the held-out part allows
FEWEST = 20  # training examples
FEWEST_UNSEEN = 50  # held-out examples, to serve as floor or as reference

Sampler = Callable[[int, int], Tensor]  # (n, seed) -> [n, *shape] in model space
Progress = Callable[[str, float], None]  # (what is being done, share done)
Views = dict[View, Tensor]


def evaluate(
    sample: Sampler,
    data: Data,
    *,
    n: int | None = None,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    features: FeatureNet | None = None,
) -> list[Card]:
    """Metric cards for samples of the array x: `sample(n, seed)` gives `[n, *shape]` in model space.

    Repeat i compares `sample(n, seed + i)` with reals that stay the same: training examples, or held-out ones where the
    card's `split` says so. The floor puts n reals of the other part in the samples' place, a fresh draw in each repeat.
    Such draws overlap where that part is not much larger than n: the spread is corrected for it, and None where each
    draw is all of it. By default n is 10,000 vectors or 2000 images, or what the held-out part has; metrics of
    quadratic cost take 2000 at most. With fewer than 50 held-out examples, or fewer than n, there is no floor.

    Tables are compared as encoded: numbers in standard deviations, categories one-hot. Images are looked at through
    `features`, by default a network trained on the data itself, and for some metrics as pixels, at most 64 a side.

    Raises InputError for samples of a wrong shape or not finite, and for fewer than 20 training examples.
    """
    say = progress or (lambda what, share: None)
    n = _samples(data, n, repeats)
    unseen = len(data.held_out) >= FEWEST_UNSEEN
    network = None
    if data.spec.x.kind == "image":
        say("feature network", 0.0)
        network = features or of_data(data)
    see = Sight(network)

    say("real data", 0.1)
    measures = image_measures(data, see, n, seed) if network else vector_measures(data, n, seed, unseen)
    if unseen:
        measures.append(copying_measure(data, _points, n, seed))

    values: list[list[float]] = []
    floors: list[list[float]] = []
    for i in range(repeats):
        say("samples", 0.15 + 0.85 * i / repeats)
        seen = see(_checked(sample(n, seed + i), (n, *data.spec.x.shape)))
        values.append(_figures(measures, seen, seen))
        if unseen and n <= len(data.held_out):
            say("floor", 0.15 + 0.85 * (i + 0.5) / repeats)
            floors.append(_figures(measures, see(draw(data.held_out, n, seed + i)), see(draw(data, n, seed + 1 + i))))
    say("done", 1.0)
    described = f"{network.name} {network.hash}" if network else None
    return _cards(measures, values, floors, data, n=n, seed=seed, network=described)


def nearest(samples: Tensor, data: Data, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest training examples to each of `samples` `[n, *shape]`, in model space: Euclidean distances `[n, k]`,
    nearest first, and the examples `[n, k, *shape]`. Images of over 64 pixels a side are compared averaged down."""
    pool = data.all("x").cpu()
    distances, indices = nearest_neighbours(_points(samples.cpu()), _points(pool), k)
    return distances, pool[indices]


def _points(x: Tensor) -> Tensor:
    return (shrink(x, SIDE) if x.ndim == 4 else x).flatten(1)


def _samples(data: Data, n: int | None, repeats: int) -> int:
    """How many samples to draw: as many held-out examples if possible, half of them if that leaves enough."""
    if "x" not in data.spec or data.spec.x.kind not in ("image", "vector"):
        raise InputError(f"evaluate compares images or vectors named 'x'; this data has {data.spec}")
    if repeats < 1:
        raise InputError(f"repeats is at least 1, not {repeats}")
    if len(data) < FEWEST:
        raise InputError(f"{len(data)} training examples are too few to evaluate against; at least {FEWEST} are needed")
    if n is not None:
        if n < FEWEST:
            raise InputError(f"n is at least {FEWEST} samples, not {n}")
        return n
    most = VECTORS if data.spec.x.kind == "vector" else min(IMAGES, max(FEWEST, 2**28 // data.spec.x.size))
    unseen = len(data.held_out)
    return min(most, max(unseen // 2, min(unseen, 200)) if unseen >= FEWEST_UNSEEN else len(data))


def _checked(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(x.shape) != shape:
        raise InputError(f"the sampler gave {list(x.shape)} where the data needs {list(shape)}")
    if bad := int((~x.isfinite()).sum()):
        raise InputError(
            f"{bad} of {x.numel()} sampled values are not finite (NaN or infinity): the model has diverged"
        )
    return x.detach().cpu()


def _figures(measures: list[Measure], against_train: Views, against_unseen: Views) -> list[float]:
    """One figure per name of each measure."""
    out: list[float] = []
    for m in measures:
        seen = against_train if m.split == "train" else against_unseen
        out += m.compare(seen[m.view][: m.most])
    return out


def _cards(
    measures: list[Measure],
    values: list[list[float]],
    floors: list[list[float]],
    data: Data,
    *,
    n: int,
    seed: int,
    network: str | None,
) -> list[Card]:
    columns = [(m, name) for m in measures for name in m.names]
    return [
        Card(
            name=name,
            value=fmean(row[c] for row in values),
            spread=stdev(row[c] for row in values) if len(values) > 1 else None,
            repeats=len(values),
            n_real=m.n_real,
            n_fake=min(n, m.most),
            split=m.split,
            seed=seed,
            features=network if m.view != "points" else None,
            floor=floor,
            floor_spread=floor_spread,
            better=m.better,
            source=m.source,
            note=m.note,
        )
        for c, (m, name) in enumerate(columns)
        for floor, floor_spread in [m.floor or _floor([row[c] for row in floors], min(n, m.most), _others(m, data))]
    ]


def _others(m: Measure, data: Data) -> int:
    """Reals among which the floor's draws are made: the part that is not the reference."""
    return len(data.held_out) if m.split == "train" else len(data)


def _floor(figures: list[float], n: int, population: int) -> tuple[float | None, float | None]:
    """Mean, and standard deviation with the finite-population correction: draws of n without replacement from
    `population` vary less than independent ones, by sqrt(1 - n / population)."""
    if not figures:
        return None, None
    free = 1 - n / population
    return fmean(figures), stdev(figures) / free**0.5 if len(figures) > 1 and free > 0 else None
