"""Out of memory: half as many examples at a time and the same gradient, or one line that says what to do."""

import pytest
import torch
from torch import nn

from tests.core.toy import POINTS, Rows, Toy
from zerosum.engine import Engine
from zerosum.game import Move
from zerosum.memory import out_of_memory


class Large(Toy):
    """More than three examples at a time do not fit, from the second round on."""

    most: int = 3

    def moves(self):
        return [Move("D", self.discriminate, times=2), Move("G", self.generate, divisible=self.most != 5)]

    def generate(self, batch):
        loss = super().generate(batch)
        if self.clock.rounds and batch.n > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return loss


class Normed(Large):
    def build(self, spec):
        super().build(spec)
        self.D.features = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU())


def start(game: Toy, **options) -> Engine:
    return Engine(game, Rows.random(64, x=POINTS), batch=16, **options)


def test_half_as_many_examples_at_a_time_give_the_same_weights():
    engine, whole = start(Large()).play(4), start(Large(most=99)).play(4)
    assert engine.micro == 2
    assert [n.split(": ")[1] for n in engine.notes] == [
        f"going on with {n} examples a backward pass" for n in (8, 4, 2)
    ]
    assert vars(engine.clock) == vars(whole.clock)
    for (name, tensor), other in zip(engine.state()[0].items(), whole.state()[0].values(), strict=True):
        torch.testing.assert_close(tensor, other, atol=1e-6, rtol=1e-5, msg=lambda m, name=name: f"{name}: {m}")
    got, wanted = engine.read(), whole.read()
    assert got == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(
    ("game", "said"),
    [
        (Large(most=0), r"in G's move 'generate' with 1 examples at a time; a smaller --width"),
        (Large(most=5), r"with 16 examples at a time, and its batch may not be divided; take a smaller --batch"),
        (Normed(), r"with 16 examples at a time.*what its batch norms see.*--micro 8"),
    ],
    ids=["one", "indivisible", "norms"],
)
def test_where_that_is_not_safe_it_says_what_is(game: Toy, said: str):
    engine = start(game).play(1)
    before = {k: v.clone() for k, v in engine.state()[0].items() if "/G" in k}
    with pytest.raises(MemoryError, match=said):
        engine.round()
    assert all(v.equal(engine.state()[0][k]) for k, v in before.items()), "G has not moved"


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(RuntimeError) as found:
        torch.empty(2**46)
    assert out_of_memory(found.value)
    assert out_of_memory(MemoryError())
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not out_of_memory(ValueError("out of memory"))
