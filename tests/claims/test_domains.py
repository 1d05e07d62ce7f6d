"""The data of claims about two domains, and their measures, on translators that are known."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from zerosum.claims import _domains, _voices, discogan, dtn
from zerosum.claims._rigs import judge


class Known:
    """A game that translates by two functions."""

    def __init__(self, there: Any, back: Any = None):
        self.translate, self.translate_back = there, back or there


def engine(game: Known, data: Any = None) -> Any:
    return SimpleNamespace(averaged=lambda: nullcontext(game), game=game, data=data)


def test_negatives_are_of_other_digits_and_the_truth_is_held_out():
    data = _domains.negatives()
    held = data.held_out.take(503)
    torch.testing.assert_close(held.b, -held.a)
    assert float((judge()(held.a) == held.y).double().mean()) > 0.98
    a, b = (data.all(name).flatten(1) for name in "ab")
    assert (len(a), len(b)) == (647, 647)
    assert float(torch.cdist(a, -b).min()) > 0, "no digit is in both domains"


def test_the_negative_itself_is_ones_own_and_another_digits_is_not():
    right = _domains.paired(engine(Known(lambda x: -x), _domains.negatives()), 0, 503)
    assert (right["own"], right["class"], right["error"], right["cycle"]) == (1, 1, 0, 0)
    wrong = _domains.paired(engine(Known(lambda x: -x.roll(1, 0)), _domains.negatives()), 0, 503)
    assert wrong["own"] == 0
    assert wrong["class"] < 0.2
    assert wrong["error"] == pytest.approx(wrong["another digit's"], rel=0.05)


def test_melodies_are_heard_in_the_voice_that_sang_them():
    wanted, seen = _voices.new("whistle")
    right = _voices.understood(seen[:20]) == wanted[:20]
    assert float(right.double().mean()) > 0.9, "there and back through spectrograms"
    assert float((_voices.understood(seen[:20].flip(2)) == wanted[:20]).double().mean()) < 0.4
    for voice in _voices.OVERTONES:
        waves = [_voices.sung(voice, melody, i) for i, melody in enumerate(wanted)]
        assert torch.equal(torch.stack([_voices.notes(wave) for wave in waves]), wanted)
    data = _voices.voices()
    assert [data.all(name).shape for name in "ab"] == [(600, 1, 32, 32)] * 2


def test_a_relation_that_is_one_to_one_is_told_from_one_that_is_not():
    def nearest(x: Tensor, modes: Tensor) -> Tensor:
        return torch.cdist(x, modes).argmin(1)

    def halved(x: Tensor) -> Tensor:
        """Each Gaussian of a to two of b: by the side of its centre that a point lies on."""
        mode = nearest(x, discogan.A)
        return discogan.B[2 * mode + (x[:, 0] > discogan.A[mode, 0])]

    def collapsed(x: Tensor) -> Tensor:
        return discogan.B[nearest(x, discogan.A) // 2]

    one = discogan.measured(engine(Known(halved)), 0)
    assert (one["alone"], one["reached"], one["near a mode"]) == (10, 10, 1)
    other = discogan.measured(engine(Known(collapsed)), 0)
    assert (other["alone"], other["reached"]) == (1, 3)
    assert discogan.measured(engine(Known(lambda x: x + 9)), 0)["near a mode"] == 0


def test_house_numbers_are_pictures_that_a_judge_of_plain_digits_cannot_read():
    torch.manual_seed(0)
    held = _domains.negatives().held_out.take(503)
    x = dtn.outdoors(held.a)
    assert x.shape == held.a.shape
    assert float(x.abs().max()) <= 1
    assert float((judge()(x) == held.y).double().mean()) < 0.6
    batch = next(dtn.streets().stream(0, 16))
    assert [t.shape for t in (batch.a, batch.b, batch.y)] == [(16, 1, 8, 8), (16, 1, 8, 8), (16,)]
