"""With `--doctor act` a run that would end is taken back and goes on, and all that was done is written down."""

import json

import pytest

import zerosum as zs
from zerosum.data.augment import InstanceNoise
from zerosum.doctor import Finding, Hand, read
from zerosum.engine import NonFinite
from zerosum.games.gan import GAN
from zerosum.settings import Settings

QUIET = dict(batch=8, track="none", quiet=True, log_every=1, save_every=4, device="cpu")


class Breaks(GAN):
    """Its loss is NaN in the sixth round, unless steps are small."""

    def discriminate(self, batch):
        terms = super().discriminate(batch)
        if self.clock.rounds == 5 and self.engine_lr() > 5e-4:
            terms["real"] = terms["real"] * float("nan")
        return terms

    def engine_lr(self):
        return self.optimizer_of_d.param_groups[0]["lr"]


@pytest.fixture
def breaks(monkeypatch):
    """Breaks, whose first optimizer can be seen by itself."""
    from zerosum import training

    made = training.prepare

    def prepare(game, data, settings):
        engine = made(game, data, settings)
        object.__setattr__(game, "optimizer_of_d", engine.optimizers["D"])
        return engine

    monkeypatch.setattr(training, "prepare", prepare)


def test_nan_is_fatal_unless_the_doctor_acts(breaks, tmp_path):
    game = Breaks(width=8, z_dim=2, lr=1e-3)
    with pytest.raises(NonFinite, match="last good checkpoint is of round 4"):
        zs.train(game, "ring8:100", rounds=8, out=tmp_path, **QUIET)
    run = zs.train(Breaks(width=8, z_dim=2, lr=1e-3), "ring8:100", rounds=8, out=tmp_path, doctor="act", **QUIET)
    assert run.rounds == 8
    (action,) = read(run.path)["actions"]
    assert action["round"] == 4
    assert "checkpoint of round 4, with 0.1 times" in action["did"]
    assert zs.load(run.path).config["settings"]["lr_scale"] == pytest.approx(0.1)
    assert [row["round"] for row in run.stats()] == list(range(1, 9))
    state = json.loads((run.checkpoints / "000008" / "state.json").read_text())
    assert state["engine"]["optimizers"]["D"][0]["lr"] == pytest.approx(1e-4)


def test_a_perfect_d_gets_noise_once_that_falls_to_nothing(points_hand):
    hand, engine, said = points_hand
    sure = Finding("perfect discriminator", "critical", 1, {}, "", [])
    for _ in range(2):
        hand.doctor.found = [sure]
        hand.treat()
    (noise,) = [m for m in engine.augment.modules() if isinstance(m, InstanceNoise)]
    assert float(noise.now) == pytest.approx(0.3)
    noise.anneal(1.0)
    assert float(noise.now) == 0.0
    assert len(said) == 1
    engine.round()


def test_divergence_goes_back_with_smaller_steps_but_not_for_ever(points_hand):
    hand, engine, said = points_hand
    for _ in range(9):
        hand.doctor.found = [Finding("divergence", "critical", 1, {}, "", [])]
        hand.treat()
    assert len(said) == 6
    assert engine.clock.rounds == 4
    assert engine.optimizers["G"].param_groups[0]["lr"] == pytest.approx(1e-3 * 0.1**6)


def test_a_learning_rate_too_high_is_set_right_at_the_first_look(tmp_path):
    run = zs.train("gan", "ring8:100", width=8, z_dim=2, lr=10.0, rounds=8, out=tmp_path, doctor="act", **QUIET)
    (action,) = read(run.path)["actions"]
    assert action["because"] == "learning rate too high"
    assert "went back to the start" in action["did"]
    state = json.loads((run.checkpoints / "000008" / "state.json").read_text())
    rate = state["engine"]["optimizers"]["G"][0]["lr"]
    assert 1e-4 < rate < 1e-2
    assert run.config["settings"]["lr_scale"] == pytest.approx(rate / 10, rel=1e-3)
    assert "learning rate too high" not in {f["name"] for f in read(run.path)["findings"]}


@pytest.fixture
def points_hand(tmp_path):
    """A hand at the side of a run of four rounds that is about to go on."""
    from zerosum.doctor import Doctor
    from zerosum.training import restored

    run = zs.train("gan", "ring8:100", width=8, z_dim=2, rounds=4, out=tmp_path, **QUIET)
    engine, said = restored(run), []
    hand = Hand(run, engine, Doctor(run, engine, 8), 8, said.append)
    return hand, engine, said


def test_options_that_make_no_sense_are_refused():
    for wrong in ({"instance_noise": -1.0}, {"lr_scale": 0.0}, {"add_r1": 0.0}):
        with pytest.raises(zs.InputError, match="are more than 0"):
            Settings(**wrong).check()
    with pytest.raises(zs.InputError, match="add_r1 needs a D that takes x alone"):
        zs.train("cgan", "digits", add_r1=1.0, rounds=1, quiet=True, track="none")


def test_r1_and_noise_and_rates_are_for_any_game(tmp_path):
    run = zs.train("gan", "ring8:100", width=8, z_dim=2, rounds=8, out=tmp_path, add_r1=2.0, instance_noise=0.5,
                   lr_scale=0.1, **QUIET)  # fmt: skip
    assert "D/r1" in run.stats()[0]
    state = json.loads((run.checkpoints / "000008" / "state.json").read_text())
    assert state["engine"]["optimizers"]["G"][0]["lr"] == pytest.approx(1e-4)
    assert zs.resume(run, 10, quiet=True).rounds == 10
