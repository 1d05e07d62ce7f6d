import numpy as np
import pytest
import torch

import zerosum.data as d
from zerosum.data.pictures import grid, principal, scatter, shown
from zerosum.errors import InputError


def test_a_grid_lays_images_row_by_row():
    x = torch.stack([torch.full((3, 4, 6), v) for v in (-1.0, 0.0, 1.0, -1.0)])
    picture = np.asarray(grid(x, columns=2, gap=1, scale=1))
    assert picture.shape == (2 * 5 + 1, 2 * 7 + 1, 3)
    assert (picture[1:5, 1:7] == 0).all()
    assert (picture[1:5, 8:14] == 128).all()
    assert (picture[6:10, 1:7] == 255).all()
    assert (picture[0] == 255).all()
    assert (picture[:, 7] == 255).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_any_number_of_channels(channels):
    assert grid(torch.rand(5, channels, 8, 8)).mode == "RGB"


def test_channels_are_shown_as_they_are():
    red = torch.tensor([1.0, -1, -1]).reshape(1, 3, 1, 1)
    assert shown(red).tolist() == [[[[255, 0, 0]]]]
    assert shown(torch.cat([red, torch.ones(1, 2, 1, 1)], 1)).tolist() == [[[[255, 0, 0]]]]
    clear = torch.cat([red, -torch.ones(1, 1, 1, 1)], 1).repeat(1, 1, 16, 16)
    assert sorted(np.unique(shown(clear))) == [217, 255]
    assert (shown(torch.cat([red, torch.ones(1, 1, 1, 1)], 1).repeat(1, 1, 16, 16))[..., 0] == 255).all()


def test_small_images_are_enlarged_and_values_clipped():
    assert min(grid(torch.rand(16, 1, 8, 8)).size) > 4 * 60
    assert max(grid(torch.rand(400, 3, 64, 64)).size) < 1400
    assert shown(torch.tensor([-9.0, 9, float("nan")]).reshape(3, 1, 1, 1))[:, 0, 0, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize("width", [1, 2, 9])
def test_scatter_of_any_width(width):
    points = torch.randn(200, width)
    alone, beside = scatter(points), scatter(points, torch.randn(300, width))
    assert alone.size == beside.size == (480, 480)
    assert np.asarray(alone).std() > 5
    assert np.asarray(alone).tobytes() != np.asarray(beside).tobytes()


def test_scatter_leaves_pyplot_alone():
    import sys

    had = "matplotlib.pyplot" in sys.modules
    scatter(np.random.default_rng(0).random((9, 2)))
    assert ("matplotlib.pyplot" in sys.modules) == had


def test_principal_directions_are_those_of_largest_spread():
    x = np.random.default_rng(0).normal(size=(5000, 4)) * [0.1, 5, 0.2, 2]
    _, two = principal(x)
    assert abs(two[1, 0]) > 0.99
    assert abs(two[3, 1]) > 0.99


def test_nothing_to_show():
    with pytest.raises(InputError, match="images \\[n, c, h, w\\]"):
        grid(torch.rand(3, 4))
    with pytest.raises(InputError, match="points \\[n, d\\]"):
        scatter(torch.rand(0, 2))


def test_a_grid_of_digits():
    assert np.asarray(grid(d.open("digits").batch(0, 9).x)).std() > 50
