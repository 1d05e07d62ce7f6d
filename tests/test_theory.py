"""The theory lab: closed forms, quadrature and samples agree; theorems hold to their digits; bad input is refused."""

import math

import numpy as np
import pytest
from PIL import Image

from zerosum import cli
from zerosum.errors import InputError
from zerosum.theory import dirac, lab, value
from zerosum.theory import distributions as d

PAIRS = [("normal(0, 1)", "normal(1, 2)"), ("normal", "laplace"), ("mixture(2, 0.5)", "normal(0, 2)")]


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_quadrature_and_samples_agree(p, q):
    p, q = d.named(p), d.named(q)
    exact, found = d.exact(p, q), d.by_sample(p, q)
    assert found["JSD"] == pytest.approx(exact["JSD"], abs=0.02)
    assert found["W1"] == pytest.approx(exact["W1"], abs=0.07)
    assert found["MMD2"] == pytest.approx(exact["MMD2"], abs=0.03)
    assert 0 <= exact["JSD"] <= math.log(2)
    assert d.jsd(q, p) == pytest.approx(exact["JSD"])


@pytest.mark.parametrize(("m1", "s1", "m2", "s2"), [(0, 1, 1, 2), (-1, 0.5, 0, 1), (3, 1, 3, 1)])
def test_closed_forms_of_normal_distributions(m1, s1, m2, s2):
    p, q = d.normal(m1, s1), d.normal(m2, s2)
    assert d.kl(p, q) == pytest.approx(d.kl_normal(m1, s1, m2, s2), abs=1e-6)
    assert d.mmd2(p, q) == pytest.approx(d.mmd2_normal(m1, s1, m2, s2), abs=1e-5)
    if s1 == s2:
        assert d.w1(p, q) == pytest.approx(d.w1_shifted(m1 - m2), abs=1e-4)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 1.5, 4.0])
def test_jsd_is_stuck_where_w1_is_not(shift):
    p, q = d.uniform(0, 1), d.uniform(shift, 1 + shift)
    assert d.jsd(p, q) == pytest.approx(d.jsd_uniform(shift), abs=1e-6)
    assert d.w1(p, q) == pytest.approx(shift, abs=1e-4)
    assert d.kl(p, q) == (math.inf if shift else pytest.approx(0.0, abs=1e-9))


def test_distributions_that_do_not_overlap_and_ones_that_are_none():
    far = d.normal(0, 1), d.normal(500, 1)
    assert d.kl(*far) == math.inf
    assert d.jsd(*far) == pytest.approx(math.log(2), abs=1e-6)
    assert d.w1(*far) == pytest.approx(500, rel=1e-4)
    for text, why in [("normla", "did you mean 'normal'"), ("normal(a)", "must be like"), ("normal(0, 0)", "above 0"),
                      ("uniform(1, 1)", "above 0"), ("normal(1, 2, 3)", "at most two numbers")]:  # fmt: skip
        with pytest.raises(InputError, match=why):
            d.named(text)
    for p in ([-0.1, 1.1], [0.0, 0.0], [np.inf, 1.0], [[0.5, 0.5]]):
        with pytest.raises(InputError, match="row of shares"):
            value.proposition2(np.array(p))
    with pytest.raises(InputError, match="probability at every point"):
        value.value(*far, np.full(3, 2.0), np.arange(3.0))


def test_propositions_and_theorem():
    for shift in (0.0, 1.0, 3.0):
        p, q = d.normal(0, 1), d.normal(shift, 1)
        first, second = value.proposition1(p, q, tries=50), value.theorem1(p, q)
        assert first["V(D*)"] >= first["best of other D"]
        assert second["C(G)"] == pytest.approx(second["-log 4 + 2 JSD"], abs=1e-6)
    found = value.proposition2(np.array([8, 4, 2, 1]), steps=600)  # unnormalised: shares are taken
    assert found["C(G)"][-1] == pytest.approx(-math.log(4), abs=1e-5)
    assert found["total variation"][-1] < 1e-3
    assert value.proposition2(np.array([1.0, 0.0]), steps=50)["C(G)"][-1] > -math.log(4), "0 is approached, not had"
    slopes = value.saturation(np.array([-10.0]))
    assert slopes["-log D, non-saturating"][0] / slopes["log(1 - D), saturating"][0] == pytest.approx(math.exp(10))


@pytest.mark.parametrize("loss", dirac.LOSSES)
def test_eigenvalues_are_those_of_the_formula(loss):
    slope = {"gan": 0.5, "non-saturating": 0.5, "relativistic": 0.5}.get(loss, 1.0)
    assert sorted(v.imag for v in dirac.eigenvalues(loss, "none")) == pytest.approx([-slope, slope])
    assert [v.real for v in dirac.eigenvalues(loss, "none")] == pytest.approx([0, 0])
    root = complex(0.25 - slope**2) ** 0.5
    expected = sorted([-0.5 + root, -0.5 - root], key=lambda v: (v.real, v.imag))
    found = sorted(dirac.eigenvalues(loss, "R1"), key=lambda v: (v.real, v.imag))
    assert found == pytest.approx(expected, abs=1e-6)
    assert dirac.eigenvalues(loss, "WGAN-GP") == []
    assert dirac.verdict(dirac.trajectory(loss, "R1")) == "arrives"
    assert dirac.verdict(dirac.trajectory(loss, "none")) != "arrives"


@pytest.mark.parametrize("words", [["distances"], ["saturation"], ["convergence"], ["dirac", "hinge"]])
def test_pictures_and_numbers_by_the_command_line(words, tmp_path, capsys):
    path = tmp_path / "made" / "it.png"
    assert cli.main(["theory", *words, "--out", str(path)]) == 0
    with Image.open(path) as picture:
        assert min(picture.size) > 150
    assert "picture:" in capsys.readouterr().out


def test_films_and_mistakes(tmp_path, capsys):
    shown = lab.arrows("ring8:200", rounds=4, frames=2)
    with Image.open(shown.save(tmp_path / "a.gif")) as film:
        assert film.n_frames == 3
    with pytest.raises(InputError, match=r"\.png or \.gif"):
        shown.save(tmp_path / "a.jpg")
    assert cli.main(["theory"]) == 0
    assert set(lab.DEMONSTRATIONS) <= set(capsys.readouterr().out.split())
    for words, why in [(["overlp"], "did you mean 'overlap'"), (["overlap", "x"], "0 more words"),
                       (["dirac", "gann"], "did you mean 'gan'"), (["arrows", "digits"], "in the plane")]:  # fmt: skip
        assert cli.main(["theory", *words]) == 2
        assert why in capsys.readouterr().err
