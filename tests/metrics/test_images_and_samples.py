"""Metrics on features, modes, neighbours and classifiers against other libraries or a closed form."""

import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from zerosum import metrics as m
from zerosum.errors import InputError
from zerosum.metrics import points

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(150, 6)), 0.8 * RNG.normal(size=(130, 6)) + 0.3


class Flat(nn.Module):
    """A feature network of torchmetrics: each picture is its own row."""

    num_features = 6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def pictures(rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rows).reshape(-1, 1, 2, 3)


def torchmetrics_figure(metric, *parts):
    for x, real in parts:
        metric.update(x, real=real)
    return metric.compute()


def test_frechet_distance_equals_torchmetrics():
    metric = FrechetInceptionDistance(feature=Flat(), normalize=False, input_img_size=(1, 2, 3)).set_dtype(
        torch.float64
    )
    expected = torchmetrics_figure(metric, (pictures(REAL), True), (pictures(FAKE), False))
    assert m.frechet_distance(REAL, FAKE) == pytest.approx(float(expected), rel=1e-5)


def test_frechet_distance_equals_the_matrix_root_of_scipy():
    s1, s2 = np.cov(REAL.T), np.cov(FAKE.T)
    expected = ((REAL.mean(0) - FAKE.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * linalg.sqrtm(s1 @ s2).real)
    assert m.frechet_distance(REAL, FAKE) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_singular_covariances():
    """Two points each: the covariances have rank 1, and the distance is that of their one-dimensional Gaussians."""
    a, b = np.array([[0.0, 0, 0], [2, 0, 0]]), np.array([[0.0, 0, 0], [6, 0, 0]])
    assert m.frechet_distance(a, b) == pytest.approx(2**2 + (2**0.5 - 18**0.5) ** 2, rel=1e-9)
    few = RNG.normal(size=(10, 200))
    assert m.frechet_distance(few, few) < 1e-9
    assert m.frechet_distance([[0.0], [2.0]], [[1.0], [3.0]]) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception")
def test_kernel_distance_equals_torchmetrics_on_all_points(monkeypatch: pytest.MonkeyPatch):
    metric = KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=130)
    expected, _ = torchmetrics_figure(metric, (pictures(REAL[:130]), True), (pictures(FAKE), False))
    assert m.kernel_distance(REAL[:130], FAKE) == pytest.approx(float(expected), rel=1e-4)
    whole = m.kernel_distance(REAL, FAKE)
    monkeypatch.setattr(points, "BLOCK", 1000)
    assert m.kernel_distance(REAL, FAKE) == pytest.approx(whole, rel=1e-12)


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore`", "ignore:std")
def test_class_score_equals_torchmetrics():
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)).double() * 2
    metric = InceptionScore(feature=nn.Identity(), splits=1)
    metric.update(logits)
    assert m.inception_score(logits.softmax(1)) == pytest.approx(float(metric.compute()[0]), rel=1e-9)
    assert m.inception_score(np.eye(4)) == pytest.approx(4)
    assert m.inception_score(np.full((9, 4), 0.25)) == pytest.approx(1)
    with pytest.raises(InputError, match="softmax"):
        m.inception_score(logits)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_manifold_figures_equal_prdc(k: int, monkeypatch: pytest.MonkeyPatch):
    prdc = pytest.importorskip("prdc", reason="prdc, the reference, is not installed")
    expected = prdc.compute_prdc(REAL, FAKE, nearest_k=k)
    monkeypatch.setattr(points, "BLOCK", 1000)
    assert m.precision_recall(REAL, FAKE, k) == pytest.approx((expected["precision"], expected["recall"]), rel=1e-12)
    assert m.density_coverage(REAL, FAKE, k) == pytest.approx((expected["density"], expected["coverage"]), rel=1e-12)


def test_manifold_figures_tell_fidelity_from_diversity():
    narrow = 0.2 * RNG.normal(size=(150, 6))
    precision, recall = m.precision_recall(REAL, narrow)
    assert precision > 0.95
    assert recall < 0.2
    precision, recall = m.precision_recall(narrow, REAL)
    assert precision < 0.2
    assert recall > 0.95


def test_mode_coverage_by_hand():
    modes = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]
    x = torch.zeros(100, 2)
    x[:39] += 0.1
    x[39:60] = torch.tensor([10.0, 0.39])  # inside 4 x 0.1
    x[60:97] = torch.tensor([10.0, 0.41])  # outside
    x[97:] = torch.tensor([0.0, 10.0])  # 3 of a fair share of 33: fewer than a tenth
    found = m.mode_coverage(x, modes, 0.1)
    assert found.counts == (39, 21, 3)
    assert found.covered == 2
    assert found.quality == 0.63
    assert found.imbalance == pytest.approx(stats.entropy([39, 58, 3], [1, 1, 1]))
    assert m.mode_coverage(x, modes, 0.1, shares=[0.4, 0.5, 0.1]).covered == 3
    assert m.mode_coverage(x, modes, 0.1, sigmas=5).quality == 1


def test_four_sigma_hold_the_share_of_the_plane_that_theory_says():
    x = 0.1 * torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    assert m.mode_coverage(x, [[0.0, 0.0]], 0.1, sigmas=2).quality == pytest.approx(1 - math.exp(-2), abs=0.003)


@pytest.mark.parametrize("classifier", ["knn", "logistic", "mlp"])
def test_two_sample_test_sees_a_shift(classifier: str):
    """N(0, 1) against N(3, 1) in the plane: the best classifier is right with probability Phi(1.5)."""
    x, y = RNG.normal(size=(400, 2)), RNG.normal((3, 0), size=(600, 2))
    result = m.two_sample_test(x, y, classifier=classifier)
    assert result.accuracy == pytest.approx(stats.norm.cdf(1.5), abs=0.03)
    assert result.p_value < 1e-20


def test_two_sample_test_keeps_its_level():
    """Of 60 tests on equal distributions about 6 have p < 0.1; more than 16 happen once in 10,000 times."""
    draws = RNG.normal(size=(60, 2, 100, 2))
    p_values = [m.two_sample_test(x, y).p_value for x, y in draws]
    assert sum(p < 0.1 for p in p_values) <= 16
    assert m.two_sample_test(*draws[0], classifier="knn") == m.two_sample_test(*draws[0], classifier="knn")


def test_the_p_value_is_binomial():
    x = np.arange(20.0)[:, None]
    result = m.two_sample_test(x, x + 100, classifier="logistic")
    assert result.accuracy == 1
    assert result.p_value == pytest.approx(0.5**40)


def test_nearest_neighbours_equal_scikit_learn(monkeypatch: pytest.MonkeyPatch):
    expected, where = NearestNeighbors(n_neighbors=4).fit(REAL).kneighbors(FAKE)
    monkeypatch.setattr(points, "BLOCK", 1000)
    distances, indices = m.nearest_neighbours(FAKE, REAL, 4)
    assert np.array_equal(indices, where)
    assert distances.numpy() == pytest.approx(expected, rel=1e-12)
    offset = REAL + 1e6
    assert m.nearest_neighbours(offset, offset)[0].max() == 0, "a copy is at distance 0, also far from the origin"
    with pytest.raises(InputError, match="1 to 150"):
        m.nearest_neighbours(FAKE, REAL, 151)


def test_copying_is_the_mann_whitney_statistic():
    fake, unseen = RNG.integers(0, 9, 70).astype(float), RNG.integers(2, 12, 50).astype(float)
    u = stats.mannwhitneyu(fake, unseen).statistic
    found = m.data_copying(fake, unseen)
    assert found.nearer == pytest.approx(1 - u / (70 * 50), rel=1e-12)
    assert found.c_t == pytest.approx((u - 1750) / (70 * 50 * 121 / 12) ** 0.5, rel=1e-12)
    assert m.data_copying(np.zeros(9), np.ones(9)).nearer == 1
    assert m.data_copying(unseen, unseen).c_t == 0
