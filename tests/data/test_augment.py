import pytest
import torch

from zerosum.data.augment import DiffAugment, color, cutout, translation
from zerosum.errors import InputError


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 3, 7, 13), (5, 4, 1, 9), (5, 6, 16, 10)])
@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout", ""])
def test_any_size_and_channels(shape, policy):
    x = torch.rand(shape) * 2 - 1
    y = DiffAugment(policy)(x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert torch.isfinite(y).all()
    assert torch.equal(y, x) == (policy == "")


def test_nothing_is_done_in_eval_mode():
    x = torch.rand(4, 3, 8, 8)
    assert torch.equal(DiffAugment().eval()(x), x)


@pytest.mark.parametrize("policy", ["color", "translation", "cutout"])
def test_differentiable_twice(policy):
    x = torch.rand(3, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    augment = DiffAugment(policy)

    def fixed(v):
        torch.manual_seed(1)
        return augment(v)

    assert torch.autograd.gradcheck(fixed, (x,))
    assert torch.autograd.gradgradcheck(lambda v: fixed(v) ** 2, (x,))


def test_gradient_penalties_by_func_grad():
    augment = DiffAugment()
    g = torch.func.grad(lambda v: (augment(v) ** 2).sum())(torch.rand(4, 3, 8, 8))
    assert g.shape == (4, 3, 8, 8)
    assert g.abs().sum() > 0


def test_color_moves_brightness_saturation_and_contrast_within_their_ranges():
    x = torch.rand(2000, 3, 4, 4)
    y = color(x)
    assert ((y - x).mean((1, 2, 3)).abs() <= 0.5 + 1e-5).all()
    assert (y - x).mean((1, 2, 3)).std() > 0.2
    ratio = y.mean(1).flatten(1).std(1) / x.mean(1).flatten(1).std(1)  # of the grey picture: contrast alone
    assert ratio.min() >= 0.5 - 1e-3
    assert ratio.max() <= 1.5 + 1e-3
    assert abs(ratio.mean() - 1) < 0.03
    grey = torch.rand(5, 1, 4, 4).repeat(1, 3, 1, 1)
    assert torch.allclose(color(grey).std(1), torch.zeros(5, 4, 4), atol=1e-6)


def test_translation_moves_by_up_to_an_eighth_and_fills_with_zero():
    x = torch.zeros(3000, 1, 16, 24)
    x[:, :, 8, 12] = 1
    place = translation(x).flatten(1).argmax(1)
    rows, columns = place // 24 - 8, place % 24 - 12
    assert sorted(set(rows.tolist())) == [-2, -1, 0, 1, 2]
    assert sorted(set(columns.tolist())) == [-3, -2, -1, 0, 1, 2, 3]
    filled = translation(torch.ones(500, 1, 16, 24))
    assert ((filled == 1) | (filled == 0)).all()
    assert filled[:, 0, 8, 12].eq(1).all()
    assert filled[:, 0, 0].eq(0).any()


def test_cutout_covers_at_most_half_of_each_side():
    y = cutout(torch.ones(3000, 2, 12, 8))
    gone = (y == 0).all(1)
    rows, columns = gone.any(2).sum(1), gone.any(1).sum(1)
    assert rows.max() == 6
    assert columns.max() == 4
    assert rows.min() >= 2
    assert columns.min() >= 1
    assert torch.equal(gone.sum((1, 2)), rows * columns)
    assert torch.equal((y[:, 0] == 0), (y[:, 1] == 0))
    corner = 4 / 13 * 3 / 9  # places that cover it, of all: of 6 rows in 12, of 4 columns in 8
    assert abs(gone[:, 0, 0].float().mean() - corner) < 0.025


def test_bad_words():
    with pytest.raises(InputError, match="no augmentation 'colour'; did you mean 'color'"):
        DiffAugment("colour,cutout")
