"""Which metrics judge which data, and against how many reals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from .divergences import total_variation
from .features import SIDE, FeatureNet, shrink
from .frechet import frechet_distance
from .kernels import SCALES, energy_distance, kernel_distance, median_distance, mmd2
from .manifold import density_coverage, precision_recall
from .modes import Modes, mode_coverage
from .neighbours import data_copying, nearest_neighbours
from .points import rows
from .scores import class_shares, inception_score
from .transport import sliced_wasserstein, wasserstein_columns
from .twosample import significant_accuracy, two_sample_test

if TYPE_CHECKING:
    from ..data import Data

REFERENCE = 10_000  # reals behind a Frechet distance
PAIRS = 2000  # points where a metric's time grows with n^2
SEARCHES = 500  # samples, and held-out reals, whose nearest training example is sought
VALUES = 50_000_000  # numbers of the training data among which it is sought: all 60,000 of MNIST

View = Literal["points", "features", "probabilities"]


@dataclass(frozen=True)
class Measure:
    """One comparison of samples with a fixed set of reals; it gives a figure for each of its `names`."""

    names: tuple[str, ...]
    compare: Callable[[Tensor], tuple[float, ...]]  # of a view of the samples; the reals are bound already
    n_real: int
    source: str
    view: View = "points"
    better: Literal["lower", "higher"] = "lower"
    split: Literal["train", "held-out"] = "train"
    most: int = PAIRS  # samples it takes
    note: str = ""
    floor: tuple[float, float] | None = None  # value and spread, where theory gives them
    of: tuple[str, ...] = ()  # for each of the names, the feature that it ends in, or ""


class Sight:
    """Samples `[n, *shape]` in model space -> what the measures look at."""

    def __init__(self, network: FeatureNet | None):
        self.network = network

    def __call__(self, x: Tensor) -> dict[View, Tensor]:
        if self.network is None:
            return {"points": x.flatten(1)}
        out = self.network(x)
        seen: dict[View, Tensor] = {"points": shrink(x, SIDE).flatten(1), "features": out.rows}
        return seen if out.probabilities is None else {**seen, "probabilities": out.probabilities}


def draw(data: Data, n: int, seed: int) -> Tensor:
    """n distinct examples of x in random order (all, if there are fewer), on the cpu. Weighted ones are drawn again, in
    proportion."""
    batch = data.take(n, seed=seed)
    x = batch.x.cpu()
    if "w" in batch.tensors:
        generator = torch.Generator().manual_seed(seed)
        return x[torch.multinomial(batch.w[:, 0].double(), len(x), replacement=True, generator=generator)]
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))]


def vector_measures(data: Data, n: int, seed: int, unseen: bool) -> list[Measure]:
    """For rows of numbers. `unseen`: whether there are enough held-out examples to serve as the reference."""
    reals = rows(draw(data, n, seed))
    few = reals[:PAIRS]
    bandwidths = [s * median_distance(few) for s in SCALES]

    def columns(x: Tensor) -> tuple[float, ...]:
        distances = wasserstein_columns(x, reals)
        return float(distances.max()), float(distances.mean())

    measures = [
        Measure(
            ("sliced Wasserstein-1",),
            lambda x: (sliced_wasserstein(x, reals, seed=seed),),
            len(reals),
            "Bonneel et al. 2015",
            most=n,
            note="128 projections",
        ),
        Measure(
            ("column W1, worst", "column W1, mean"),
            columns,
            len(reals),
            "Wasserstein-1, exact in one dimension",
            most=n,
            note="in standard deviations of the column (shares, for categories)",
        ),
        Measure(
            ("MMD^2",),
            lambda x: (mmd2(x, few, bandwidths=bandwidths),),
            len(few),
            "Gretton et al. 2012",
            note="unbiased; Gaussian kernels of " + ", ".join(f"{b:.3g}" for b in bandwidths),
        ),
        Measure(
            ("energy distance",),
            lambda x: (energy_distance(x, few),),
            len(few),
            "Szekely & Rizzo 2013",
            note="unbiased, not the root",
        ),
    ]
    if "modes" in data.spec.x.extra:
        measures += _mode_measures(data, n)
    return [*measures, _two_sample(data, n, seed)] if unseen else measures


def _mode_measures(data: Data, n: int) -> list[Measure]:
    field = data.spec.x
    modes = torch.tensor(field.extra["modes"], dtype=torch.float64)

    def judge(x: Tensor) -> Modes:
        return mode_coverage(field.decode(x), modes, field.extra["mode_std"])

    rule = (
        "against the known modes, no reals; quality: within 4 standard deviations of a mode; "
        "covered: 10 % of a fair share of those"
    )
    common: dict[str, Any] = {
        "n_real": 0,
        "most": n,
        "source": "after Srivastava et al. 2017 (VEEGAN)",
        "note": rule,
    }
    return [
        Measure(
            (f"modes covered of {len(modes)}", "high-quality share"),
            lambda x: (float((m := judge(x)).covered), m.quality),
            better="higher",
            **common,
        ),
        Measure(("mode imbalance, KL",), lambda x: (judge(x).imbalance,), **common),
    ]


def _two_sample(data: Data, n: int, seed: int) -> Measure:
    reals = rows(draw(data.held_out, min(n, PAIRS), seed))
    chance = significant_accuracy(len(reals))
    return Measure(
        ("two-sample accuracy",),
        lambda x: (two_sample_test(reals, x, seed=seed).accuracy,),
        len(reals),
        "Lopez-Paz & Oquab 2017",
        split="held-out",
        most=len(reals),
        note=f"nearest neighbours, 5 folds; 0.5 is chance, above {chance:.3f} they differ (p < 0.01)",
    )


def image_measures(data: Data, see: Sight, n: int, seed: int) -> list[Measure]:
    """For images: most through the feature network, pixels where it says so."""
    many = see(draw(data, max(n, min(REFERENCE, 2**28 // data.spec.x.size)), seed))
    far = rows(many["features"])
    near = far[: min(n, PAIRS)]
    pixels = rows(many["points"][:n])
    measures = [
        Measure(
            ("Frechet distance",),
            lambda x: (frechet_distance(x, far),),
            len(far),
            "Heusel et al. 2017",
            view="features",
            most=n,
            note="depends on n: compare with figures of the same n only",
        ),
        Measure(
            ("kernel distance",),
            lambda x: (kernel_distance(x, near),),
            len(near),
            "Binkowski et al. 2018",
            view="features",
        ),
        Measure(
            ("precision", "recall"),
            lambda x: precision_recall(near, x),
            len(near),
            "Kynkaanniemi et al. 2019",
            view="features",
            better="higher",
            note="k = 3",
        ),
        Measure(
            ("density", "coverage"),
            lambda x: density_coverage(near, x),
            len(near),
            "Naeem et al. 2020",
            view="features",
            better="higher",
            note="k = 5",
        ),
        Measure(
            ("sliced Wasserstein-1, pixels",),
            lambda x: (sliced_wasserstein(x, pixels, seed=seed),),
            len(pixels),
            "Bonneel et al. 2015",
            most=n,
            note=f"128 projections; pictures over {SIDE} pixels averaged down",
        ),
    ]
    return measures + _class_measures(many["probabilities"], n) if "probabilities" in many else measures


def _class_measures(reals: Tensor, n: int) -> list[Measure]:
    shares = class_shares(reals)
    about: dict[str, Any] = {"view": "probabilities", "most": n}
    listed = ", ".join(f"{s:.3f}" for s in shares.tolist()) if len(shares) <= 20 else f"{len(shares)} classes"
    return [
        Measure(
            ("class score",),
            lambda p: (inception_score(p),),
            0,
            source="Salimans et al. 2016",
            better="higher",
            note="as the Inception score, by the feature network's classes; uses no reals",
            **about,
        ),
        Measure(
            ("class shares, distance",),
            lambda p: (total_variation(class_shares(p), shares),),
            len(reals),
            source="total variation",
            note=f"between predicted classes; shares of the reals: {listed}",
            **about,
        ),
    ]


def copying_measure(data: Data, see: Callable[[Tensor], Tensor], n: int, seed: int) -> Measure:
    """Whether samples lie nearer to training examples than held-out reals do."""
    taken = min(n, SEARCHES)
    pool = rows(see(draw(data, max(1000, VALUES // see(draw(data, 1, seed)).shape[1]), seed)))
    unseen = nearest_neighbours(see(draw(data.held_out, taken, seed)), pool)[0][:, 0]
    return Measure(
        ("nearer than unseen",),
        lambda x: (data_copying(nearest_neighbours(x, pool)[0][:, 0], unseen).nearer,),
        len(unseen),
        "Meehan, Chaudhuri & Dasgupta 2020",
        split="held-out",
        most=taken,
        note=f"share of samples nearer than held-out reals to their nearest of {len(pool)} training examples: "
        "above 0.5 copies, below 0.5 is off the data; floor by symmetry",
        floor=(0.5, ((taken + len(unseen) + 1) / (12 * taken * len(unseen))) ** 0.5),
    )
