"""After a gradient that is not finite nothing moves, on any path, and the move, the term and the layer are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import nn

from tests.core.toy import POINTS, Rows, Toy, Weight
from zerosum.engine import Engine
from zerosum.game import EMA, Game, Move, Player
from zerosum.guard import LARGE, Guard, NonFinite, finite, guarded
from zerosum.optim import SGD, Adam, RMSprop

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("shape", [(3,), (LARGE + 3,)])
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_one_number_is_enough(shape: tuple[int], bad: float):
    good = [torch.randn(shape), torch.randn(5, 2)]
    guard = Guard("cpu")
    assert finite(good)
    assert guard.allows(good, (0, 0, 0))
    kept = [g.clone() for g in good]
    for i, place in ((0, 0), (0, -1), (1, 3)):
        worse = [g.clone() for g in good]
        worse[i].view(-1)[place] = bad
        assert not finite(worse)
        assert not Guard("cpu").allows(worse, (0, 0, 0))
    assert all(a.equal(b) for a, b in zip(good, kept, strict=True)), "a look changes nothing"


def test_infinities_of_both_signs_do_not_cancel():
    assert not finite([torch.tensor([INF, -INF])])
    assert not finite([torch.tensor([INF]), torch.tensor([-INF])])
    assert finite([torch.tensor([1e30, 1e30])])


@pytest.mark.parametrize("waits", [True, False])
def test_the_first_is_remembered_and_none_passes_after_it(waits: bool):
    """Without waiting, as on a GPU: all of it stays on the device until it is asked for."""
    guard = Guard("cpu")
    guard.waits = waits
    good, bad = [torch.ones(2)], [torch.tensor([1.0, NAN])]
    assert guard.allows(good, (4, 40, 0))
    assert guard.first() is None
    assert not guard.allows(bad, (5, 50, 1))
    assert not guard.allows(good, (5, 50, 2))
    assert not guard.allows(bad, (6, 60, 0))
    assert guard.first() == (5, 50, 1)


@pytest.mark.parametrize("make", [Adam(0.1), SGD(0.1, momentum=0.9), SGD(0.1), RMSprop(0.1)], ids=repr)
@pytest.mark.parametrize("path", ["cpu", "device"])
def test_an_optimizer_that_may_not_step_keeps_weights_and_state(make: Callable, path: str, monkeypatch):
    """The path of accelerators is taken on the CPU by a flag that says it is elsewhere."""

    class Elsewhere(torch.Tensor):
        device = torch.device("meta")

    weights = [nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2, 2))]
    optimizer = make(weights)

    def step(gradient: float, good: bool) -> None:
        for w in weights:
            w.grad = torch.full_like(w, gradient)
        flag = torch.tensor(good)
        if path == "device":
            flag = flag.as_subclass(Elsewhere)
        guarded(optimizer, flag)

    def everything() -> list[torch.Tensor]:
        states = [v for w in weights for v in optimizer.state[w].values() if isinstance(v, torch.Tensor)]
        return [t.detach().clone() for t in [*weights, *states]]

    step(1.0, True)
    step(0.5, True)
    before = everything()
    step(NAN, False)
    assert all(a.equal(b) for a, b in zip(everything(), before, strict=True))
    step(1.0, True)
    assert not everything()[0].equal(before[0])
    assert all(t.isfinite().all() for t in everything())


class Poisoned(Toy):
    """A toy in which something breaks in the third round, in a way of the test's choice."""

    how: ClassVar[str] = ""

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(0.01)), "G": Player(self.G, Adam(0.01), ema=EMA(20.0))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate, times=2), Move("G", self.generate)]

    def now(self, how: str) -> bool:
        return self.how == how and self.clock.rounds == 2

    def discriminate(self, batch):
        terms = super().discriminate(batch)
        if self.now("root"):
            terms["slope"] = (self.D(batch.x) * 0).abs().sqrt().mean()
        return terms

    def generate(self, batch):
        y = self.sample(batch.n)
        if self.now("output"):
            y = y * INF
        loss = super().generate(batch) if not self.now("output") else self.D(y).mean()
        return loss * NAN if self.now("loss") else loss


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("batch", r"D's move 'discriminate' .*term 'real' is nan; not finite already: x of the batch"),
        (
            "root",
            r"D's move 'discriminate' is not finite \(term 'slope' is 0, but its gradient .* D\.features\.0\.weight",
        ),
        ("output", r"G's move 'generate' is not finite \(term 'generate' is (nan|-?inf)"),
        ("loss", r"G's move 'generate' is not finite \(term 'generate' is nan\)"),
    ],
)
def test_what_broke_is_named_and_all_is_as_it_was_before(how: str, said: str):
    class Told(Poisoned):
        pass

    Told.how = how
    data = Rows.random(64, x=POINTS)
    if how == "batch":
        data.arrays["x"][2 * 16 + 5] = NAN
    engine = Engine(Told(), data, batch=8).play(2)
    averages = {k: v.clone() for k, v in engine.averages["G"].items()}
    with pytest.raises(NonFinite, match=rf"in round 3 the gradient of {said}") as first:
        engine.play(5)
    state = {k: v.clone() for k, v in engine.state()[0].items()}
    assert all(v.isfinite().all() for v in state.values())
    assert all(v.equal(averages[k]) for k, v in engine.averages["G"].items())
    assert vars(engine.clock) == {"rounds": 2, "examples": 32}
    with pytest.raises(NonFinite) as again:
        engine.play(5)
    assert str(again.value) == str(first.value), "the same again: the round is a function of the seed and its number"
    assert all(v.equal(state[k]) for k, v in engine.state()[0].items())


def test_a_layer_that_breaks_is_named():
    class Root(nn.Module):
        def forward(self, x):
            return (x.abs() - 1e3).sqrt()

    class Broken(Toy):
        def build(self, spec):
            super().build(spec)
            self.D.features = nn.Sequential(nn.Linear(2, 8), Root())

    with pytest.raises(NonFinite, match=r"first in layer D\.features\.1 \(Root\)"):
        Engine(Broken(), Rows.random(64, x=POINTS), batch=8).play(1)


@pytest.mark.parametrize("state", ["exp_avg", "exp_avg_sq"])
def test_a_broken_optimizer_is_found_at_the_next_gradient(state: str):
    """Its own step is beyond the guard; the one after it is not, and a checkpoint of it is refused by training."""

    class Adams(Poisoned):
        pass

    engine = Engine(Adams(), Rows.random(64, x=POINTS), batch=8).play(2)
    engine.optimizers["G"].state[engine.parameters["G"][0]][state][0] = NAN
    with pytest.raises(NonFinite, match=r"not finite already: weights G\.0\.weight"):
        engine.play(5)
    assert engine.clock.rounds == 3


def test_a_loaded_engine_plays_again():
    class Told(Poisoned):
        how = "loss"

    engine = Engine(Told(), Rows.random(64, x=POINTS), batch=8).play(2)
    saved = {k: v.clone() for k, v in engine.state()[0].items()}, engine.state()[1]
    values = {**saved[1], "clock": dict(saved[1]["clock"])}
    with pytest.raises(NonFinite):
        engine.round()
    engine.load(saved[0], values)
    Told.how = ""
    assert engine.play(4).clock.rounds == 4


def test_a_step_that_a_move_takes_by_itself_is_guarded_too():
    class Own(Move):
        def play(self, engine, batch):
            weight = engine.parameters["G"][0]
            weight.grad = torch.full_like(weight, NAN)
            engine.step("G")
            return {}

    class Evolving(Weight):
        def moves(self) -> list[Move]:
            return [Own("G", lambda batch: batch.x.sum())]

    engine = Engine(Evolving(), Rows.random(64, x=POINTS), batch=8)
    with pytest.raises(NonFinite, match="in round 1 the gradient of move 1 is not finite"):
        engine.round()
    assert engine.game.w == 0.0


def test_games_have_no_say_in_it():
    assert not any("guard" in name for name in dir(Game))
