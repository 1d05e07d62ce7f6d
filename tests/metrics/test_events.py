"""Metrics of events, against scipy, closed forms and definitions written out."""

import numpy as np
import pytest
import scipy.stats
import torch

from zerosum import data, metrics
from zerosum.data import events
from zerosum.data.events import kinematics
from zerosum.errors import InputError
from zerosum.metrics import events as m

BEAMS = (50.0, 50.0)


@pytest.fixture(scope="module")
def sample():
    return events.sample()[0].p


def test_chi2_is_the_test_of_homogeneity():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=3000), rng.normal(size=5000)
    edges = np.linspace(-1.5, 1.5, 21)
    found, ndf = metrics.chi2(a, b, edges)
    counts = np.stack([np.histogram(v, [-np.inf, *edges, np.inf])[0] for v in (a, b)])
    wanted = scipy.stats.chi2_contingency(counts, correction=False)
    assert (found, ndf) == (pytest.approx(wanted.statistic), wanted.dof)


def test_chi2_of_one_distribution_is_its_ndf_even_where_bins_are_nearly_empty():
    rng = np.random.default_rng(1)
    edges = np.linspace(-6, 6, 101)
    draws = [metrics.chi2(rng.normal(size=4000), rng.normal(size=6000), edges) for _ in range(100)]
    assert abs(np.mean([c / n for c, n in draws]) - 1) < 0.06  # 3 sigma of 100 draws at ndf 65
    assert all(n < 101 for _, n in draws)
    shifted, n = metrics.chi2(rng.normal(0.1, size=40_000), rng.normal(size=40_000), edges)
    assert shifted / n > 1.5


def test_weights_count_as_so_many_events_in_the_mean_and_more_in_the_error():
    rng = np.random.default_rng(2)
    edges, draws, a, b = np.linspace(-2, 2, 21), [], np.zeros(0), np.zeros(0)
    for _ in range(40):
        a, b = rng.normal(size=5000), rng.normal(size=5000)
        w = np.where(rng.random(5000) < 0.5, 2.0, 0.1)
        draws.append(np.divide(*metrics.chi2(a, b, edges, b_weights=w)))
    assert abs(np.mean(draws) - 1) < 0.15  # 3 sigma of 40 draws at ndf 21
    assert metrics.chi2(a, b, edges, b_weights=np.full(5000, 7.0))[0] == pytest.approx(
        metrics.chi2(a, b, edges)[0], rel=0.01
    )
    with pytest.raises(InputError, match="not all 0"):
        metrics.chi2(a, b, edges, b_weights=np.zeros(5000))


def test_kolmogorov():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=700), rng.normal(0.2, size=900)
    assert metrics.kolmogorov(a, b) == pytest.approx(scipy.stats.ks_2samp(a, b).statistic)
    w = rng.integers(1, 4, 900)
    assert metrics.kolmogorov(a, b, b_weights=w) == pytest.approx(metrics.kolmogorov(a, np.repeat(b, w)))


def test_quartic_mmd2_is_its_definition():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60, 5)), rng.normal(0.3, size=(80, 5))

    def k(a, b):
        return (a @ b.T / 5 + 1) ** 4

    xx, yy = k(x, x), k(y, y)
    wanted = (xx.sum() - xx.trace()) / (60 * 59) + (yy.sum() - yy.trace()) / (80 * 79) - 2 * k(x, y).mean()
    assert m.quartic_mmd2(x, y) == pytest.approx(wanted, rel=1e-9)


def test_kpd_is_zero_within_its_error_for_one_distribution_and_not_for_two():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(20_000, 4)), rng.normal(size=(20_000, 4))
    value, error = metrics.kpd(x, y, batch=2000)
    assert abs(value) < 3 * error
    other, error = metrics.kpd(x, y + 0.1 * np.abs(x).max(0), batch=2000)
    assert other > 10 * error


def test_fpd_is_the_distance_of_gaussians_without_the_bias_of_small_samples():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(20_000, 3)), rng.normal(size=(20_000, 3))
    most = np.abs(x).max(0)
    shift = np.array([0.5, 0.0, 0.0])
    value, error = metrics.fpd(x, y + shift, largest=5000)
    wanted = ((y.mean(0) + shift - x.mean(0)) / most) ** 2
    assert value == pytest.approx(wanted.sum(), rel=0.05)
    assert 0 <= error < 0.1 * value
    same, _ = metrics.fpd(x, y, largest=5000)
    assert same < 0.01 * value
    # A batch of the largest size alone is biased, by about the sum of the variances over its size.
    biased = np.mean([m.between(*(m.draw(v / most, 2000, rng) for v in (x, y))) for _ in range(10)])
    assert same < biased / 3


def test_correlations():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3))
    np.testing.assert_allclose(m.correlations(x), np.corrcoef(x.T))
    w = rng.integers(1, 4, 500)
    np.testing.assert_allclose(m.correlations(x, w), np.corrcoef(np.repeat(x, w, 0).T), atol=2e-3)
    assert np.isfinite(m.correlations(np.column_stack([x, np.ones(500)]))).all()


def test_what_cannot_be_is_counted_before_any_cut():
    facts = {"beam": 50.0, "target": 50.0, "q2min": 2.0, "mass": 0.0, "id": 11}
    good = np.array([3.0, 0.0, 40.0, np.hypot(3, 40)])
    beyond = np.array([3.0, 0.0, 60.0, np.hypot(3, 60)])  # pz > E_b, and so y < 0
    soft = np.array([0.1, 0.0, 40.0, np.hypot(0.1, 40)])  # Q2 below the cut
    elastic = np.array([12.0, 0.0, 49.5, np.hypot(12, 49.5)])  # y < 0
    off = good + np.array([0, 0, 0, 1.0])
    shares = metrics.invalid(np.stack([good, beyond, soft, elastic, off]), facts)
    assert shares == {
        "share with pz >= E_b": 0.2,
        "share with x not in (0, 1]": 0.4,
        "share with Q2 below the cut": 0.2,
        "share off the mass shell": 0.2,
    }
    assert set(metrics.invalid(np.stack([good, off]), {"mass": 0.0})) == {"share off the mass shell"}


def test_real_events_are_valid_and_agree_with_others_of_their_kind(sample):
    facts = data("ep").spec.x.extra["events"]
    assert set(metrics.invalid(sample, facts).values()) == {0.0}
    a, b = sample[:10_000], sample[10_000:]
    for feature in m.FEATURES:
        found, ndf = metrics.chi2(feature(a, BEAMS), feature(b, BEAMS), m.edges(feature, feature(b, BEAMS), BEAMS))
        assert scipy.stats.chi2.sf(found, ndf) > 1e-4, feature.name
    found, ndf = m.chi2_2d(a, b, BEAMS)
    assert scipy.stats.chi2.sf(found, ndf) > 1e-4
    smeared = a.copy()
    smeared[:, 2] = np.minimum(smeared[:, 2] + 0.5, 49.9)
    found, ndf = m.chi2_2d(smeared, b, BEAMS)
    assert found / ndf > 2


def test_auc_of_a_classifier():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(800, 3)), rng.normal(size=(900, 3))
    assert abs(metrics.two_sample_auc(x, y) - 0.5) < 0.06  # 4 sigma
    assert metrics.two_sample_auc(x, y + 5) > 0.99


def test_amplification_of_true_events_is_how_many_they_are():
    rng = np.random.default_rng(9)
    truth = rng.normal(size=200_000)
    factors = [metrics.amplification(rng.normal(size=2000), truth, n_train=100) for _ in range(30)]
    assert abs(1 / np.mean(1 / np.array(factors)) - 20) < 3  # 1/factor is chi^2_49 / 49: 4 % of 30 draws
    bad = metrics.amplification(rng.normal(0.3, size=20_000), truth, n_train=10_000)
    assert bad < 0.1


def test_bands():
    rng = np.random.default_rng(10)
    samples = [rng.random(1000) for _ in range(200)]
    mean, spread = m.bands(samples, np.linspace(0, 1, 11))
    np.testing.assert_allclose(mean, 0.1, atol=0.003)
    np.testing.assert_allclose(spread, np.sqrt(0.1 * 0.9 / 1000), rtol=0.2)


def test_evaluate_chooses_these_metrics_for_events(sample):
    opened = data("ep", limit=2000)

    def honest(n, seed):
        rows = opened.spec.x.codec.encode(torch.from_numpy(sample))
        return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:n]]

    cards = {c.name: c for c in metrics.evaluate(honest, opened, n=1000, repeats=1)}
    assert {"chi2/ndf pz", "KS Q2", "W1 phi", "chi2/ndf (x, Q2)", "FPD", "KPD", "classifier AUC"} <= set(cards)
    assert cards["chi2/ndf, mean"].split == "held-out"
    assert 0.7 < cards["chi2/ndf, mean"].value < 1.3
    assert cards["chi2/ndf, mean"].floor == pytest.approx(1, abs=0.3)
    assert abs(cards["classifier AUC"].value - 0.5) < 0.06  # 4 sigma
    assert cards["share with pz >= E_b"].value == cards["share with pz >= E_b"].floor == 0
    wrong = {c.name: c for c in metrics.evaluate(lambda n, s: honest(n, s) * 1.2, opened, n=1000, repeats=1)}
    assert wrong["chi2/ndf, mean"].value > 2
    assert wrong["classifier AUC"].value > 0.75
    assert wrong["share with pz >= E_b"].value > 0.3
    assert wrong["share off the mass shell"].value > 0.1


def test_events_whose_beams_are_not_known_are_still_compared(tmp_path, sample):
    p = sample[:600].copy()
    p[:, 3] = np.hypot(kinematics.momentum(p), 5.0)  # no lepton
    np.savetxt(tmp_path / "jets.csv", p, delimiter=",", header="px,py,pz,E", comments="")
    opened = data(tmp_path / "jets.csv", holdout=0.5)
    assert opened.spec.x.extra["events"]["beam"] is None
    cards = {c.name for c in metrics.evaluate(lambda n, s: opened.take(n, seed=s).x, opened, n=200, repeats=1)}
    assert "chi2/ndf pT" in cards
    assert not any("Q2" in name for name in cards)
