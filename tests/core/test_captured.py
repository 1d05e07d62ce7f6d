"""Steps as CUDA graphs, without a GPU: a tape stands in for torch's graph, and holds to its rules. What runs on a GPU
is in test_cuda."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.core.test_fused import apart, points
from tests.core.toy import POINTS, Rows, Toy
from zerosum import captured, engine
from zerosum.captured import Uncapturable
from zerosum.engine import Engine
from zerosum.ensemble import Ensemble
from zerosum.fused import Fused, as_recorded
from zerosum.game import EMA, Batch, Game, Move, Player
from zerosum.games.gan import GAN
from zerosum.games.wgan import WGAN
from zerosum.guard import NonFinite, undoing


class Tape(TorchDispatchMode):
    """Like a CUDA graph: it holds operations on certain tensors, without Python; what they change while it is recorded
    is taken back; played again, they write to where they wrote, and draw from the generator as it is then."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        for argument, value in zip(func._schema.arguments, args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                for t in tree_leaves(value):
                    self.before.setdefault(t.data_ptr(), (t, t.clone()))
        out = func(*args, **kwargs)
        self.steps.append((func, args, kwargs, out))
        return out

    def take_back(self) -> None:
        for t, value in self.before.values():
            t.copy_(value)

    def play(self) -> None:
        for func, args, kwargs, out in self.steps:
            for mine, new in zip(tree_leaves(out), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(mine, Tensor) and mine.data_ptr() != new.data_ptr():
                    mine.copy_(new)


def taped(function: Callable[..., list[Tensor]], inputs: list[Tensor], pool: Any) -> Callable[..., list[Tensor]]:
    state = torch.get_rng_state()
    tape = Tape()
    try:
        with torch.no_grad(), tape:
            out = function(*inputs)
    except RuntimeError as error:
        raise Uncapturable(str(error)) from error
    finally:
        with torch.no_grad():
            tape.take_back()
        torch.set_rng_state(state)

    @torch.no_grad()
    def replay(*given: Tensor) -> list[Tensor]:
        for mine, t in zip(inputs, given, strict=True):
            mine.copy_(t)
        tape.play()
        return out

    return replay


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "captured", taped)
    monkeypatch.setattr(engine, "guarded", undoing)  # does not look at the flag


def as_on_a_gpu(played: Engine) -> Engine:
    """The guard's flag stays a tensor, which nobody waits for."""
    played.guard.waits = False
    return played


def launched(played: Engine, strict: bool = True) -> Engine:
    fused = Fused(as_on_a_gpu(played), as_recorded, strict)
    fused.pool, played.fused = "memory", fused
    return played


class Scheduled(Toy):
    """D has two moves and a schedule, so that its optimizer steps outside of what is captured; G clips, and has an
    average."""

    def players(self) -> dict[str, Player]:
        D, G = super().players().values()
        return {
            "D": replace(D, schedule=lambda clock: {"lr": 0.05 / (1 + clock.rounds)}),
            "G": replace(G, clip=0.1, ema=EMA(64, None)),
        }

    def moves(self) -> list[Move]:
        discriminate, generate = super().moves()
        return [replace(discriminate, times=2), Move("D", self.weights, every=2), generate]

    def weights(self, batch: Any) -> Tensor:
        return self.D.head.weight.square().sum() * batch.x.square().mean()


@pytest.mark.parametrize("make", [Toy, Scheduled, lambda: GAN(width=8), lambda: WGAN(width=8)])
def test_captured_it_is_the_same_game_to_the_bit(make: Callable[[], Game]):
    a, b = as_on_a_gpu(points(make(), ema=99.0)).play(9), launched(points(make(), ema=99.0)).play(9)
    assert apart(a, b) == 0
    assert a.read() == b.read()
    assert isinstance(b.fused, Fused)
    assert all(c.replay for c in b.fused.captured.values())
    assert b.fused.averages


def test_terms_of_earlier_rounds_are_not_overwritten():
    played = launched(points(Toy())).play(4)
    assert isinstance(played.fused, Fused)
    one = played.fused("G", played.moves[1].objective, played.next_batch(), 1.0, True)
    assert one is not None
    values = {k: float(v) for k, v in one.items()}
    played.play(6)
    assert {k: float(v) for k, v in one.items()} == values


class Views(Rows):
    """Batches are halves of the data themselves, in turns."""

    def stream(self, position: int, n: int, **_: Any) -> Iterator[Batch]:
        while True:
            yield from (Batch(x=half) for half in self.arrays["x"].chunk(2))


def test_data_are_not_written_to():
    rows = Views.random(16, x=POINTS)
    before = rows.arrays["x"].clone()
    launched(Engine(Toy(), rows, batch=8)).play(6)
    assert rows.arrays["x"].equal(before)


def test_a_load_is_captured_anew():
    saved = launched(points(Scheduled())).play(4).state()
    saved = {k: v.clone() for k, v in saved[0].items()}, saved[1]
    again = launched(points(Scheduled())).play(7)
    again.load(*saved)
    as_on_a_gpu(again)
    assert apart(again.play(9), as_on_a_gpu(points(Scheduled())).play(9)) == 0


class Breaking(Toy):
    """From round 6 on G's loss is not a number."""

    def generate(self, batch: Any) -> Tensor:
        return super().generate(batch) * torch.as_tensor(5.5 - self.clock.rounds).sign().sqrt().float()


def test_the_step_that_was_not_finite_is_named():
    played = launched(points(Breaking())).play(8)
    with pytest.raises(NonFinite, match=r"in round 7 the gradient of G's move 'generate' is not finite"):
        played.check()
    assert played.clock.rounds == 6


class Waiting(Toy):
    """After a step of G, Python looks at a weight."""

    def players(self) -> dict[str, Player]:
        D, G = super().players().values()
        return {"D": D, "G": replace(G, after=lambda: float(self.G[0].weight[0, 0]))}


def test_what_waits_for_the_device_is_left_to_the_engine():
    played = launched(points(Waiting()), strict=False).play(6)
    assert apart(played, as_on_a_gpu(points(Waiting())).play(6)) == 0
    assert isinstance(played.fused, Fused)
    assert "cannot be captured (operation not permitted" in played.fused.reasons["generate"]


def test_seeds_are_captured_together():
    def engines() -> list[Engine]:
        return [points(Scheduled(), seed=seed) for seed in range(3)]

    a, b = Ensemble(engines()).play(7), Ensemble(engines())
    b.fused.pool = "memory"
    b.play(7)
    assert b.fused.captured
    a.hand_out()
    b.hand_out()
    assert max(map(apart, a.engines, b.engines)) == 0
