"""Divergences, transport and kernels against scipy, scikit-learn, POT or a closed form."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist, jensenshannon
from sklearn.neighbors import KernelDensity

from zerosum import metrics as m
from zerosum.errors import InputError
from zerosum.metrics import points
from zerosum.metrics.parzen import SIGMAS, log_densities
from zerosum.metrics.transport import random_directions

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), 0.7 * RNG.normal(size=(45, 3)) + 0.5
P, Q = RNG.random(7), RNG.random(7)


def test_discrete_divergences_equal_scipy():
    assert m.kl(P, Q) == pytest.approx(stats.entropy(P, Q), rel=1e-12)
    assert m.jsd(P, Q) == pytest.approx(jensenshannon(P, Q) ** 2, rel=1e-12)
    assert m.kl([0.5, 0.5], [1, 0]) == math.inf
    assert m.kl([1, 0], [0.5, 0.5]) == pytest.approx(math.log(2))
    assert m.jsd([1, 0], [0, 1]) == pytest.approx(math.log(2))
    assert m.total_variation([1, 0], [0.25, 0.75]) == 0.75


def test_histograms_count_every_point_in_one_grid():
    p, q = m.histograms([0.0, 0.1, 0.9, 1.0], [0.0, 1.0], bins=2)
    assert p.tolist() == [0.5, 0.5] == q.tolist()
    p, q = m.histograms(X, Y, bins=4)
    assert p.shape == (64,)
    assert p.sum() == pytest.approx(1) == q.sum()
    edges = [np.histogram_bin_edges(np.concatenate([X, Y])[:, i], 4) for i in range(3)]
    assert np.array_equal(p * 60, np.histogramdd(X, edges)[0].ravel())


def test_monte_carlo_divergences_reach_the_closed_form_within_their_error():
    p, q = stats.norm(0, 1), stats.norm(1, 2)
    x, y = p.rvs(40_000, random_state=1), q.rvs(40_000, random_state=2)
    value, error = m.kl_monte_carlo(p.logpdf(x), q.logpdf(x))
    assert abs(value - (math.log(2) + 2 / 8 - 0.5)) < 4 * error < 0.02
    grid = np.linspace(-15, 15, 20_001)
    exact = m.jsd(p.pdf(grid), q.pdf(grid))
    value, error = m.jsd_monte_carlo(p.logpdf(x), q.logpdf(x), p.logpdf(y), q.logpdf(y))
    assert abs(value - exact) < 4 * error < 0.01


def test_wasserstein_in_one_dimension_equals_scipy():
    x, y = X[:, 0], Y[:, 0]
    assert m.wasserstein_1d(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    a, b = RNG.random(60), RNG.integers(0, 5, 45)
    assert m.wasserstein_1d(x, y, a, b) == pytest.approx(stats.wasserstein_distance(x, y, a, b), rel=1e-12)
    columns = [stats.wasserstein_distance(X[:, i], Y[:, i]) for i in range(3)]
    assert m.wasserstein_columns(X, Y).tolist() == pytest.approx(columns, rel=1e-12)
    assert m.wasserstein_columns(X, Y[:1], p=2).tolist() == pytest.approx(((X - Y[0]) ** 2).mean(0), rel=1e-12)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("n", [45, 31])
def test_sliced_wasserstein_equals_pot_on_the_same_directions(p: int, n: int):
    ot = pytest.importorskip("ot", reason="POT, the reference, is not installed")
    directions = random_directions(3, 50, seed=3).numpy()
    expected = ot.sliced_wasserstein_distance(X[:45], Y[:n], projections=directions, p=p)
    assert m.sliced_wasserstein(X[:45], Y[:n], p=p, projections=50, seed=3) == pytest.approx(expected, rel=1e-9)


def test_sliced_wasserstein_of_a_shift_is_the_mean_projection():
    shift = np.array([3.0, 0.0])
    x = RNG.normal(size=(500, 2))
    assert m.sliced_wasserstein(x, x + shift, projections=4000) == pytest.approx(3 * 2 / math.pi, rel=0.03)
    assert m.sliced_wasserstein(x, x + shift, p=2, projections=4000) == pytest.approx(3 / 2**0.5, rel=0.03)
    assert m.sliced_wasserstein(x, x) == 0


def test_exact_transport_equals_pot_and_refuses_what_would_take_minutes():
    ot = pytest.importorskip("ot", reason="POT, the reference, is not installed")
    x, y = X[:45], Y
    assert m.optimal_transport(x, y) == pytest.approx(ot.emd2([], [], cdist(x, y) ** 2) ** 0.5, rel=1e-9)
    assert m.optimal_transport(x, y, p=1) == pytest.approx(ot.emd2([], [], cdist(x, y)), rel=1e-9)
    with pytest.raises(InputError, match="sliced_wasserstein"):
        m.optimal_transport(np.zeros((4001, 1)), np.zeros((4001, 1)))
    with pytest.raises(InputError, match="60 and 45"):
        m.optimal_transport(X, Y)


def mmd_by_hand(kernel, unbiased: bool) -> float:
    xx, yy, xy = kernel(X, X), kernel(Y, Y), kernel(X, Y)
    if not unbiased:
        return xx.mean() + yy.mean() - 2 * xy.mean()
    off = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    return sum(off) - 2 * xy.mean()


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_mmd_equals_the_sum_over_scikit_learn_kernels(estimator: str, monkeypatch: pytest.MonkeyPatch):
    from sklearn.metrics.pairwise import rbf_kernel

    def kernel(a, b):
        return (rbf_kernel(a, b, 1 / (2 * 0.5**2)) + rbf_kernel(a, b, 1 / (2 * 2.0**2))) / 2

    expected = mmd_by_hand(kernel, estimator == "unbiased")
    assert m.mmd2(X, Y, bandwidths=[0.5, 2.0], estimator=estimator) == pytest.approx(expected, rel=1e-10)
    monkeypatch.setattr(points, "BLOCK", 7 * 45)
    assert m.mmd2(X, Y, bandwidths=[0.5, 2.0], estimator=estimator) == pytest.approx(expected, rel=1e-10)


def test_mmd_of_gaussians_reaches_its_closed_form():
    """E k of N(0, 1) and N(a, 1) with bandwidth s: s / sqrt(s^2 + 2) exp(-a^2 / 2(s^2 + 2)), for means a apart."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(4000, 1, generator=g), torch.randn(4000, 1, generator=g) + 1
    exact = 2 / 3**0.5 * (1 - math.exp(-1 / 6))
    assert m.mmd2(x, y, bandwidths=[1.0]) == pytest.approx(exact, rel=0.1)
    assert m.mmd2(x, y, bandwidths=[1.0], estimator="linear") == pytest.approx(exact, rel=0.3)
    same = [m.mmd2(x[i : i + 200], x[i + 200 : i + 400], bandwidths=[1.0]) for i in range(0, 4000, 400)]
    assert min(same) < 0 < max(same), "unbiased: about zero, on either side"


def test_linear_mmd_is_the_mean_over_consecutive_pairs():
    def k(a, b):
        return np.exp(-((a - b) ** 2).sum(1) / 2)

    x1, x2, y1, y2 = X[0:44:2], X[1:44:2], Y[0:44:2], Y[1:44:2]
    expected = (k(x1, x2) + k(y1, y2) - k(x1, y2) - k(x2, y1)).mean()
    assert m.mmd2(X, Y, bandwidths=[1.0], estimator="linear") == pytest.approx(expected, rel=1e-12)


def test_median_distance():
    assert m.median_distance([[0.0], [1.0], [3.0]]) == 2
    assert m.median_distance(np.zeros((5, 2))) == 1
    assert m.median_distance([[0.0]] * 9 + [[1.0]]) == pytest.approx(0.2), "over half coincide: the mean"


def test_energy_distance_equals_scipy():
    x, y = X[:, 0], Y[:, 0]
    assert m.energy_distance(x, y, estimator="biased") == pytest.approx(stats.energy_distance(x, y) ** 2, rel=1e-6)
    by_hand = mmd_by_hand(lambda a, b: -cdist(a, b), unbiased=True)
    assert m.energy_distance(X, Y) == pytest.approx(by_hand, rel=1e-8)


def test_parzen_equals_scikit_learn(monkeypatch: pytest.MonkeyPatch):
    samples, validation, test = RNG.random((80, 12)), RNG.random((30, 12)), RNG.random((40, 12))
    assert pytest.approx(np.logspace(-1, 0, 10)) == SIGMAS
    scores = {s: KernelDensity(bandwidth=s).fit(samples).score_samples(validation).mean() for s in SIGMAS}
    best = max(scores, key=scores.__getitem__)
    expected = KernelDensity(bandwidth=best).fit(samples).score_samples(test)
    monkeypatch.setattr(points, "BLOCK", 80 * 7)
    result = m.parzen_log_likelihood(samples, validation, test)
    assert result.sigma == best
    assert result.mean == pytest.approx(expected.mean(), rel=1e-9)
    assert result.error == pytest.approx(expected.std() / 40**0.5, rel=1e-9)
    [single] = log_densities(np.zeros((1, 2)), np.zeros((1, 2)), [0.5])
    assert float(single) == pytest.approx(-math.log(2 * math.pi * 0.25))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: m.mmd2(X, Y[:, :2]), "3 values .* 2"),
        (lambda: m.energy_distance(np.full((3, 2), np.nan), X[:, :2]), "6 of 6 values are not finite"),
        (lambda: m.mmd2(X, Y, bandwidths=[0.0]), "positive"),
        (lambda: m.energy_distance(X, Y, estimator="linear"), "'linear'"),
        (lambda: m.sliced_wasserstein(X, Y, p=3), "1 or 2"),
        (lambda: m.wasserstein_1d(X[:, 0], Y[:, 0], -np.ones(60)), "weights"),
        (lambda: m.kl([-1, 2], [1, 1]), "below 0"),
        (lambda: m.kl([1, 2], [1, 1, 1]), "2 and 3"),
        (lambda: m.kernel_distance(X[:1], Y), "at least 2"),
        (lambda: m.wasserstein_columns(np.empty((0, 3)), Y), "at least one"),
    ],
)
def test_mistakes_are_named(call, said: str):
    with pytest.raises(InputError, match=said):
        call()
