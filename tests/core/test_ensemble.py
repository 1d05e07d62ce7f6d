"""Several seeds at once: each plays as it would alone, but for its random numbers."""

from __future__ import annotations

import pytest
import torch

from tests.core.test_fused import Lazy, apart, of_torch, points
from tests.core.toy import POINTS, Rows, Toy, Weight
from zerosum import fused
from zerosum.engine import Engine
from zerosum.ensemble import Ensemble
from zerosum.errors import InputError
from zerosum.fused import Unfusable
from zerosum.game import Batch, Move
from zerosum.games.sngan import SNGAN
from zerosum.games.wgan_gp import WGANGP


@pytest.mark.parametrize("make", [Lazy, lambda: WGANGP(width=4)], ids=["lazy", "wgan_gp"])
def test_an_ensemble_of_one_is_its_engine(make):
    alone, member = points(make(), ema=50.0), points(make(), ema=50.0)
    ensemble = Ensemble([member])
    for rounds in (3, 4):
        ensemble.play(rounds)
        ensemble.hand_out()
        assert apart(alone.play(rounds), member) < 1e-6
        assert alone.read() == pytest.approx(member.read(), abs=1e-6)
    torch.testing.assert_close(alone.sample(5), member.sample(5), atol=1e-5, rtol=1e-4)


def test_every_seed_has_its_own_weights_and_data():
    class Drawn(Rows):
        """Another order for each seed."""

        def stream(self, position, n, *, seed, **options):
            return super().stream(position + 3 * seed, n, seed=seed, **options)

    def engine(seed: int) -> Engine:
        def fit(w, batch):
            return (w - batch.x.mean()).square().sum()

        return Engine(Weight(objectives=(fit,), lr=0.1), Drawn.random(67, x=POINTS), batch=8, seed=seed)

    members = [engine(seed) for seed in range(3)]
    Ensemble(members).play(5).hand_out()
    for seed, member in enumerate(members):
        alone = engine(seed).play(5)
        assert apart(alone, member) < 1e-6
        assert alone.read() == pytest.approx(member.read(), rel=1e-5)
    assert len({member.game.w for member in members}) == 3


def test_a_member_goes_on_alone():
    members = [points(Toy(), seed=seed) for seed in range(2)]
    Ensemble(members).play(3).hand_out()
    again = points(Toy(), seed=1)
    again.load(*members[1].state())
    assert apart(again, members[1]) == 0
    assert apart(again.play(5), members[1].play(5)) == 0


class Own(Move):
    """A move that is not a step."""

    def play(self, engine, batch):
        return super().play(engine, batch)


class Odd(Toy):
    def moves(self) -> list[Move]:
        return [Own("D", self.discriminate), *super().moves()[1:]]


class Branching(Toy):
    def generate(self, batch: Batch):
        return super().generate(batch) * (1 if batch.x.sum() > 0 else 2)


def test_what_cannot_be_played_together_is_refused():
    with pytest.raises(InputError, match="its move discriminate is played in a way of its own"):
        Ensemble([points(Odd())])
    with pytest.raises(Unfusable, match=r"Branching\.generate cannot be recorded"):
        Ensemble([points(Branching())]).play(1)
    with pytest.raises(Unfusable, match=r"Batching rule not implemented"):
        Ensemble([points(SNGAN(width=4))]).play(1)


@of_torch
@pytest.mark.slow
def test_compiled_it_is_the_same_within_rounding():
    assert fused.obstacle("cpu") is None
    both = [[points(WGANGP(width=4), seed=seed) for seed in range(2)] for _ in range(2)]
    ensembles = [Ensemble(engines) for engines in both]
    ensembles[1].compile()
    for ensemble in ensembles:
        ensemble.play(4).hand_out()
    for a, b in zip(*both, strict=True):
        assert apart(a, b) < 1e-4
