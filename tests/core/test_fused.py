"""Steps as compiled functions: what is recorded, what is refused, and when it pays."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import zerosum as zs
from tests.core.test_contract import GAMES, specs, start
from tests.core.toy import POINTS, Rows, Toy, Weight
from zerosum import fused
from zerosum.engine import Engine
from zerosum.fused import Fused, Unfusable, as_recorded, fuse, pays
from zerosum.game import EMA, Game, Move, Player
from zerosum.games.gan import GAN
from zerosum.games.wgan_gp import WGANGP
from zerosum.schedules import cosine, linear


def recorded(engine: Engine, strict: bool = True) -> Engine:
    engine.fused = Fused(engine, as_recorded, strict)
    return engine


def apart(a: Engine, b: Engine) -> float:
    """The largest difference between two engines' tensors, optimizers' included."""
    (x, values), (y, others) = a.state(), b.state()
    assert x.keys() == y.keys()
    assert values == others
    return max(float((x[k] - y[k]).abs().max()) for k in x)


def points(game: Game, **options) -> Engine:
    return Engine(game, Rows.random(67, x=POINTS), **({"batch": 8} | options))


class Lazy(Toy):
    """With clipping, a lazy move, an average, and a repeat of the clock's own."""

    def players(self) -> dict[str, Player]:
        D, G = super().players().values()
        return {"D": replace(D, clip=0.2), "G": replace(G, ema=EMA(64, None))}

    def moves(self) -> list[Move]:
        discriminate, generate = super().moves()
        lazy = Move("D", self.weights, every=2)
        return [replace(discriminate, times=lambda clock: 1 + clock.rounds % 2), generate, lazy]

    def weights(self, batch):
        return self.D.head.weight.square().sum() * batch.x.square().mean()


def test_clipping_lazy_moves_and_averages_are_the_same():
    assert apart(points(Lazy()).play(6), recorded(points(Lazy())).play(6)) == 0


def test_bfloat16_is_the_same_within_its_rounding():
    """Autocast keeps what it has cast, but for views, which parameters are in a record."""
    a, b = (points(Toy(), precision="bf16") for _ in range(2))
    assert apart(a.play(3), recorded(b).play(3)) < 1e-2


def test_one_can_go_on_where_the_other_was_saved():
    whole = points(Toy()).play(6)
    for first, second in ((recorded, lambda e: e), (lambda e: e, recorded)):
        saved = first(points(Toy())).play(3).state()
        again = second(points(Toy()))
        again.load(*saved)
        assert apart(again.play(6), whole) == 0


def test_the_clock_is_read_anew_in_every_round():
    engine = recorded(points(Weight(objectives=(lambda w, batch: w.sum() * engine.clock.examples,))))
    engine.play(4)
    assert engine.game.w == -8 * (1 + 2 + 3 + 4)


def test_schedules_take_numbers_and_tensors():
    for f in (cosine, linear):
        for t in (0.0, 0.3, 1.0, 7.0):
            assert float(f((3.0, -1.0), torch.tensor(t, dtype=torch.float64))) == pytest.approx(f((3.0, -1.0), t))
        assert f((3.0, -1.0), 0.0) == 3.0
        assert f((3.0, -1.0), 5.0) == -1.0
        assert f((3.0, -1.0), 0.5) == pytest.approx(1.0)


class Counting(Toy):
    """Its generator's loss has a factor that Python counts up, up to `top`."""

    top: int = 3
    inside: bool = False

    def build(self, spec) -> None:
        super().build(spec)
        self.factor, self.G.factor = 0, 0

    def generate(self, batch):
        return super().generate(batch) * (self.G.factor if self.inside else self.factor)

    def moves(self) -> list[Move]:
        def count(clock) -> bool:
            self.factor = self.G.factor = min(clock.rounds // fused.LOOK, self.top)
            return True

        return [replace(move, when=count) for move in super().moves()]


@pytest.mark.parametrize("inside", [False, True])
def test_numbers_that_a_game_changes_are_noticed(inside: bool):
    rounds = 4 * fused.LOOK
    whole = points(Counting(inside=inside)).play(rounds)
    assert apart(recorded(points(Counting(inside=inside))).play(rounds), whole) == 0


def test_a_game_that_changes_its_numbers_again_and_again_is_left_to_the_engine():
    rounds = 6 * fused.LOOK
    engine = recorded(points(Counting(top=9)), strict=False).play(rounds)
    assert apart(engine, points(Counting(top=9)).play(rounds)) == 0
    assert "again and again" in engine.fused.reasons["generate"]
    assert list(engine.fused.reasons) == ["discriminate", "generate"]


class Branching(Toy):
    def generate(self, batch):
        loss = super().generate(batch)
        return loss if float(loss.detach()) > 0 else -loss


def test_a_branch_on_values_is_left_to_the_engine_or_refused():
    engine = recorded(points(Branching()), strict=False).play(3)
    assert apart(engine, points(Branching()).play(3)) == 0
    assert list(engine.fused.reasons) == ["generate"]
    with pytest.raises(Unfusable, match=r"Branching\.generate cannot be recorded: what it computes depends on values"):
        recorded(points(Branching())).play(1)


def test_a_batch_in_parts_is_left_to_the_engine():
    engine = recorded(points(Toy(), micro=3), strict=False).play(2)
    assert apart(engine, points(Toy(), micro=3).play(2)) == 0
    assert "part by part" in engine.fused.reasons["generate"]


def test_a_compiler_that_errs_is_noticed():
    def wrong(graph, inputs):
        return lambda *given: [1.01 * t for t in graph(*given)]

    engine = points(Toy())
    engine.fused = Fused(engine, wrong)
    assert apart(engine.play(2), points(Toy()).play(2)) == 0
    assert "computes something else" in engine.fused.reasons["discriminate"]


@pytest.mark.parametrize(
    ("gradient", "compiled", "same"), [(1e-8, 3e-5, True), (1e-8, 3e-4, False), (1.0, 1.002, False)]
)
def test_rounding_of_what_cancels_is_no_error(gradient: float, compiled: float, same: bool):
    """A bias before a batch norm has no gradient but rounding; beside it stands one of 1."""
    step, run = (lambda *_, g=g: [torch.ones(2), torch.full((2,), g)] for g in (gradient, compiled))
    with nullcontext() if same else pytest.raises(Unfusable, match="computes something else"):
        fused.compare(step, run, [torch.zeros(1)], points(Toy()))


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    engine = points(WGANGP())
    with pytest.raises(Unfusable, match="there is no C\\+\\+ compiler 'no-such-compiler'"):
        fuse(engine)


def test_without_a_compiler_a_run_that_it_would_repay_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(fused, "REPAY", 10)
    run = zs.train("wgan_gp", "ring8", width=2, rounds=25, batch=8, out=tmp_path, track="none", doctor="off")
    assert run.rounds == 25
    assert "there is no C++ compiler 'no-such-compiler' here" in capsys.readouterr().err


def test_small_networks_and_many_rounds_repay_compilation():
    assert pays(points(WGANGP()), 10_000)
    assert not pays(points(GAN()), 10_000)
    assert pays(points(GAN()), 30_000)
    pictures = start(GAMES["dcgan"], next(iter(specs(GAMES["dcgan"]).values())))
    assert not pays(pictures, 10**7)


def close_when_compiled(a: Engine, b: Engine) -> None:
    """With an epsilon above rounding, for Adam makes whole steps of a gradient that is rounding alone, as a bias has
    before a batch norm."""
    if why := fused.obstacle("cpu"):
        pytest.fail(why)
    assert fuse(b, strict=True) == []
    for optimizer in [*a.optimizers.values(), *b.optimizers.values()]:
        for group in optimizer.param_groups:
            group["eps"] = 1e-2
    assert apart(a.play(4), b.play(4)) < 1e-4
    assert a.read() == pytest.approx(b.read(), rel=1e-4)


of_torch = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as it imports its compiler


@of_torch
@pytest.mark.parametrize("cls", [Toy, WGANGP])
def test_compiled_steps_are_the_eager_ones_within_rounding(cls: type[Game]):
    a, b = (points(cls(width=8)) for _ in range(2))
    close_when_compiled(a, b)


@of_torch
@pytest.mark.slow
@pytest.mark.parametrize("cls", GAMES.values(), ids=GAMES)
def test_every_game_compiled_is_the_eager_one_within_rounding(cls: type[Game]):
    spec = next(iter(specs(cls).values()))
    close_when_compiled(start(cls, spec), start(cls, spec))


@of_torch
@pytest.mark.slow
@pytest.mark.parametrize("game", ["gan", "wgan_gp", "r3gan"])
def test_a_compiled_run_that_is_resumed_is_the_undisturbed_one_to_the_bit(game: str, tmp_path: Path):
    options: dict[str, Any] = dict(batch=8, width=4, fused="on", quiet=True, track="none", doctor="off")
    whole = zs.train(game, "ring8", rounds=9, out=tmp_path / "whole", **options)
    half = zs.train(game, "ring8", rounds=4, out=tmp_path / "half", **options)
    resumed = zs.resume(half, 9, quiet=True)
    a, b = (next(r.checkpoints.glob("000009/*.safetensors")).read_bytes() for r in (whole, resumed))
    assert a == b
