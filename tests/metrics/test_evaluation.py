"""`evaluate` end to end: good, bad and copying samplers get the cards that they deserve."""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.metrics.fake_data import FakeData, columns, digits, image_spec, ring8, ring_data
from zerosum import metrics as m
from zerosum.errors import InputError
from zerosum.spec import Column, Columns, Field, Spec

Cards = dict[str, m.Card]


@pytest.fixture(scope="module")
def digit_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeData]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield digits()


def judge(sample, data: FakeData, **options) -> Cards:
    return {card.name: card for card in m.evaluate(sample, data, **options)}


def far(card: m.Card) -> float:
    """Distance from the floor, in spreads of the floor; positive is worse."""
    assert card.floor is not None
    assert card.floor_spread
    return (card.value - card.floor) / card.floor_spread * (1 if card.better == "lower" else -1)


def noisy(x: Tensor, amount: float, seed: int) -> Tensor:
    return x + amount * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def test_a_perfect_sampler_is_at_the_floor_everywhere():
    cards = judge(lambda n, seed: ring8(n, 5000 + seed), ring_data(), n=2000, repeats=3)
    assert set(cards) == {
        "sliced Wasserstein-1", "column W1, worst", "column W1, mean", "MMD^2", "energy distance", "modes covered of 8",
        "high-quality share", "mode imbalance, KL", "two-sample accuracy", "nearer than unseen",
    }  # fmt: skip
    assert cards["modes covered of 8"].value == 8 == cards["modes covered of 8"].floor
    assert cards["high-quality share"].value > 0.998
    assert cards["two-sample accuracy"].value == pytest.approx(0.5, abs=0.03)
    assert cards["nearer than unseen"].value == pytest.approx(0.5, abs=0.05)
    assert cards["sliced Wasserstein-1"].value < 0.1
    assert abs(cards["MMD^2"].value) < 0.002


def test_a_sampler_that_dropped_half_of_the_modes_is_found_out():
    def half(n: int, seed: int) -> Tensor:
        x = ring8(2 * n + 500, 5000 + seed)
        return x[x[:, 1] > -0.5][:n]

    cards = judge(half, ring_data(), n=2000, repeats=3)
    assert cards["modes covered of 8"].value == 5
    assert cards["high-quality share"].value > 0.998
    assert cards["mode imbalance, KL"].value == pytest.approx(math.log(8 / 5), abs=0.02)
    for name in ("sliced Wasserstein-1", "column W1, worst", "MMD^2", "energy distance", "mode imbalance, KL"):
        assert far(cards[name]) > 10, name
    assert cards["two-sample accuracy"].value > 0.65


def test_modes_are_looked_for_in_the_units_of_the_user():
    """The same ring kept in standard units: the codec leads back to radius 2 before modes are counted."""
    data = ring_data(2000)
    field = data.spec.x
    codec = Columns((Column("a", 0.5, 4.0), Column("b", -1.0, 4.0)))
    spec = Spec(x=dataclasses.replace(field, codec=codec))
    parts = [{"x": codec.encode(p.all("x"))} for p in (data, data.held_out)]
    cards = judge(lambda n, seed: codec.encode(ring8(n, seed)), FakeData("ring8", spec, *parts), n=500, repeats=2)
    assert cards["modes covered of 8"].value == 8


def test_repeats_are_against_the_same_reals_with_other_seeds():
    seeds = []

    def sample(n: int, seed: int) -> Tensor:
        seeds.append(seed)
        return ring8(n, 5000)

    state = torch.get_rng_state()
    cards = judge(sample, ring_data(1000), n=200, repeats=3, seed=10)
    assert seeds == [10, 11, 12]
    assert all(card.spread == 0 for card in cards.values()), "equal samples give equal figures"
    assert all(card.floor_spread != 0 for name, card in cards.items() if "modes" not in name and "high" not in name)
    assert cards == judge(sample, ring_data(1000), n=200, repeats=3, seed=10)
    assert torch.equal(torch.get_rng_state(), state)


def test_sizes_are_those_on_the_card():
    cards = judge(lambda n, seed: ring8(n, seed), ring_data(8000), repeats=1)
    by_name = {name: (card.n_real, card.n_fake, card.split) for name, card in cards.items()}
    assert by_name["sliced Wasserstein-1"] == (4000, 4000, "train"), "half of the held-out part"
    assert by_name["MMD^2"] == (2000, 2000, "train")
    assert by_name["two-sample accuracy"] == (2000, 2000, "held-out")
    assert by_name["nearer than unseen"] == (500, 500, "held-out")
    assert by_name["modes covered of 8"] == (0, 4000, "train")


@pytest.mark.parametrize("n", [40, 100, 200])
def test_the_floors_spread_is_corrected_for_overlap(n: int):
    """Of the mean of n held-out numbers, drawn afresh each time, it would be sd / sqrt(n); here there are 200 of them.
    Over 50 repeats a standard deviation is known to 10 %."""
    g = torch.Generator().manual_seed(0)
    spec = Spec(x=Field((1,), "vector", columns(1)))
    data = FakeData("far", spec, {"x": torch.zeros(200, 1)}, {"x": 50 + torch.randn(200, 1, generator=g)})
    card = judge(lambda n, _: torch.zeros(n, 1), data, n=n, repeats=50)["column W1, mean"]
    assert card.floor == pytest.approx(50, abs=0.3)
    assert card.floor_spread == pytest.approx(1 / n**0.5, rel=0.35)


def test_a_training_part_smaller_than_the_held_out_one():
    spec = Spec(x=Field((2,), "vector", columns(2)))
    data = FakeData("small", spec, {"x": ring8(24, 1)}, {"x": ring8(300, 2)})
    cards = judge(ring8, data, repeats=2)
    assert cards["two-sample accuracy"].n_fake == 200
    assert all(card.floor is not None and card.floor_spread is not None for card in cards.values())


def test_few_held_out_examples_give_no_floor():
    g = torch.Generator().manual_seed(0)
    spec = Spec(x=Field((2,), "vector", columns(2)))
    data = FakeData("small", spec, {"x": torch.randn(40, 2, generator=g)}, {"x": torch.randn(4, 2, generator=g)})
    cards = judge(lambda n, seed: torch.randn(n, 2), data, repeats=1)
    assert {card.floor for card in cards.values()} == {None}
    assert {card.spread for card in cards.values()} == {None}
    assert "two-sample accuracy" not in cards
    assert cards["MMD^2"].n_fake == 40


def test_real_unseen_digits_are_at_the_floor(digit_data: FakeData):
    cards = judge(lambda n, seed: digit_data.held_out.take(n, seed + 50).x, digit_data)
    assert set(cards) == {
        "Frechet distance", "kernel distance", "precision", "recall", "density", "coverage",
        "sliced Wasserstein-1, pixels", "class score", "class shares, distance", "nearer than unseen",
    }  # fmt: skip
    assert all(abs(far(card)) < 3 for card in cards.values())
    assert cards["Frechet distance"].n_real == 1300
    assert cards["Frechet distance"].features == f"digits classifier {m.of_data(digit_data).hash}"
    assert cards["sliced Wasserstein-1, pixels"].features is None


def test_noisy_digits_are_below_it_and_copies_are_told(digit_data: FakeData):
    poor = judge(lambda n, seed: noisy(digit_data.held_out.take(n, seed).x, 0.6, seed), digit_data, repeats=3)
    for name in ("Frechet distance", "kernel distance", "precision", "density", "sliced Wasserstein-1, pixels"):
        assert far(poor[name]) > 4, name
    copies = judge(lambda n, seed: digit_data.take(n, seed + 50).x, digit_data, repeats=3)
    assert copies["nearer than unseen"].value == 1
    assert copies["Frechet distance"].value < poor["Frechet distance"].value


def test_one_class_alone_is_seen(digit_data: FakeData):
    threes = digit_data.all("x")[digit_data.all("y") == 3]
    cards = judge(lambda n, seed: threes[:100], digit_data, n=100, repeats=1)
    assert cards["class shares, distance"].value > 0.85
    assert cards["class score"].value < 1.3
    assert cards["recall"].value < 0.3


def test_another_network_is_named_on_the_cards(digit_data: FakeData):
    net = m.from_module(torch.nn.Flatten(), "pixels")
    cards = judge(lambda n, seed: digit_data.take(n, seed).x, digit_data, n=50, repeats=1, features=net)
    assert cards["Frechet distance"].features == f"pixels {net.hash}"
    assert "class score" not in cards


def test_nearest_gives_training_examples(digit_data: FakeData):
    x = digit_data.all("x")
    distances, examples = m.nearest(x[5:8] + 0.01, digit_data, k=2)
    assert torch.equal(examples[:, 0], x[5:8])
    assert distances[:, 0].tolist() == pytest.approx([0.08] * 3, rel=1e-4)
    assert (distances[:, 1] > 1).all()


@pytest.mark.parametrize(
    ("sample", "options", "said"),
    [
        (lambda n, seed: torch.zeros(n, 3), {}, r"\[200, 3\] where the data needs \[200, 2\]"),
        (lambda n, seed: torch.full((n, 2), math.nan), {}, "400 of 400 .*diverged"),
        (lambda n, seed: torch.zeros(n, 2), {"n": 3}, "at least 20"),
        (lambda n, seed: torch.zeros(n, 2), {"repeats": 0}, "at least 1"),
    ],
)
def test_mistakes_are_named(sample, options, said: str):
    with pytest.raises(InputError, match=said):
        m.evaluate(sample, ring_data(400), **options)


def test_data_without_x_or_with_too_little_of_it_is_refused():
    sets = Spec(a=image_spec((1, 8, 8)).x)
    with pytest.raises(InputError, match="'x'"):
        m.evaluate(lambda n, _: torch.zeros(n, 1), FakeData("pairs", sets, {"x": torch.zeros(9, 1, 8, 8)}))
    with pytest.raises(InputError, match="9 training examples"):
        m.evaluate(lambda n, _: torch.zeros(n, 2), FakeData("few", ring_data(9).spec, {"x": torch.zeros(9, 2)}))


def test_progress_rises_to_one():
    told = []
    m.evaluate(lambda n, s: ring8(n, s), ring_data(400), repeats=2, progress=lambda *now: told.append(now))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("done", 1.0)


def test_table_and_json(tmp_path: Path):
    card = m.Card("precision", 0.91234, 0.012, 5, 100, 100, "train", 0, "net 1a2b", 0.95, None, "higher", "paper")
    text = m.table([card, dataclasses.replace(card, name="a much longer name", features=None, floor=None)])
    head, first, second, *rest = text.splitlines()
    assert first.split("  ")[0] == "precision *"
    assert "0.9123 +- 0.012" in first
    assert head.index("real data") == first.index("0.95") == second.index("-", second.index("0.012") + 5)
    assert "features: net 1a2b" in rest
    values = m.to_json([card, dataclasses.replace(card, value=math.inf)])
    assert values[0]["value"] == 0.91234
    assert values[1]["value"] is None
    assert m.Card(**json.loads(json.dumps(values[0]))) == card
