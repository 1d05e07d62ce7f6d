import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zerosum.data import order


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(-(2**70), 2**70), group=st.integers(0, 3), size=st.integers(1, 300), epoch=st.integers(0, 2**30)
)
def test_every_epoch_is_a_permutation(seed, group, size, epoch):
    start = epoch * size
    drawn = order.shuffled(seed, group, size, start, start + size)
    assert sorted(drawn.tolist()) == list(range(size))


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 10**12),
    parts=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
    size=st.integers(1, 10**7),
)
def test_a_span_is_the_sum_of_its_parts(start, parts, size):
    whole = order.shuffled(1, 0, size, start, start + sum(parts))
    ends = list(itertools.accumulate(parts, initial=start))
    pieces = [order.shuffled(1, 0, size, a, b) for a, b in itertools.pairwise(ends)]
    assert (whole == np.concatenate(pieces)).all()
    assert whole.min() >= 0
    assert whole.max() < size


def test_large_set_epoch_is_a_permutation():
    size = 100_003
    assert (np.sort(order.shuffled(0, 0, size, 5 * size, 6 * size)) == np.arange(size)).all()


@pytest.mark.parametrize("size", [3, 4, 5, 6, 7])
def test_permutations_of_few_are_uniform(size):
    """Chi-squared over all size! orders; 6 sigma."""
    epochs, orders = 20_000, math.factorial(size)
    drawn = order.shuffled(11, 0, size, 0, size * epochs).reshape(epochs, size)
    _, counts = np.unique(drawn @ 10 ** np.arange(size), return_counts=True)
    expected = epochs / orders
    chi = ((counts - expected) ** 2 / expected).sum() + (orders - len(counts)) * expected
    assert abs(chi - (orders - 1)) < 6 * math.sqrt(2 * (orders - 1))


@pytest.mark.parametrize("size", [40, 1000])
def test_positions_and_neighbours_are_uniform(size):
    """Where an example goes, and by how much neighbours differ, are both uniform over epochs."""
    epochs = 400_000 // size
    drawn = order.shuffled(3, 0, size, 0, size * epochs).reshape(epochs, size)
    for values, expected in (
        (np.bincount(drawn[:, 0], minlength=size), epochs / size),
        (np.bincount((drawn[:, 1:] - drawn[:, :-1]).ravel() % size, minlength=size)[1:], epochs),
    ):
        chi, freedom = ((values - expected) ** 2 / expected).sum(), len(values) - 1
        assert abs(chi - freedom) < 6 * math.sqrt(2 * freedom)


def test_seeds_groups_and_epochs_differ():
    base = order.shuffled(0, 0, 1000, 0, 1000)
    for other in (
        order.shuffled(1, 0, 1000, 0, 1000),
        order.shuffled(0, 1, 1000, 0, 1000),
        order.shuffled(0, 0, 1000, 1000, 2000),
    ):
        assert (base == other).mean() < 0.01


def test_the_order_is_the_same_for_ever():
    """A run resumed by a later version must see the same examples."""
    assert order.shuffled(0, 0, 1000, 0, 6).tolist() == PINNED
    assert order.coins(0, 0, 0, 12).astype(int).tolist() == PINNED_COINS


def test_coins_are_fair_and_do_not_depend_on_the_span():
    coins = order.coins(5, 0, 100, 100_100)
    assert abs(coins.mean() - 0.5) < 4 * 0.5 / math.sqrt(100_000)
    assert (coins[50:70] == order.coins(5, 0, 150, 170)).all()


def test_draws_follow_their_probabilities():
    p = np.array([0.5, 0.0, 0.25, 0.25])
    drawn = order.drawn(0, 0, (8 * p).cumsum(), 0, 40_000)
    share = np.bincount(drawn, minlength=4) / 40_000
    assert share[1] == 0
    assert np.abs(share - p).max() < 0.015


def test_a_longer_choice_begins_with_the_shorter():
    assert (order.chosen(10, 100, 1, 2) == order.chosen(50, 100, 1, 2)[:10]).all()
    assert sorted(order.chosen(200, 100, 1).tolist()) == list(range(100))


PINNED = [345, 370, 786, 665, 882, 797]
PINNED_COINS = [1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
