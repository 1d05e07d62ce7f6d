import itertools
import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import zerosum.data as d
from zerosum.errors import InputError
from zerosum.spec import Spec


def equal(a, b) -> bool:
    return a.tensors.keys() == b.tensors.keys() and all(torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors)


def numbered(n: int, **options) -> d.Data:
    """Example i is the vector (i, -i), label i mod 3; nothing held out."""
    x = torch.arange(n, dtype=torch.float64)[:, None] * torch.tensor([1.0, -1.0])
    return d.open((x, torch.arange(n) % 3), holdout=0, **options)


def ids(data: d.Data, batch) -> list[int]:
    return data.spec.x.decode(batch.x)[:, 0].round().astype(int).tolist()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 60), size=st.integers(1, 50), seed=st.integers(0, 9), epochs=st.integers(1, 3))
def test_every_epoch_of_batches_holds_each_example_once(n, size, seed, epochs):
    data = numbered(n)
    total = -(-n * epochs // size)
    seen = [i for k in range(total) for i in ids(data, data.batch(k * size, size, seed=seed))]
    for epoch in range(epochs):
        assert sorted(seen[epoch * n : (epoch + 1) * n]) == list(range(n))


@settings(max_examples=40, deadline=None)
@given(world=st.integers(1, 5), n=st.integers(1, 40), position=st.integers(0, 10**6))
def test_ranks_partition_a_batch(world, n, position):
    data = numbered(50)
    whole = data.batch(position, n, seed=3)
    parts = [data.batch(position, n, seed=3, rank=rank, world=world) for rank in range(world)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.x, whole.x[rank::world])
        assert torch.equal(part.y, whole.y[rank::world])
    assert sum(part.n for part in parts) == n


@settings(max_examples=30, deadline=None)
@given(position=st.integers(0, 500), n=st.integers(1, 64), rank=st.integers(0, 1))
def test_stream_is_repeated_batch_and_resumes_anywhere(position, n, rank):
    data = d.open(torch.randint(0, 256, (37, 3, 4, 5), dtype=torch.uint8), flip=True)
    how = {"seed": 5, "rank": rank, "world": 2}
    batches = list(itertools.islice(data.stream(position, n, **how), 4))
    for k, batch in enumerate(batches):
        assert equal(batch, data.batch(position + k * n, n, **how))
    assert equal(next(data.stream(position + 2 * n, n, **how)), batches[2])


def test_labels_stay_with_their_examples():
    data = numbered(50)
    batch = data.batch(7, 200)
    assert [i % 3 for i in ids(data, batch)] == batch.y.tolist()


def test_held_out_is_fixed_disjoint_and_has_the_same_spec():
    x = torch.arange(100.0)[:, None].repeat(1, 2)
    data = d.open(x, holdout=0.2)
    mine, rest = ids(data, data.take(1000)), ids(data.held_out, data.held_out.take(1000))
    assert (len(data), len(data.held_out)) == (80, 20)
    assert sorted(mine + rest) == list(range(100))
    assert data.held_out.spec == data.spec
    assert data.train is data
    assert sorted(ids(data.held_out, d.open(x, holdout=0.2).held_out.take(20))) == sorted(rest)


def test_at_least_one_example_is_held_out_and_none_where_asked():
    assert len(d.open(torch.rand(5, 2), holdout=0.01).held_out) == 1
    data = d.open(torch.rand(5, 2), holdout=0)
    assert len(data) == 5
    assert data.held_out is data
    assert any("held out" in note for note in data.notes)


def test_take_gives_distinct_examples():
    data = numbered(50)
    some = ids(data, data.take(20, seed=1))
    assert len(set(some)) == 20
    assert some == ids(data, data.take(20, seed=1))
    assert some != ids(data, data.take(20, seed=2))
    assert sorted(ids(data, data.take(99))) == list(range(50))


def test_all_is_in_order():
    data = d.open(torch.arange(10.0)[:, None], holdout=0.3)
    x = data.spec.x.decode(data.all())[:, 0]
    assert (np.diff(x) > 0).all()
    assert len(x) == 7
    assert len(data.all(limit=3)) == 3
    with pytest.raises(InputError, match="no array 'z'; it has x"):
        data.all("z")


def test_limit_draws_once():
    data = d.open(torch.arange(1000.0)[:, None], limit=50)
    assert len(data) + len(data.held_out) == 50
    assert len(set(ids(data, data.take(50)))) == 45
    assert data.fingerprint == d.open(torch.arange(1000.0)[:, None], limit=50).fingerprint


def test_reweighted_draws_in_proportion_and_purely():
    data = numbered(4)
    heavy = data.reweighted(torch.tensor([0.0, 1.0, 3.0, 0.0]))
    drawn = ids(heavy, heavy.batch(0, 4000))
    assert set(drawn) == {1, 2}
    assert abs(drawn.count(2) / 4000 - 0.75) < 0.03
    assert ids(heavy, heavy.batch(100, 20)) == drawn[100:120]
    for bad in (torch.ones(3), torch.tensor([1.0, -1, 1, 1]), torch.zeros(4)):
        with pytest.raises(InputError, match="weights must be 4 numbers"):
            data.reweighted(bad)


def test_unpaired_groups_have_their_own_order_and_length():
    data = d.open({"a": np.arange(10.0)[:, None], "b": 100 + np.arange(7.0)[:, None]}, holdout=0)
    batch = data.batch(0, 70)
    a, b = (data.spec.fields[k].decode(batch.tensors[k])[:, 0] for k in "ab")
    assert all(sorted(a[i : i + 10]) == list(range(10)) for i in range(0, 70, 10))
    assert all(sorted(b[i : i + 7]) == list(range(100, 107)) for i in range(0, 70, 7))
    assert len(data) == 10
    assert "independent" in data.notes[0]


def test_equally_many_a_and_b_are_pairs():
    data = d.open({"a": np.arange(10.0)[:, None], "b": 100 + np.arange(10.0)[:, None]})
    batch = data.batch(3, 20)
    a, b = (data.spec.fields[k].decode(batch.tensors[k])[:, 0] for k in "ab")
    assert np.allclose(b, a + 100)
    assert "pairs" in data.notes[0]


def test_flips_mirror_half_and_are_a_function_of_seed_and_position():
    x = torch.zeros(40, 1, 2, 3, dtype=torch.uint8)
    x[..., 0] = 255
    data = d.open(x, flip=True, holdout=0.2)
    mirrored = data.batch(0, 2000).x[:, 0, 0, 2] > 0
    assert 850 < mirrored.sum() < 1150
    assert torch.equal(mirrored[30:60], data.batch(30, 30).x[:, 0, 0, 2] > 0)
    assert not torch.equal(mirrored, data.batch(0, 2000, seed=1).x[:, 0, 0, 2] > 0)
    assert (data.held_out.batch(0, 200).x[..., 0] > 0).all()
    assert (data.take(20).x[..., 0] > 0).all()


def test_pairs_are_flipped_together():
    x = torch.randint(0, 256, (30, 1, 2, 5), dtype=torch.uint8)
    batch = d.open({"a": x, "b": 255 - x}, flip=True).batch(0, 100)
    assert torch.allclose(batch.a, -batch.b, atol=1e-6)


def test_fingerprint_notices_content_shape_and_split():
    x = np.random.default_rng(0).random((20, 3))
    prints = [d.open(v, holdout=h).fingerprint for v, h in ((x, 0.1), (x + 1e-9, 0.1), (x[:19], 0.1), (x, 0.2))]
    assert len(set(prints)) == 4
    assert prints[0] == d.open(x.copy()).fingerprint


@pytest.mark.parametrize("source", ["digits", "ring8", "moons"])
def test_spec_and_description_are_plain_values(source):
    data = d.open(source, limit=200)
    assert Spec.from_json(json.loads(json.dumps(data.spec.to_json()))) == data.spec
    told = json.loads(json.dumps(data.describe()))
    assert told["examples"] == len(data)
    assert told["held_out"] == len(data.held_out)
    assert sum(told["arrays"]["y"]["classes"].values()) == len(data)


def test_options_reopen_the_same_data():
    data = d.open("digits", limit=300, flip=True, size="16", holdout=0.25)
    again = d.open(data.source, **json.loads(json.dumps(data.options)))
    assert again.fingerprint == data.fingerprint
    assert again.spec == data.spec
    assert equal(again.batch(5, 9), data.batch(5, 9))


def test_the_module_itself_opens():
    assert len(d("gaussian:50")) == 50
    assert d.open(data := d("ring8")) is data


def test_data_travel_to_other_processes():
    data = d.open("digits")
    assert equal(pickle.loads(pickle.dumps(data)).batch(3, 5), data.batch(3, 5))


@pytest.mark.gpu
def test_batches_on_a_gpu_are_the_same():
    data = d.open("digits", flip=True)
    there = data.batch(11, 64, device="cuda")
    assert there.x.is_cuda
    assert equal(there.to("cpu"), data.batch(11, 64))
