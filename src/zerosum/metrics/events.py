"""How well generated events agree with real ones: what a physicist looks at, feature by feature and as a whole.

Features come from the momenta in float64 (`data.events.kinematics`). No event is cut away before it is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data import Data, Group
from ..data.events import kinematics
from ..errors import InputError
from .frechet import frechet_of_moments
from .suite import Measure
from .transport import wasserstein_1d
from .twosample import two_sample_auc

if TYPE_CHECKING:
    from torch import Tensor

REFERENCE = 200_000  # real events at most
READ = 20_000  # and behind the readings of a run
BINS, BINS_2D = 100, 50
FEWEST = 20  # events, of both samples together, in a bin of a chi^2
JUDGED = 5000  # events a side that a classifier sees
BATCHES, BATCH = 10, 5000  # of KPD
POINTS, SAMPLES, LARGEST = 10, 20, 50_000  # of FPD: batch sizes, batches of each, the largest


@dataclass(frozen=True)
class Feature:
    """A number of each event. `range` is where the FAT-GAN papers plot it, for 50 GeV on 50 GeV."""

    name: str
    label: str  # as matplotlib sets it
    of: Callable[[np.ndarray, Any, Any], np.ndarray]  # momenta, energies of beam and target -> [n]
    range: tuple[float, float]
    unit: str = ""
    log: bool = False  # bins, and what is compared by distances
    beams: bool = False  # is it known only where the beams are?

    @property
    def title(self) -> str:
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def __call__(self, p: np.ndarray, e: tuple[Any, Any] | None) -> np.ndarray:
        return self.of(p, *(e or (None, None)))

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """The values, or their logarithms; what has none (x where y <= 0) lies far beyond."""
        if not self.log:
            return values
        return np.log(np.where(values > 0, values, np.inf).clip(1e-9, 1e9))


FEATURES = (
    Feature("px", "$p_x$", lambda p, b, t: p[:, 0], (-9.9, 9.9), "GeV"),
    Feature("py", "$p_y$", lambda p, b, t: p[:, 1], (-9.9, 9.9), "GeV"),
    Feature("pz", "$p_z$", lambda p, b, t: p[:, 2], (10.1, 49.9), "GeV"),
    Feature("E", "$E'$", lambda p, b, t: p[:, 3], (10.1, 49.9), "GeV"),
    Feature("pT", "$p_T$", lambda p, b, t: kinematics.pT(p), (2.1, 9.9), "GeV"),
    Feature("theta", r"$\theta$", lambda p, b, t: kinematics.theta(p), (0.1, 0.99), "rad"),
    Feature("phi", r"$\phi$", lambda p, b, t: kinematics.phi(p), (-np.pi, np.pi), "rad"),
    Feature("x", "$x$", kinematics.x, (0.01, 0.39), log=True, beams=True),
    Feature("Q2", "$Q^2$", lambda p, b, t: kinematics.Q2(p, b), (3.0, 200.0), "GeV$^2$", log=True, beams=True),
)


def known(e: tuple[Any, Any] | None) -> tuple[Feature, ...]:
    """The features that can be told with or without the beams' energies."""
    return tuple(f for f in FEATURES if e is not None or not f.beams)


def edges(feature: Feature, values: np.ndarray, e: tuple[Any, Any] | None, bins: int = BINS) -> np.ndarray:
    """Edges of the bins: those of the papers for beams of 50 GeV, else what holds 99.8 % of the real `values`."""
    low, high = feature.range
    if feature.name != "phi" and e != (50.0, 50.0):
        low, high = np.quantile(values[np.isfinite(values)], [0.001, 0.999])
        low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    logarithmic = feature.log and feature.name != "x" and low > 0
    return np.geomspace(low, high, bins + 1) if logarithmic else np.linspace(low, high, bins + 1)


# One feature at a time.


def chi2(
    a: np.ndarray,
    b: np.ndarray,
    edges: np.ndarray,
    a_weights: np.ndarray | None = None,
    b_weights: np.ndarray | None = None,
) -> tuple[float, int]:
    """chi^2 and ndf of two samples in the same bins, with the errors of both; what lies outside makes two bins more.

    With shares f = n / N it is sum (f_a - f_b)^2 / (p (1 / N_a + 1 / N_b)), p the share of both together, with
    ndf = bins - 1: the test of homogeneity (ROOT's Chi2Test, "UU"). With weights, the variance of a share is
    sum w^2 / (sum w)^2. Bins of fewer than 20 events in both are joined with their neighbours.
    """
    every = np.concatenate([[-np.inf], edges, [np.inf]])
    return compared([filled(v, every, w) for v, w in ((a, a_weights), (b, b_weights))])


Filled = tuple[np.ndarray, np.ndarray]  # sum of weights, and of their squares, in each bin


def filled(values: np.ndarray, every: np.ndarray, weights: np.ndarray | None) -> Filled:
    values = np.where(np.isnan(values), np.inf, values)
    where = np.clip(np.searchsorted(every, values, "right") - 1, 0, len(every) - 2)
    counts = [np.bincount(where, None if weights is None else weights**k, len(every) - 1) for k in (1, 2)]
    return counts[0].astype(float), counts[1].astype(float)


def compared(samples: list[Filled]) -> tuple[float, int]:
    """chi^2 and ndf of two histograms."""
    (a, va), (b, vb) = samples
    group = joined(sum(n * n / np.where(v > 0, v, 1) for n, v in samples))
    a, va, b, vb = (np.bincount(group, v) for v in (a, va, b, vb))
    na, nb = a.sum(), b.sum()
    if not na or not nb:
        raise InputError("chi2 needs events on both sides, with weights that are not all 0")
    if np.array_equal(a, va) and np.array_equal(b, vb):
        variance = (a + b) / (na + nb) * (1 / na + 1 / nb)
    else:
        variance = va / na**2 + vb / nb**2
    return float(((a / na - b / nb) ** 2 / np.maximum(variance, 1e-300)).sum()), max(len(a) - 1, 1)


def joined(counts: Any) -> np.ndarray:
    """Consecutive bins -> the numbers of groups that hold at least FEWEST each."""
    group, full, inside = np.empty(len(counts), int), 0, 0.0
    for i, n in enumerate(counts):
        group[i], inside = full, inside + n
        if inside >= FEWEST:
            full, inside = full + 1, 0.0
    return np.minimum(group, max(full - 1, 0))  # what is left over goes to the last


def kolmogorov(
    a: np.ndarray, b: np.ndarray, a_weights: np.ndarray | None = None, b_weights: np.ndarray | None = None
) -> float:
    """The largest difference between two cumulative distributions (Kolmogorov-Smirnov)."""
    every = np.concatenate([a, b])
    every.sort()

    def cumulative(v: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        order = np.argsort(v)
        total = np.concatenate([[0.0], np.cumsum(np.ones(len(v)) if w is None else w[order])])
        return total[np.searchsorted(v[order], every, "right")] / total[-1]

    return float(np.abs(cumulative(a, a_weights) - cumulative(b, b_weights)).max())


def bands(samples: Sequence[np.ndarray], edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, over samples such as those of an ensemble, of the share in each bin."""
    shares = np.stack([np.histogram(v, edges)[0] / len(v) for v in samples])
    return shares.mean(0), shares.std(0, ddof=1) if len(samples) > 1 else np.zeros(shares.shape[1])


# Several at once.


def axes_2d(e: tuple[Any, Any], reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithmic bins of x and Q^2."""
    q2 = kinematics.Q2(reals, e[0])
    low, high = 10 ** np.floor(np.log10(np.quantile(q2, [0.0001]))), 10 ** np.ceil(np.log10(np.quantile(q2, [0.9995])))
    smallest = 10 ** np.floor(np.log10(np.quantile(kinematics.x(reals, *e), [0.001])))
    return np.geomspace(float(smallest[0]), 1, BINS_2D + 1), np.geomspace(float(low[0]), float(high[0]), BINS_2D + 1)


def chi2_2d(a: np.ndarray, b: np.ndarray, e: tuple[Any, Any], b_weights: np.ndarray | None = None) -> tuple[float, int]:
    """chi^2 and ndf of samples of momenta in 50 x 50 logarithmic bins of (x, Q^2) by the range of `b`."""
    first, second = axes_2d(e, b)

    def cells(p: np.ndarray, w: np.ndarray | None) -> Filled:
        x, q2 = kinematics.x(p, *e), kinematics.Q2(p, e[0])
        row, column = (np.searchsorted(axis, v, "right") for axis, v in ((first, x), (second, q2)))
        where = (row * (BINS_2D + 2) + column).astype(float)
        return filled(where, np.arange(-0.5, (BINS_2D + 2) ** 2), w)

    return compared([cells(a, None), cells(b, b_weights)])


def table(p: np.ndarray, e: tuple[Any, Any] | None) -> np.ndarray:
    """`[n, features]`, logarithms of x and Q^2."""
    return np.stack([f.spread_out(f(p, e)) for f in known(e)], 1)


def correlations(features: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Pearson's, `[d, d]`."""
    spread = np.atleast_2d(np.cov(features.T, aweights=weights))
    scale = np.sqrt(np.diag(spread))
    return spread / np.where(scale > 0, scale, 1) / np.where(scale > 0, scale, 1)[:, None]


def fpd(real: np.ndarray, fake: np.ndarray, *, largest: int = LARGEST, seed: int = 0) -> tuple[float, float]:
    """Frechet physics distance of feature rows, and its error (Kansal et al. 2022, arXiv:2211.10295; JetNet's).

    Features are divided by their largest absolute value among the reals. The Frechet distance is averaged over 20
    batches, drawn with replacement, of each of 10 sizes from 0.4 `largest` to `largest` (50,000 there) that are evenly
    spaced in 1 / N; a line through these meets 1 / N = 0 at the result. Intercept and slope are not negative.
    """
    from scipy.optimize import curve_fit

    real, fake = scaled(real, fake)
    rng = np.random.default_rng(seed)
    sizes = (1 / np.linspace(2.5 / largest, 1 / largest, POINTS)).astype(int)
    means = [np.mean([between(draw(real, n, rng), draw(fake, n, rng)) for _ in range(SAMPLES)]) for n in sizes]
    unit = max(float(np.max(means)), 1e-300)  # the fit's steps are absolute
    line = curve_fit(lambda v, a, b: a + b * v, sizes[-1] / sizes, np.array(means) / unit, bounds=([0, 0], np.inf))
    return float(line[0][0]) * unit, float(np.sqrt(line[1][0, 0])) * unit


def scaled(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    most = np.abs(real).max(0)
    most[most == 0] = 1
    return real / most, fake / most


def draw(rows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.integers(len(rows), size=n)]


def between(a: np.ndarray, b: np.ndarray) -> float:
    (m1, s1), (m2, s2) = ((torch.from_numpy(v.mean(0)), torch.from_numpy(np.cov(v.T))) for v in (a, b))
    return frechet_of_moments(m1, s1, m2, s2)


def kpd(real: np.ndarray, fake: np.ndarray, *, batch: int = BATCH, seed: int = 0) -> tuple[float, float]:
    """Kernel physics distance of feature rows, and its error (the same paper; JetNet's).

    MMD^2, unbiased, with kernel (x.y / d + 1)^4: median, and half of the distance between the 16th and 84th
    percentiles, of 10 batches of 5000, drawn with replacement. Features are scaled as for the FPD.
    """
    real, fake = scaled(real, fake)
    rng = np.random.default_rng(seed)
    values = [quartic_mmd2(draw(real, batch, rng), draw(fake, batch, rng)) for _ in range(BATCHES)]
    low, high = np.percentile(values, [16.275, 83.725])
    return float(np.median(values)), float(high - low) / 2


def quartic_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased MMD^2 with kernel (x.y / d + 1)^4, in time O(n).

    With z = (x / sqrt d, 1) and q = z z^T, the kernel is (q . q')^2, and its sum over all pairs |sum q q^T|^2.
    """

    def moments(v: np.ndarray) -> tuple[np.ndarray, float]:
        z = np.column_stack([v / np.sqrt(v.shape[1]), np.ones(len(v))])
        q = (z[:, :, None] * z[:, None]).reshape(len(v), -1)
        return q.T @ q, float(((z * z).sum(1) ** 4).sum())

    (a, own_a), (b, own_b), n, m = moments(x), moments(y), len(x), len(y)
    within = ((a * a).sum() - own_a) / (n * (n - 1)) + ((b * b).sum() - own_b) / (m * (m - 1))
    return float(within - 2 * (a * b).sum() / (n * m))


def invalid(p: np.ndarray, facts: dict[str, Any]) -> dict[str, float]:
    """Shares of events that cannot be, no cut made before."""
    e, out = kinematics.energies(facts), {}
    if e is not None:
        x = kinematics.x(p, *e)
        out["share with pz >= E_b"] = p[:, 2] >= e[0]
        out["share with x not in (0, 1]"] = ~((x > 0) & (x <= 1))
        out["share with Q2 below the cut"] = kinematics.Q2(p, e[0]) < facts["q2min"] * (1 - 1e-4)
    if facts.get("mass") is not None:
        out["share off the mass shell"] = kinematics.off_shell(p, facts["mass"])
    return {name: float(bad.mean()) for name, bad in out.items()}


def amplification(fake: np.ndarray, truth: np.ndarray, n_train: int, quantiles: int = 50) -> float:
    """How many times its training set a generator is worth (Butter et al. 2020, arXiv:2008.06545), in one feature.

    The truth's quantiles cut its range into k equal shares. Shares of n true events differ from 1/k by (1 - 1/k) / n,
    squared and summed, on average; the n that a generator's sample reaches, by `n_train`, is the factor. `fake` and
    `truth` must hold many more events than it claims.
    """
    cuts = np.quantile(truth, np.linspace(0, 1, quantiles + 1)[1:-1])
    shares = np.bincount(np.searchsorted(cuts, fake), minlength=quantiles) / len(fake)
    return float((1 - 1 / quantiles) / max(((shares - 1 / quantiles) ** 2).sum(), 1e-300) / n_train)


# For `evaluate`, and for the readings of a run.


def readings(data: Any, sample: Callable[[int, int], Tensor]) -> dict[str, float]:
    """Of events, chi^2/ndf of each feature against held-out ones, and their mean, as a run records them."""
    if "x" not in data.spec or "events" not in data.spec.x.extra:
        return {}
    field, real = data.spec.x, data.held_out.take(READ, seed=0).x
    fake = sample(len(real), 2)
    e = kinematics.energies(field.extra["events"])
    p, q = field.decode(real), field.decode(fake)
    pairs = [(f, f(p, e), f(q, e)) for f in known(e)]
    found = {f"chi2/{f.name}": float(np.divide(*chi2(b, a, edges(f, a, e)))) for f, a, b in pairs}
    return {"chi2/mean": float(np.mean([*found.values()]))} | found


def of_one_beam(data: Data, energy: float) -> Data:
    """The events of one beam energy, out of data that have several."""
    x, y = data.spec.x, data.spec.y
    facts = {**x.extra["events"], "beam": energy}
    e = kinematics.energies(facts)
    assert e is not None
    here = replace(x, extra={**x.extra, "events": {**facts, "sqrt_s": float(np.sqrt(4 * e[0] * e[1]))}})

    def chosen(group: Group) -> Group:
        of = Data("beam", (replace(group, cumulative=None),)).all("y")
        rows = np.flatnonzero(np.isclose(y.decode(of)[:, 0], energy, rtol=1e-5))
        arrays = {k: replace(a, field=here) if k == "x" else a for k, a in group.arrays.items() if k != "y"}
        return replace(group, arrays=arrays, rows=rows if group.rows is None else group.rows[rows], cumulative=None)

    others = None if data.others is None else tuple(map(chosen, data.others))
    return replace(data, groups=tuple(map(chosen, data.groups)), others=others)


def event_measures(data: Data, n: int, seed: int) -> list[Measure]:
    """Comparisons of samples with held-out events, at most 200,000 of them."""
    field = data.spec.x
    facts = field.extra["events"]
    batch = data.held_out.take(REFERENCE, seed=seed)
    reals = field.decode(batch.x)
    w = batch.w[:, 0].double().numpy() if "w" in data.spec else None
    e = kinematics.energies(facts)
    features = known(e)
    values = [f(reals, e) for f in features]
    cuts = [edges(f, v, e) for f, v in zip(features, values, strict=True)]
    rows = table(reals, e)
    spreads = rows.std(0)
    even = np.arange(len(rows)) if w is None else np.random.default_rng(seed).choice(len(w), len(w), p=w / w.sum())
    unweighted = rows[even]

    def ratio(found: tuple[float, int]) -> float:
        return found[0] / found[1]

    def chi2s(p: np.ndarray) -> tuple[float, ...]:
        each = [ratio(chi2(f(p, e), v, c, b_weights=w)) for f, v, c in zip(features, values, cuts, strict=True)]
        return float(np.mean(each)), *each

    def kolmogorovs(p: np.ndarray) -> tuple[float, ...]:
        return tuple(kolmogorov(a, b, b_weights=w) for a, b in zip(table(p, e).T, rows.T, strict=True))

    def distances(p: np.ndarray) -> tuple[float, ...]:
        pairs = zip(table(p, e).T, rows.T, spreads, strict=True)
        each = [wasserstein_1d(a, b, y_weights=w) / s for a, b, s in pairs]
        return float(np.mean(each)), *each

    def linear(p: np.ndarray) -> tuple[float, ...]:
        difference = np.abs(correlations(table(p, e)) - correlations(rows, w))[np.triu_indices(len(features), 1)]
        return float(difference.max()), float(difference.mean())

    def measure(names: Sequence[str], compare: Callable[[np.ndarray], tuple[float, ...]], source: str, note: str = "",
                n_real: int = len(reals), most: int = n) -> Measure:  # fmt: skip
        of = tuple(word if (word := name.rpartition(" ")[2]) in words else "" for name in names)
        return Measure(
            tuple(names),
            lambda x: compare(field.decode(x)),
            n_real,
            source,
            split="held-out",
            most=most,
            note=note,
            of=of,
        )

    words = [f.name for f in features]
    half = min(len(rows), n)
    measures = [
        measure(
            ["chi2/ndf, mean", *(f"chi2/ndf {word}" for word in words)],
            chi2s,
            "test of homogeneity, errors of both samples",
            f"{BINS} bins and what lies outside; joined up to {FEWEST} events",
        ),
        measure([f"KS {word}" for word in words], kolmogorovs, "Kolmogorov-Smirnov"),
        measure(
            ["W1, mean", *(f"W1 {word}" for word in words)],
            distances,
            "Wasserstein-1, exact in one dimension",
            "in standard deviations of the real feature; of ln x and ln Q2",
        ),
        measure(["correlation, worst", "correlation, mean"], linear, "Pearson's, |difference| over pairs of features"),
        measure(
            ["classifier AUC"],
            lambda p: (two_sample_auc(unweighted[:JUDGED], table(p, e), seed=seed),),
            "Lopez-Paz & Oquab 2017",
            f"boosted trees, 3 folds, {len(features)} features; 0.5 is chance",
            min(JUDGED, len(rows)),
            JUDGED,
        ),
        measure(
            ["FPD"],
            lambda p: (fpd(unweighted, table(p, e), largest=min(half, LARGEST), seed=seed)[0],),
            "Kansal et al. 2022, as JetNet",
            f"batches of up to {min(half, LARGEST):,}",
        ),
        measure(
            ["KPD"],
            lambda p: (kpd(unweighted, table(p, e), batch=min(half, BATCH), seed=seed)[0],),
            "Kansal et al. 2022, as JetNet",
            f"{BATCHES} batches of {min(half, BATCH):,}",
        ),
    ]
    if e is not None:
        note = f"{BINS_2D} x {BINS_2D} logarithmic bins"
        plane = measure(["chi2/ndf (x, Q2)"], lambda p: (ratio(chi2_2d(p, reals, e, w)),), measures[0].source, note)
        measures.insert(1, plane)
    if rates := tuple(invalid(reals, facts)):
        note = "of all samples, none cut away; of n, none found is less than 3 / n at 95 %"
        measures.append(measure(rates, partial(_rates, facts=facts), "kinematics", note))
    return measures


def _rates(p: np.ndarray, facts: dict[str, Any]) -> tuple[float, ...]:
    return tuple(invalid(p, facts).values())
