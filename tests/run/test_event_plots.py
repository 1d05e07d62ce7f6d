"""Plots of events: drawn from a run, in the report, and by --plots."""

import json

import numpy as np
import pytest

from zerosum import data, event_plots, runs, training
from zerosum.cli import main
from zerosum.data import events
from zerosum.errors import InputError
from zerosum.event_plots import Drawn
from zerosum.metrics.events import of_one_beam

BEAMS = (50.0, 50.0)
SMALL = dict(rounds=4, batch=16, save_every=2, quiet=True, track="none", width=8, depth=2, n_critic=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return training.train("fatgan", "ep", limit=400, pairs=16, out=tmp_path_factory.mktemp("runs"), **SMALL)


def test_every_panel_has_its_ratio_its_units_and_the_chi2_that_is_reported():
    train, test = (e.p for e in events.sample())
    found = event_plots.panels(
        Drawn(test, BEAMS), [Drawn(train[:5000], BEAMS), Drawn(train[5000:10000], BEAMS)], "P", "s"
    )
    texts = [text.get_text() for axes in found.axes for text in axes.texts]
    assert len(found.axes) == 18
    assert len(texts) == 9
    chi2s = [float(t.split("=")[1].split("$")[0]) for t in texts]
    assert 0.6 < min(chi2s)
    assert max(chi2s) < 1.5
    labels = [axes.get_xlabel() for axes in found.axes if axes.get_xlabel()]
    assert len(labels) == 9
    assert "$Q^2$ [GeV$^2$]" in labels
    legend = [text.get_text() for text in found.legends[0].get_texts()]
    assert any("standard deviation of 2 s" in text for text in legend)
    assert any("P, 10,000 events" in text for text in legend)


def test_correlations_keep_their_sign():
    p = events.sample()[0].p[:3000]
    figure = event_plots.matrices(Drawn(p, BEAMS), Drawn(p * np.array([1, 1, 0.9, 1]), BEAMS), "P")
    shown = [text.get_text() for text in figure.axes[2].texts]
    assert any(text.startswith("-0.") for text in shown)
    assert any(text.startswith("+0.") for text in shown)
    assert not any("-0.000" in text for text in shown)


def test_without_beams_there_are_seven_panels_and_no_plane():
    p = events.sample()[0].p
    found = event_plots.figures(Drawn(p[:2000], None), [Drawn(p[2000:4000], None)])
    assert set(found) == {"features", "correlations"}
    assert sum(axes.get_visible() for axes in found["features"].axes) == 14
    with pytest.raises(InputError, match="one sample"):
        event_plots.figures(Drawn(p, None), [])


def test_weighted_events_are_drawn_with_their_weights():
    p = events.sample()[0].p[:4000]
    w = np.where(p[:, 0] > 0, 3.0, 1.0)
    share, error = event_plots.histogram(p[:, 0], np.array([-100.0, 0.0, 100.0]), w)
    assert share[1] == pytest.approx(w[p[:, 0] > 0].sum() / w.sum())
    assert error[1] == pytest.approx(3 * np.sqrt((p[:, 0] > 0).sum()) / w.sum())


def test_a_run_on_events_records_chi2_reports_and_draws(run, tmp_path, capsys):
    rows = [row for row in run.stats() if "chi2/mean" in row]
    assert [row["round"] for row in rows] == [2, 4]
    assert {"chi2/pz", "chi2/Q2"} <= set(rows[0])
    assert main(["report", str(run.path)]) == 0
    page = (run.path / "report.html").read_text()
    assert "<h2>Events</h2>" in page
    assert page.count("data:image/png;base64") >= 5
    assert main(["report", str(run.path), "--plots", str(tmp_path / "plots")]) == 0
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {
        f"{name}{suffix}" for name in ("features", "correlations", "x-q2", "convergence") for suffix in (".pdf", ".png")
    }
    assert (tmp_path / "plots" / "features.pdf").read_bytes().startswith(b"%PDF")
    capsys.readouterr()
    assert main(["report", str(run.path), "--ensemble", str(run.path)]) == 2
    assert "--plots DIR" in capsys.readouterr().err


def test_an_ensemble_of_runs_makes_the_band(run, monkeypatch):
    monkeypatch.setattr(event_plots, "MOST", 1000)
    found = event_plots.of_runs([run, run, run], run.data())
    legend = [text.get_text() for text in found["features"].legends[0].get_texts()]
    assert any("standard deviation of 3 generators" in text for text in legend)


def test_convergence_is_a_runs_features_or_several_runs_means():
    rows = [{"round": i, "chi2/mean": 3.0, "chi2/pz": 2.0} for i in (1, 2)]
    for stats, named in ({"a": rows}, ["mean", "$p_z$"]), ({"a": rows, "b": rows, "c": rows[:1]}, ["a", "b"]):
        figure = event_plots.converging(stats)
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == named
    assert event_plots.converging({"a": rows[:1]}) is None


def test_plots_of_other_data_are_refused(tmp_path, capsys):
    points = training.train("gan", "ring8", rounds=1, batch=8, quiet=True, track="none", out=tmp_path)
    assert main(["report", str(points.path), "--plots", str(tmp_path / "p")]) == 2
    assert "draws events of particle physics" in capsys.readouterr().err


def test_a_game_told_the_energy_is_judged_energy_by_energy(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    several = data("pythia:dis?beam=20,50&n=1200", holdout=0.5)
    one = of_one_beam(several, 20.0)
    assert len(one) + len(of_one_beam(several, 50.0)) == len(several)
    assert one.spec.x.extra["events"]["sqrt_s"] == 40
    assert one.spec.x.decode(one.all())[:, 3].max() < 20.001
    assert "y" not in one.spec
    made = training.train("cfatgan", several, out=tmp_path / "runs", **SMALL)
    cards = {c.name for c in made.evaluate(n=100, repeats=1)}
    assert {"chi2/ndf pz at 20 GeV", "chi2/ndf pz at 50 GeV", "share with pz >= E_b at 20 GeV"} <= cards
    assert "features" in event_plots.of_runs([runs.find(made.path)], several)
    assert main(["sample", str(made.path), "-n", "50", "--condition", "beam=20", "--out", str(tmp_path / "e.npz")]) == 0
    with np.load(tmp_path / "e.npz") as file:
        assert set(np.round(file["beam"], 4)) == {20.0}
        assert json.loads(str(file["facts"]))["id"] == 11
    assert data(tmp_path / "e.npz").spec.x.extra["events"]["beam"] == pytest.approx(20)
