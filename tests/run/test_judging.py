"""Runs judged by other data than their own."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from zerosum import data, runs, training
from zerosum.cli import main
from zerosum.data import events
from zerosum.errors import InputError
from zerosum.judging import translated

SMALL = dict(rounds=2, batch=16, quiet=True, track="none", width=8, depth=2, n_critic=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return training.train("fatgan", "ep", limit=400, pairs=16, out=tmp_path_factory.mktemp("runs"), **SMALL)


def momenta(path, p):
    np.savez(path, **dict(zip(events.COLUMNS, p.T, strict=True)))
    return path


def test_samples_are_the_same_in_the_other_data_to_the_last_digit(run):
    other = data(dict(zip(events.COLUMNS, events.sample()[1].p.T, strict=True)), holdout=0)
    again = translated(run.spec.x, other.spec.x)
    x = run.draw(500)
    np.testing.assert_allclose(other.spec.x.decode(again(x)), run.spec.x.decode(x), rtol=1e-13, atol=1e-12)


def test_tables_are_translated_by_their_columns_names():
    frame = pl.DataFrame({"age": [10.0, 20.0, 30.5, 40.0], "kind": ["a", "b", "b", "a"]})
    more = pl.DataFrame({"age": [1.0, 2.0, 3.5, 5.0], "kind": ["a", "b", "c", "c"]})
    old, new = (data(f, holdout=0) for f in (frame, more))
    x = translated(old.spec.x, new.spec.x)(old.all())
    back = new.spec.x.codec.blocks
    np.testing.assert_allclose(
        x[:, back[0]].flatten() * new.spec.x.codec.columns[0].std, [7.125, 17.125, 27.625, 37.125]
    )
    assert x[:, back[1]].argmax(1).tolist() == [0, 1, 1, 0]
    with pytest.raises(InputError, match=r"samples are rows of age, kind, and the data to judge them by is image"):
        translated(old.spec.x, data("digits").spec.x)


def test_a_run_is_judged_by_other_events_and_keeps_its_own_figures(run, tmp_path, capsys):
    p = events.sample()[1].p[:4000]
    path = momenta(tmp_path / "other.npz", p)
    cards = tmp_path / "cards.json"
    words = ["evaluate", str(run.path), "--on", str(path), "-n", "300", "--repeats", "2", "--json", str(cards)]
    assert main(words) == 0
    found = {c["name"]: c for c in json.loads(cards.read_text())}
    assert found["chi2/ndf pz"]["n_real"] == 2000, "half of the other data"
    assert found["chi2/ndf pz"]["floor"] < found["chi2/ndf pz"]["value"], "the other half against it"
    assert found["chi2/ndf pz"]["of"] == "pz"
    assert "nearer than unseen" not in found, "it cannot have copied what it was not trained on"
    assert run.metrics() is None
    shown = capsys.readouterr().out
    [head] = [line for line in shown.splitlines() if "KS" in line]
    assert head.split()[:2] == ["chi2/ndf", "real"]
    assert [line.split()[0] for line in shown.splitlines()[1:10]] == [
        "px",
        "py",
        "pz",
        "E",
        "pT",
        "theta",
        "phi",
        "x",
        "Q2",
    ]
    assert main(["report", str(run.path), "--plots", str(tmp_path / "plots"), "--on", str(path)]) == 0
    assert (tmp_path / "plots" / "x-q2.pdf").stat().st_size > 1000
    assert main(["evaluate", str(run.path), "--on", "digits"]) == 2
    assert "the data to judge them by is image" in capsys.readouterr().err


def test_real_events_in_the_samples_place_agree_with_other_real_events(run):
    """A run whose sampler is the truth reaches the floor of other data."""
    other = data(dict(zip(events.COLUMNS, events.sample()[1].p.T, strict=True)), holdout=0.5)
    truth = run.data()

    class Truth(runs.Run):
        def draw(self, n, seed=0, condition=None, extrapolate=False):
            return truth.all()[torch.randperm(len(truth), generator=torch.Generator().manual_seed(seed))[:n]]

    cards = {c.name: c for c in Truth(run.path).evaluate(n=300, repeats=2, on=other)}
    assert 0.6 < cards["chi2/ndf, mean"].value < 1.5
    assert 0.4 < cards["classifier AUC"].value < 0.6


def test_a_game_told_the_energy_is_asked_for_the_energy_of_the_other_events(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    made = training.train("cfatgan", "pythia:dis?beam=20,50&n=600", out=tmp_path / "runs", **SMALL)
    asked = []

    class Asked(runs.Run):
        def draw(self, n, seed=0, condition=None, extrapolate=False):
            asked.append((condition, extrapolate))
            return super().draw(n, seed, condition, extrapolate)

    for energy in (30, 60):
        one = data(f"pythia:dis?beam={energy}&n=600", holdout=0.5)
        cards = {c.name: c for c in Asked(made.path).evaluate(n=100, repeats=1, on=one)}
        assert cards[f"share with pz >= E_b at {energy} GeV"].value == 0
        assert cards[f"KS pz at {energy} GeV"].of == f"pz at {energy} GeV"
    assert set(asked) == {(30.0, True), (60.0, True)}
    main(["report", str(made.path), "--plots", str(tmp_path / "plots")])
    drawn = {p.name for p in (tmp_path / "plots").glob("*.png")}
    assert {"features.png", "features-20GeV.png", "x-q2-20GeV.png", "x-q2-50GeV.png", "correlations.png"} <= drawn


FATR3GAN = """
from zerosum.games.fatgan import Matched
from zerosum.games.r3gan import R3GAN


class FATR3GAN(Matched, R3GAN):
    '''The objective of R3GAN, and eta MMD^2 for G. arXiv:2501.05441'''
"""
FEATURES = ["--features", "fat", "--transform", "px/py:isotropic", "--augment-columns", "pT,E,pz,cot,lnQ2=log(Q2)"]
BRIEF = ["--limit", "300", "--rounds", "2", "--batch", "16", "--width", "4", "--quiet", "--track", "none"]


@pytest.mark.parametrize("game", ["lsgan", "r3gan", "fatr3gan.py"])
def test_features_and_mmd_go_with_other_objectives_on_the_command_line(game, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fatr3gan.py").write_text(FATR3GAN)
    matched = ["--mmd", "5", "--pairs", "16"] if game.endswith(".py") else []
    assert main(["train", game, "ep", *FEATURES, *BRIEF, *matched]) == 0
    made = runs.find("latest", game=game if matched else None)
    names = [c.name for c in made.spec.x.codec.columns]
    assert names == ["px", "py", "ln(50-pz)", "pT", "E", "pz", "cot", "lnQ2"]
    p = made.sample(2000)
    assert (p[:, 2] < 50).all()
    assert abs(np.exp(1j * np.arctan2(p[:, 1], p[:, 0])).mean()) < 0.1, "no azimuth is preferred"
    assert bool(matched) == any(k.startswith("G/mmd") for k in made.stats()[-1])
