"""Training from Python: what a run holds, exact resume, the best pointer, and what is refused."""

import json
import sys
import types
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import zerosum as zs
from zerosum import checkpoints, runs, training
from zerosum.engine import Engine, NonFinite
from zerosum.errors import InputError
from zerosum.game import Game
from zerosum.nets import mlp
from zerosum.optim import SGD
from zerosum.settings import Settings

from .conftest import TINY, checkpoint_bytes


def tiny(game="gan", data="ring8:100", **options):
    small = {"width": 8, "z_dim": 2} if isinstance(game, str) else {}
    return zs.train(game, data, **{**TINY, **small, **options})


def test_a_run_holds_what_it_says(points_run):
    run = points_run
    assert run.name == "00000-gan-ring8-100"
    rows = run.stats()
    assert [row["round"] for row in rows] == [1, 2, 3, 4]
    assert [row["examples"] for row in rows] == [8, 16, 24, 32]
    assert set(rows[0]) == {"round", "examples", "seconds", "D/real", "D/fake", "G/generate"}
    assert [row["round"] for row in rows if "score" in row] == [2, 4]
    assert all(a["seconds"] <= b["seconds"] for a, b in pairwise(rows))
    assert sorted(p.name for p in run.samples.iterdir()) == ["000000.png", "000002.png", "000004.png", "reals.png"]
    assert checkpoints.numbers(run.checkpoints) == [2, 4]
    assert run.rounds == 4
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config["hyperparameters"]["width"] == 8
    assert config["data"]["source"] == "ring8:100"
    assert config["versions"]["torch"] == torch.__version__


def test_the_config_is_enough_to_do_it_again(points_run, tmp_path):
    config = points_run.config
    again = zs.train(
        config["game"],
        config["data"]["source"],
        settings=runs.made(Settings, config["settings"], tmp_path),
        out=tmp_path,
        quiet=True,
        **config["hyperparameters"],
    )
    assert checkpoint_bytes(again, 4) == checkpoint_bytes(points_run, 4)


@pytest.mark.parametrize(
    ("game", "data", "options"),
    [
        ("gan", "ring8:100", {"width": 8, "k": 2}),
        ("wgan", "ring8:100", {"width": 8, "ema": 50.0}),
        ("cgan", "digits", {"width": 24, "micro": 3}),
        ("dcgan", "digits", {"width": 4, "augment": "diffaugment", "precision": "bf16"}),
    ],
)
def test_resume_is_bit_exact(tmp_path, game, data, options):
    whole = tiny(game, data, z_dim=3, rounds=6, save_every=3, out=tmp_path / "whole", **options)
    half = tiny(game, data, z_dim=3, rounds=3, save_every=3, out=tmp_path / "half", **options)
    torch.randn(3)  # the global random state is no part of it
    resumed = zs.resume(half, 6, quiet=True)
    assert resumed.path == half.path
    assert checkpoint_bytes(half, 6) == checkpoint_bytes(whole, 6)
    assert checkpoint_bytes(half, 6) != checkpoint_bytes(half, 3)

    def without_time(run):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in run.stats()]

    assert without_time(half) == without_time(whole)
    assert (half.samples / "000006.png").read_bytes() == (whole.samples / "000006.png").read_bytes()


def test_a_run_that_is_stretched_says_so_in_its_config(tmp_path):
    run = tiny(rounds=4, save_every=None, log_every=None, out=tmp_path)
    zs.resume(run, 6, quiet=True)
    settings = zs.load(run.path).config["settings"]
    assert (settings["rounds"], settings["save_every"], settings["log_every"]) == (6, 1, 1)
    with pytest.raises(InputError, match=r"has played 6 rounds.*--rounds 12"):
        zs.resume(run.path)
    with pytest.raises(InputError, match="has played 6 rounds"):
        zs.resume(run.path, 5)


def test_a_damaged_checkpoint_is_walked_back_from_to_the_same_end(tmp_path, capsys):
    whole = tiny(rounds=4, out=tmp_path)
    broken = tiny(rounds=4, out=tmp_path)
    path = broken.checkpoints / "000004" / "tensors.safetensors"
    good = bytearray(path.read_bytes())
    good[-3] ^= 1
    path.write_bytes(good)
    assert zs.load(broken.path).sample(3).shape == (3, 2)
    assert "skipped checkpoint 000004: tensors.safetensors is not what was written" in capsys.readouterr().err
    zs.resume(broken.path)
    assert "skipped checkpoint 000004" in capsys.readouterr().err
    assert checkpoint_bytes(broken, 4) == checkpoint_bytes(whole, 4)
    assert [row["round"] for row in broken.stats()] == [1, 2, 3, 4], "overtaken readings are left out"


def test_best_points_to_the_least_score_and_is_kept(tmp_path, monkeypatch):
    scores = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    monkeypatch.setattr(training.Recorder, "score", lambda self: next(scores))
    run = tiny(rounds=5, save_every=1, keep=2, out=tmp_path)
    assert checkpoints.pointed(run.checkpoints, "best") == 2
    assert checkpoints.numbers(run.checkpoints) == [2, 4, 5]
    assert [row["score"] for row in run.stats()] == [3.0, 1.0, 2.0, 4.0, 5.0]


class Explodes(Game):
    """One player, which is good until its third round."""

    terms: bool = True  # False: its weights break, its term does not

    def build(self, spec):
        self.G = mlp(2, 2)

    def players(self):
        return {"G": zs.Player(self.G, SGD(0.1))}

    def moves(self):
        return [zs.Move("G", self.generate)]

    def sample(self, n):
        return self.G(torch.ones(n, 2))

    def generate(self, batch):
        value = self.G(batch.x).square().mean()
        if self.clock.rounds < 2:
            return value
        if self.terms:
            return value * float("nan")
        weight = next(self.G.parameters())
        weight.register_hook(lambda grad: grad * float("inf"))
        return value


@pytest.mark.parametrize("terms", [True, False])
def test_what_is_not_finite_stops_it_and_keeps_the_last_good_checkpoint(tmp_path, terms):
    with pytest.raises(NonFinite, match=r"in round 3 .*The last good checkpoint is of round 2"):
        tiny(Explodes(terms=terms), rounds=5, save_every=1, out=tmp_path)
    run = zs.load(tmp_path / "00000-test_training-ring8-100", game=Explodes)
    assert checkpoints.numbers(run.checkpoints) == [1, 2]
    assert np.isfinite(run.sample(4)).all()


def test_auto_fits_its_choices_to_the_data(points_run):
    shares = []
    for source in ("ring8:100", "digits"):
        data = zs.data(source)
        settings = Settings(**training.auto_settings(data))
        preset = training.auto(data, settings)
        assert preset["decay"] == settings.rounds * settings.batch
        assert training.auto(data, Settings(rounds=10, batch=4))["decay"] == 40
        shares.append(preset["gamma"][0] / float(data.all("x").flatten(1).var(0).sum()))
    assert shares[0] == pytest.approx(shares[1], rel=0.1), "gamma is a share of the variance"
    run = tiny("auto", "ring8:100", rounds=1, width=8, z_dim=2, out=points_run.path / "auto")
    assert run.config["game"] == "r3gan"
    assert run.config["hyperparameters"]["width"] == 8, "what the user says counts for more than what auto says"
    assert run.config["settings"]["rounds"] == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("ganx", "ring8"), {}, r"no game 'ganx'; did you mean 'gan'\?"),
        (("gan", "ring"), {}, r"no data is named 'ring'.*ring8"),
        (("gan", "ring8"), {"roundz": 3}, r"no option 'roundz'; did you mean 'rounds'\?"),
        (("gan", "ring8"), {"z_dm": 3}, r"no option 'z_dm'; did you mean 'z_dim'\?"),
        (("gan", "ring8"), {"rounds": 0}, "rounds must be a whole number, 1 or more; not 0"),
        (("gan", "ring8"), {"rounds": "many"}, "rounds must be a whole number, 1 or more; not 'many'"),
        (("gan", "ring8"), {"batch": 2.5}, "batch must be a whole number"),
        (("gan", "ring8"), {"seed": 2**70}, r"seed must be less than 2\*\*63"),
        (("gan", "ring8"), {"ema": 0.0}, "ema is a half-life"),
        (("gan", "ring8"), {"lr": -1.0}, "gan cannot be made with .*lr -1.0.*Invalid learning rate"),
        (("gan", "ring8"), {"z_dim": -4}, "gan cannot be made with z_dim -4"),
        (("gan", "ring8"), {"augment": "diffaugment"}, "augment changes pictures; this data has x: vector 2"),
        (("gan", "digits"), {"augment": "colour"}, r"no augmentation 'colour'"),
        (("gan", "ring8"), {"track": "tensorbord"}, r"did you mean 'tensorboard'\?"),
        (("gan", "ring8"), {"device": "cuda:99"}, "no device 'cuda:99' here; there is"),
        (("gan", "ring8"), {"precision": "fp8"}, "precision 'fp8' is none of"),
        (("gan", "ring8"), {"precision": "tf32"}, "precision 'tf32' is a GPU's; on cpu there are 'fp32' and 'bf16'"),
        (("dcgan", "ring8"), {}, "DCGAN needs an image array 'x'; in this data 'x' is a vector"),
    ],
)
def test_what_is_wrong_is_said_before_a_run_is_made(here, arguments, options, message):
    with pytest.raises(InputError, match=message):
        zs.train(*arguments, **{"rounds": 1, **options})
    assert list(here.iterdir()) == []


def test_options_go_to_whatever_is_not_made_yet(here):
    with pytest.raises(InputError, match="limit: the data is open already"):
        zs.train("gan", zs.data("ring8:100"), limit=5)
    with pytest.raises(InputError, match="width: the game is made already"):
        zs.train(Explodes(), "ring8:100", width=3)


def test_bugs_in_a_game_of_ones_own_keep_their_trace(tmp_path):
    class Wrong(Explodes):
        def build(self, spec):
            raise ValueError("a bug of mine")

    with pytest.raises(ValueError, match="a bug of mine") as caught:
        zs.train(Wrong(), "ring8:100", **TINY, out=tmp_path)
    assert not isinstance(caught.value, InputError)


def test_a_game_that_was_never_in_a_file_trains_samples_and_resumes(tmp_path, monkeypatch):
    """As in a notebook."""
    cell = types.ModuleType("cell")
    monkeypatch.setitem(sys.modules, "cell", cell)
    exec("from zerosum.games.lsgan import LSGAN\nclass Mine(LSGAN):\n    pass\n", vars(cell))
    run = tiny(cell.Mine(width=8, z_dim=2), rounds=2, out=tmp_path)
    assert run.config["game"] == "Mine"
    assert run.sample(3).shape == (3, 2)
    with pytest.raises(InputError, match=r"plays Mine, a game that was never in a file.*game=Mine"):
        zs.load(run.path).sample(3)
    loaded = zs.load(run.path, game=cell.Mine)
    np.testing.assert_array_equal(loaded.sample(3), run.sample(3))
    zs.resume(loaded, 4, quiet=True)
    assert checkpoints.numbers(run.checkpoints) == [2, 4]


def test_a_batch_larger_than_the_data_is_told_of(tmp_path, capsys):
    tiny(rounds=1, batch=300, out=tmp_path, quiet=False)
    assert "a batch of 300 shows each of the 100 examples more than once" in capsys.readouterr().err


def test_a_full_disk_says_where_and_what_is_left(tmp_path, monkeypatch):
    real = checkpoints.save

    def full(folder, number, *content):
        if number == 4:
            raise OSError(28, "No space left on device", str(folder / "x"))
        return real(folder, number, *content)

    monkeypatch.setattr(checkpoints, "save", full)
    with pytest.raises(
        OSError, match=r"x: No space left on device \([\d,]+ MB are free.*good checkpoint is of round 2"
    ):
        tiny(out=tmp_path)


def test_an_estimate_writes_nothing_and_counts_parameters(here):
    data = zs.data("ring8:100")
    game = training.games.find("gan")(width=8, z_dim=2)
    found = training.estimate(game, data, replace(Settings(), rounds=1000, batch=8, track="none"))
    assert found["parameters"]["G"] == sum(p.numel() for p in game.G.parameters())
    assert found["minutes in all"] == pytest.approx(found["seconds a round"] * 1000 / 60)
    assert 0.05 < found["GB of memory"] < 50
    assert list(here.iterdir()) == []


def test_samples_are_those_of_the_engine_that_was_saved(points_run):
    """Averaged weights, the same blocks, the same seeds."""
    game = points_run.make_game()
    engine = Engine(game, points_run.data(), batch=8)
    tensors, values, _ = points_run.restore()
    engine.load(tensors, values["engine"])
    assert engine.sample(70, seed=3).equal(points_run.draw(70, seed=3))
    assert points_run.draw(5, seed=3).equal(points_run.draw(70, seed=3)[:5])
    assert not points_run.draw(5, seed=4).equal(points_run.draw(5, seed=3))


def test_evaluation_is_written_and_tells_its_progress(points_run):
    told: list[float] = []
    cards = points_run.evaluate(n=30, repeats=1, progress=lambda what, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0
    saved = json.loads((points_run.path / "metrics.json").read_text())
    assert saved["round"] == 4
    assert [c["name"] for c in saved["cards"]] == [c.name for c in cards]


@pytest.mark.parametrize("native", [True, False])
def test_auto_takes_bfloat16_for_convolutions_where_the_processor_has_it(
    native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    options = dict(precision="auto", rounds=1, batch=8, width=4, out=tmp_path, track="none", doctor="off", device="cpu")
    assert zs.train("dcgan", "digits", **options).config["settings"]["precision"] == ("bf16" if native else "fp32")
    assert zs.train("gan", "ring8", **options).config["settings"]["precision"] == "fp32"


def test_a_folder_may_be_named_in_words(tmp_path: Path):
    run = zs.train("gan", "ring8:100", width=4, z_dim=2, rounds=1, batch=8, out=str(tmp_path / "here"), track="none")
    assert run.path.parent == tmp_path / "here"
