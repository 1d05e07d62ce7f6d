"""Several seeds at once: a run each, and what they say together."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest
import torch

from zerosum import replicate, runs, training
from zerosum.cli import main
from zerosum.errors import InputError
from zerosum.games.gan import GAN
from zerosum.games.sngan import SNGAN
from zerosum.settings import Settings


def settings(out: Path, **options) -> Settings:
    return Settings(**{"rounds": 4, "batch": 16, "out": out, "quiet": True, "track": "none"} | options)


def test_each_seed_has_an_ordinary_run(tmp_path: Path):
    data = training.open_data("ring8")
    found = replicate.play(GAN(width=8), data, settings(tmp_path, seed=7), 3)
    assert [run.config["settings"]["seed"] for run in found] == [7, 8, 9]
    assert [run.rounds for run in found] == [4, 4, 4]
    x = [torch.from_numpy(run.sample(20)) for run in found]
    assert not torch.equal(x[0], x[1])
    said = replicate.summary(found)
    assert said["seeds"] == [7, 8, 9]
    assert said["left behind"] == []
    scores = [run.stats()[-1]["score"] for run in found]
    assert said["values"]["score"] == {
        "mean": pytest.approx(statistics.fmean(scores)),
        "spread": pytest.approx(statistics.stdev(scores)),
        "all": scores,
    }
    alone = training.resume(runs.find(found[1].path), rounds=6, quiet=True)
    assert alone.rounds == 6
    assert alone.config["settings"]["seed"] == 8


def test_a_seed_that_diverges_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    game, data = GAN(width=8), training.open_data("ring8")
    began = replicate.Ensemble.round

    def poison(self: replicate.Ensemble) -> None:
        began(self)
        if self.first.clock.rounds == 2:
            with torch.no_grad():
                next(self.engines[1].game.G.parameters()).fill_(float("nan"))

    monkeypatch.setattr(replicate.Ensemble, "round", poison)
    found = replicate.play(game, data, settings(tmp_path, save_every=1), 3)
    assert [run.rounds for run in found] == [4, 1, 4]
    assert replicate.summary(found)["left behind"] == [found[1].name]


def test_what_is_refused(tmp_path: Path):
    data = training.open_data("ring8")
    for seeds in (0, 1, 65):
        with pytest.raises(InputError, match="seeds must be 2 to 64"):
            replicate.play(GAN(width=8), data, settings(tmp_path), seeds)
    with pytest.raises(InputError, match=r"several seeds at once: SNGAN\.discriminate cannot be recorded"):
        replicate.play(SNGAN(width=4), data, settings(tmp_path), 2)
    assert list(tmp_path.iterdir()) == [], "nothing is written for what cannot be played"


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["--seeds", "2", "--rounds", "3", "--width", "8", "--out", str(tmp_path), "--quiet", "--track", "none"]
    assert main(["train", "gan", "ring8", *words]) == 0
    said = capsys.readouterr().out
    assert "over 2 seeds, after 3 rounds" in said
    first = sorted(tmp_path.iterdir())[0]
    assert set(json.loads((first / replicate.SUMMARY).read_text())["values"]) >= {"D/real", "G/generate", "score"}
    assert all((run / "report.html").is_file() for run in tmp_path.iterdir())
