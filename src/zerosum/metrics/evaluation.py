"""`evaluate`: a sampler and its data -> metric cards."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import InputError
from .cards import Card
from .events import event_measures
from .features import SIDE, FeatureNet, of_data, shrink
from .neighbours import nearest_neighbours
from .suite import VALUES, Measure, Sight, copying_measure, draw, image_measures, vector_measures

if TYPE_CHECKING:
    from ..data import Data

VECTORS, IMAGES, EVENTS = 10_000, 2000, 100_000  # samples, where the held-out part allows
FEWEST = 20  # training examples
FEWEST_UNSEEN = 20  # held-out examples, to serve as floor or as reference

Sampler = Callable[[int, int], Tensor]  # (n, seed) -> [n, *shape] in model space
Progress = Callable[[str, float], None]  # (what is being done, share done)
Figures = list[tuple[float, ...]]  # for each measure, a figure for each of its names
Floor = tuple[float | None, float | None]  # mean and spread


def evaluate(
    sample: Sampler,
    data: Data,
    *,
    n: int | None = None,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    features: FeatureNet | None = None,
    trained: bool = True,
) -> list[Card]:
    """Metric cards for samples of the array x: `sample(n, seed)` gives `[n, *shape]` in model space.

    Repeat i compares `sample(n, seed + i)` with reals that stay the same: training examples, or held-out ones where the
    card's `split` says so. The floor puts n reals of the other part in the samples' place, a new draw in each repeat.
    Such draws overlap where that part is not much larger than n; the floor's spread is corrected for it, and comes from
    draws of half of the held-out part where n is more than that.
    By default n is 10,000 vectors or 2000 images, or what the held-out part has; metrics of quadratic cost take 2000 at
    most. With fewer than 20 held-out examples, or fewer than n, there is no floor.

    `trained` tells whether the samples' model was trained on the training part: only then can it have copied that.
    Events of particle physics are compared by `metrics.events`, up to 100,000 of them.
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
    if "events" in data.spec.x.extra:
        measures = event_measures(data, n, seed)
    else:
        measures = image_measures(data, see, n, seed) if network else vector_measures(data, n, seed, unseen)
    if unseen and trained:
        measures.append(copying_measure(data, _points, n, seed))

    values: list[Figures] = []
    floors: list[Figures] = []
    halves: list[Figures] = []
    half = min(n, len(data.held_out) // 2, len(data) // 2)
    for i in range(repeats):
        say("samples", 0.15 + 0.85 * i / repeats)
        seen = see(_checked(sample(n, seed + i), (n, *data.spec.x.shape)))
        values.append([m.compare(seen[m.view][: m.most]) for m in measures])
        if unseen and n <= len(data.held_out):
            say("floor", 0.15 + 0.85 * (i + 0.5) / repeats)
            floors.append(_real_figures(measures, data, see, n, seed + i))
            halves.append(floors[i] if half == n else _real_figures(measures, data, see, half, seed + i))
    say("done", 1.0)

    cards: list[Card] = []
    for j, m in enumerate(measures):
        others = len(data.held_out if m.split == "train" else data)
        widened = _widening(min(half, m.most), min(n, m.most), others)
        for c, name in enumerate(m.names):
            value = [row[j][c] for row in values]
            floor = m.floor
            if floor is None and floors:
                spread = stdev(row[j][c] for row in halves) * widened if repeats > 1 else None
                floor = fmean(row[j][c] for row in floors), spread
            cards.append(_card(m, name, value, floor or (None, None), n, seed, network))
    return cards


def nearest(samples: Tensor, data: Data, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k nearest training examples to each of `samples` `[n, *shape]`, in model space: Euclidean distances `[n, k]`,
    nearest first, and the examples `[n, k, *shape]`. Images of over 64 pixels a side are compared averaged down. Of
    data with more than 200 million values only the first examples are searched."""
    pool = data.all("x", limit=4 * VALUES // data.spec.x.size).cpu()
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
    vectors = EVENTS if "events" in data.spec.x.extra else VECTORS
    most = vectors if data.spec.x.kind == "vector" else min(IMAGES, max(FEWEST, 2**28 // data.spec.x.size))
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


def _card(
    m: Measure, name: str, value: list[float], floor: Floor, n: int, seed: int, network: FeatureNet | None
) -> Card:
    return Card(
        name=name,
        value=fmean(value),
        spread=stdev(value) if len(value) > 1 else None,
        repeats=len(value),
        n_real=m.n_real,
        n_fake=min(n, m.most),
        split=m.split,
        seed=seed,
        features=f"{network.name} {network.hash}" if network and m.view != "points" else None,
        floor=floor[0],
        floor_spread=floor[1],
        better=m.better,
        source=m.source,
        note=m.note,
        of=m.of[m.names.index(name)] if m.of else "",
    )


def _real_figures(measures: list[Measure], data: Data, see: Sight, n: int, seed: int) -> Figures:
    """As of samples, with n reals in their place: held-out ones against training examples, training examples else."""
    parts = {"train": see(draw(data.held_out, n, seed)), "held-out": see(draw(data, n, seed + 1))}
    return [() if m.floor else m.compare(parts[m.split][m.view][: m.most]) for m in measures]


def _widening(drawn: int, n: int, population: int) -> float:
    """From the spread of a figure over draws of `drawn` out of `population`, without replacement, to that over
    independent draws of n: as for a mean, 1 / sqrt(1 - drawn / population) for the overlap, sqrt(drawn / n) for the
    size. Of halves of the population it is 1, the delete-half jackknife, for n the whole (Wu 1986)."""
    return (drawn / n / (1 - drawn / population)) ** 0.5
