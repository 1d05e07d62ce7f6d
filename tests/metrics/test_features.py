"""The feature network of a data set: any shape, cached, deterministic, and without a trace in the random state."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.metrics.fake_data import FakeData, digits, image_spec, ring_data
from zerosum import metrics as m
from zerosum.errors import InputError
from zerosum.metrics import features


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    return tmp_path / "features"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "STEPS", 5)


def noise(shape: tuple[int, ...], n: int = 40) -> FakeData:
    x = torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return FakeData("noise", image_spec(shape), {"x": x}, {"x": x.flip(0)})


def test_it_reads_digits_and_its_features_tell_them_apart(cache: Path):
    data = digits()
    net = m.of_data(data)
    assert net.accuracy is not None
    assert net.accuracy > 0.97
    assert net.name == "digits classifier"
    held = data.held_out.take(497)
    rows, probabilities = net(held.x)
    assert rows.shape == (497, 64)
    assert probabilities is not None
    assert float((probabilities.argmax(1) == held.y).double().mean()) == pytest.approx(net.accuracy)
    assert float(net(data.all("x")).rows.square().mean()) == pytest.approx(1, abs=0.05)
    [facts] = [json.loads(f.read_text()) for f in cache.glob("*.json")]
    assert facts == {"name": net.name, "hash": net.hash, "accuracy": net.accuracy}


def test_it_is_read_from_the_cache_and_trained_again_to_the_same_weights(cache: Path, quick: None):
    data = digits()
    state = torch.get_rng_state()
    first = m.of_data(data)
    assert torch.equal(torch.get_rng_state(), state)
    [weights] = cache.glob("*.safetensors")
    written = weights.stat().st_mtime_ns
    torch.rand(3)
    again = m.of_data(data)
    assert weights.stat().st_mtime_ns == written
    assert again.hash == first.hash
    assert torch.equal(again(data.all()).rows, first(data.all()).rows)
    shutil.rmtree(cache)
    assert m.of_data(data).hash == first.hash, "the same data gives the same network"


def test_weights_that_are_not_those_recorded_are_not_used(cache: Path, quick: None):
    net = m.of_data(digits())
    [about] = cache.glob("*.json")
    [weights] = cache.glob("*.safetensors")
    flipped = bytearray(weights.read_bytes())
    flipped[-1] ^= 1
    weights.write_bytes(flipped)
    assert m.of_data(digits()).hash == net.hash
    assert json.loads(about.read_text())["hash"] == net.hash


def test_other_data_has_another_network(quick: None):
    labelled, bare = m.of_data(digits()), m.of_data(digits(labelled=False))
    assert labelled.hash != bare.hash
    assert bare.name == "digits mirror detector"
    assert bare(digits().all()).probabilities is None


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 8), (4, 60, 40), (2, 5, 90), (3, 130, 70)])
def test_any_shape_will_do(shape: tuple[int, ...], quick: None):
    data = noise(shape)
    rows = m.of_data(data)(data.all()).rows
    assert rows.shape == (40, 64)
    assert rows.isfinite().all()


def test_without_labels_it_learns_mirrorings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(features, "STEPS", 250)
    assert (m.of_data(digits(labelled=False)).accuracy or 0) > 0.8


def test_big_pictures_are_averaged_down_and_keep_their_aspect():
    x = torch.rand(2, 3, 128, 96)
    small = features.shrink(x, 64)
    assert small.shape == (2, 3, 64, 48)
    assert torch.allclose(small, nn.functional.avg_pool2d(x, 2))
    assert features.shrink(small, 64) is small


def test_any_module_may_take_its_place():
    net = m.from_module(nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.Dropout()), "mine")
    x = digits().all()
    assert torch.equal(net(x).rows, net(x).rows), "eval mode: dropout is off"
    assert net(x).rows.shape == (1300, 7)
    assert net(x).probabilities is None
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    assert m.from_module(one, "a").hash != m.from_module(other, "a").hash
    other.load_state_dict(one.state_dict())
    assert m.from_module(one, "a").hash == m.from_module(other, "a").hash


def test_vectors_have_no_feature_network():
    with pytest.raises(InputError, match="vector 2"):
        m.of_data(ring_data(100))
