"""On a GPU: every game, captured or not, without waiting for it; and what is special to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import zerosum as zs
from tests.core.test_contract import GAMES, each_first, specs, start
from tests.core.toy import POINTS, Rows, Toy
from zerosum.engine import Engine
from zerosum.ensemble import Ensemble
from zerosum.errors import InputError
from zerosum.fused import Fused, as_recorded, fuse
from zerosum.game import Game, Move
from zerosum.games.dualgan import DualGAN
from zerosum.games.gan import GAN
from zerosum.games.wgan import WGAN
from zerosum.guard import NonFinite
from zerosum.spec import Spec

pytestmark = pytest.mark.gpu


def captured(engine: Engine) -> Engine:
    engine.fused = Fused(engine, as_recorded)
    return engine


def as_it_is(engine: Engine) -> Engine:
    return engine


def compiled(engine: Engine) -> Engine:
    assert fuse(engine, strict=True) == []
    return engine


def off(a: Engine, b: Engine) -> float:
    """The largest difference between the tensors of two engines, optimizers' included, in shares of the largest."""
    (x, _), (y, _) = a.state(), b.state()
    assert x.keys() == y.keys()
    return max(float((x[k].double() - y[k].double()).abs().max() / x[k].abs().max().clamp(min=1e-3)) for k in x)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("way", [as_it_is, captured])
@each_first
def test_no_round_waits_for_the_device(cls: type[Game], spec: Spec, way: Callable[[Engine], Engine]):
    engine = way(start(cls, spec, device="cuda")).play(4)
    torch.cuda.set_sync_debug_mode("error")
    try:
        engine.play(6)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert engine.read()


@each_first
def test_captured_it_is_the_same_game(cls: type[Game], spec: Spec):
    """Its terms are; weights whose gradient is rounding alone go their own ways, for kernels add in no fixed order."""
    a, b = (way(start(cls, spec, device="cuda")).play(4) for way in (as_it_is, captured))
    assert b.fused.captured
    assert b.fused.reasons == {}
    there = b.read()
    for name, value in a.read().items():
        assert there[name] == pytest.approx(value, rel=0.05, abs=0.02), name


def test_perceptrons_are_the_same_to_the_bit():
    a, b = (
        way(Engine(GAN(width=32), Rows.random(300, x=POINTS), batch=64, device="cuda")) for way in (as_it_is, captured)
    )
    assert off(a.play(30), b.play(30)) == 0


class Scheduled(Toy):
    """D has two moves and a schedule, so that its optimizer steps outside of what is captured."""

    def players(self):
        D, G = super().players().values()
        return {"D": replace(D, schedule=lambda clock: {"lr": 0.05 / (1 + clock.rounds)}), "G": G}

    def moves(self):
        discriminate, generate = super().moves()
        return [discriminate, Move("D", self.weights, every=2), generate]

    def weights(self, batch):
        return self.D.head.weight.square().sum() * batch.x.square().mean()


def test_two_moves_of_one_player_keep_their_gradients_apart():
    a, b = (
        way(Engine(Scheduled(), Rows.random(64, x=POINTS), batch=16, device="cuda")) for way in (as_it_is, captured)
    )
    assert off(a.play(9), b.play(9)) < 1e-5


def test_seeds_are_captured_together():
    def engines() -> list[Engine]:
        return [
            Engine(GAN(width=8), Rows.random(64, x=POINTS), batch=16, seed=s, device="cuda", ema=99.0) for s in range(3)
        ]

    ensemble = Ensemble(engines()).play(6)
    assert ensemble.fused.captured
    assert ensemble.fused.averages
    ensemble.hand_out()
    assert all(e.read() for e in ensemble.engines)
    alone = Ensemble(engines()[:1]).play(6)
    alone.hand_out()
    assert off(alone.first, engines()[0].play(6)) < 1e-4


@each_first
def test_it_is_the_same_game_as_on_a_cpu_within_rounding(cls: type[Game], spec: Spec):
    """The first weights are the same; the first losses are of other noise, and of the same size."""
    here, there = (start(cls, spec, device=device) for device in ("cpu", "cuda"))
    for (name, a), b in zip(here.state()[0].items(), there.state()[0].values(), strict=True):
        assert a.equal(b.cpu()), name
    here.play(2)
    there.play(2)
    assert here.read().keys() == there.read().keys()


@pytest.mark.parametrize("name", ["gan", "wgan_gp", "wgan"])
@pytest.mark.parametrize("way", [as_it_is, captured, compiled])
def test_resuming_is_exact_to_the_bit(name: str, way: Callable[[Engine], Engine]):
    def points() -> Engine:
        return way(Engine(GAMES[name](width=32), Rows.random(300, x=POINTS), batch=64, device="cuda", ema=500.0))

    whole, saved = points().play(12), points().play(6).state()
    saved = {k: v.cpu().clone() for k, v in saved[0].items()}, saved[1]
    again = points()
    again.load(*saved)
    again.play(12)
    for (key, tensor), other in zip(whole.state()[0].items(), again.state()[0].values(), strict=True):
        assert tensor.equal(other), key


@pytest.mark.parametrize("cls", [WGAN, DualGAN])
def test_a_checkpoint_of_a_gpu_goes_on_on_a_cpu_and_back(cls: type[Game]):
    """RMSprop counts its steps on the device there, and not here."""
    spec = next(iter(specs(cls).values()))
    there = start(cls, spec, device="cuda").play(2)
    here = start(cls, spec)
    here.load({k: v.cpu() for k, v in there.state()[0].items()}, there.state()[1])
    here.play(4)
    there.load(*here.state())
    assert there.play(6).read()


class Breaking(Toy):
    """From round 3 on, G's loss is not a number."""

    def generate(self, batch):
        return super().generate(batch) * torch.as_tensor(2.5 - self.clock.rounds).sign().sqrt().float()


@pytest.mark.parametrize("way", [as_it_is, captured])
def test_what_is_not_finite_is_named_and_not_used(way: Callable[[Engine], Engine]):
    engine = way(Engine(Breaking(), Rows.random(64, x=POINTS), batch=16, device="cuda")).play(3)
    engine.read()
    before = {k: v.clone() for k, v in engine.state()[0].items()}
    engine.play(6)  # it does not wait; nothing moves
    with pytest.raises(NonFinite, match=r"in round 4 the gradient of G's move 'generate' is not finite"):
        engine.read()
    assert engine.clock.rounds == 3
    changed = [k for k, v in engine.state()[0].items() if "G" in k and not v.equal(before[k])]
    assert not changed


def test_an_average_is_captured_as_well():
    a, b = (
        way(Engine(Toy(), Rows.random(64, x=POINTS), batch=16, device="cuda", ema=100.0)).play(8)
        for way in (as_it_is, captured)
    )
    assert a.averages["G"]
    assert b.fused.averages
    assert off(a, b) < 1e-5


def test_out_of_memory_halves_the_batch():
    held = torch.cuda.memory_allocated() + (1 << 30)
    torch.cuda.set_per_process_memory_fraction(held / torch.cuda.get_device_properties(0).total_memory)
    try:
        engine = Engine(Toy(width=2048), Rows.random(1 << 15, x=POINTS), batch=1 << 15, device="cuda").play(2)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert engine.micro < 1 << 15
    assert any("out of memory" in note for note in engine.notes)


def test_auto_captures_and_says_so(tmp_path, capsys):
    run = zs.train("gan", "ring8", out=tmp_path, rounds=1000, width=8, device="cuda", track="none", doctor="off")
    assert "CUDA graphs made" in capsys.readouterr().err
    assert run.restore()[1]["fused"]


@pytest.mark.parametrize(
    "settings", [{}, {"fused": "on"}, {"precision": "bf16"}, {"precision": "auto"}, {"precision": "tf32"}, {"seeds": 2}]
)
def test_train_resume_sample_and_evaluate(tmp_path, settings: dict[str, Any]):
    run = zs.train(
        "dcgan", "digits", out=tmp_path, rounds=30, width=8, device="cuda", quiet=True, track="none", **settings
    )
    assert run.config["device"] == "cuda"
    assert run.sample(10).shape[0] == 10
    run = zs.resume(run, 40, quiet=True)
    assert run.rounds == 40
    on_cpu = zs.resume(run, 45, quiet=True, device="cpu", fused="off")
    assert on_cpu.rounds == 45


def test_a_device_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no device 'cuda:99' here"):
        zs.train("gan", "ring8", out=tmp_path, rounds=1, device="cuda:99", quiet=True)
