"""Codecs lead back to the user's own units, and a spec is plain values."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from tests.core.toy import LABEL, POINTS, TABLE, picture
from zerosum.game import Batch
from zerosum.priors import Labels
from zerosum.spec import Column, Columns, Field, Pixels, Spec


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("uint8", 0, 255), ("uint16", 0, 65535), ("uint16", 100, 4095), ("float32", -3.0, 5.0)]
)
def test_pixels_come_back(dtype: str, low: float, high: float):
    values = np.linspace(low, high, 2 * 3 * 5 * 4).astype(dtype).reshape(2, 3, 5, 4)
    pixels = Pixels(low, high, dtype)
    x = pixels.encode(torch.from_numpy(values.astype("float64")))
    assert x.dtype == torch.float32
    assert x.min() == -1
    assert abs(x.max() - 1) < 2e-7  # one unit in the last place
    back = pixels.decode(x)
    assert back.dtype == dtype
    if dtype == "float32":
        np.testing.assert_allclose(back, values, atol=1e-6)
    else:
        np.testing.assert_array_equal(back, values)


def test_every_16_bit_value_comes_back():
    pixels = Pixels(0, 65535, "uint16")
    values = np.arange(65536).astype("uint16").reshape(1, 1, 256, 256)
    np.testing.assert_array_equal(pixels.decode(pixels.encode(torch.from_numpy(values.astype("float64")))), values)


def test_pixels_are_clipped_and_rounded_and_take_the_users_layout():
    x = torch.tensor([-9.0, -1.0, 0.003, 9.0]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(Pixels(layout="hw").decode(x), [[[0, 0], [128, 255]]])
    assert Pixels(layout="hwc").decode(torch.zeros(2, 3, 5, 4)).shape == (2, 5, 4, 3)
    assert Pixels().decode(torch.zeros(2, 3, 5, 4)).shape == (2, 3, 5, 4)


def test_a_bare_array_is_standardised_and_comes_back():
    columns = Columns((Column("a", mean=5.0, std=2.0), Column("b", mean=-1.0, std=0.5)), dtype="float64")
    values = torch.tensor([[5.0, -1.0], [9.0, -2.0]])
    torch.testing.assert_close(columns.encode(values), torch.tensor([[0.0, 0.0], [2.0, -2.0]]))
    back = columns.decode(columns.encode(values))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, values)


def test_a_table_comes_back_with_its_names_types_and_categories():
    columns = (
        Column("height", mean=1.7, std=0.1, decimals=2),
        Column("town", categories=("Jena", "Ulm", "Hof")),
        Column("children", mean=2.0, std=1.0, decimals=0),
        Column("grade", categories=(1, 2)),
    )
    table = Columns(columns, table=True)
    assert table.width == 7
    assert table.blocks == (slice(0, 1), slice(1, 4), slice(4, 5), slice(5, 7))
    x = torch.tensor([[1.234, 0.1, 0.8, 0.3, -0.6, 0.2, 0.9], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]])
    rows = table.decode(x)
    assert rows["height"].tolist() == [1.82, 1.7]
    assert rows["town"].tolist() == ["Ulm", "Hof"]
    assert rows["children"].tolist() == [1, 3]
    assert rows["children"].dtype == np.int64
    assert rows["grade"].tolist() == [2, 1]
    numbers = table.encode(torch.tensor([[1.7, 0, 1, 0, 4.0, 1, 0]]))
    torch.testing.assert_close(numbers, torch.tensor([[0.0, 0, 1, 0, 2.0, 1, 0]]), atol=1e-6, rtol=0)


def test_a_field_knows_its_size_classes_and_one_hot_blocks():
    assert picture(3, 20, 28).size == 1680
    assert LABEL.size == 1
    assert LABEL.classes == ("one", "two", "three")
    assert LABEL.decode(torch.tensor([2, 0])).tolist() == ["three", "one"]
    assert TABLE.categorical == (slice(1, 4), slice(4, 6))
    assert POINTS.categorical == ()
    assert picture(3, 20, 28).categorical == ()
    assert [str(f) for f in (picture(3, 20, 28), POINTS, LABEL)] == ["image 3x20x28", "vector 2", "label, 3 classes"]


def test_a_spec_survives_json():
    modes = Field((2,), "vector", POINTS.codec, {"modes": [[0.0, 1.0], [2.0, 3.0]], "mode_std": 0.1})
    spec = Spec(
        x=picture(3, 20, 28), t=TABLE, y=LABEL, m=modes, f=Field((1, 2, 2), "image", Pixels(0.1, 0.7, "float32"))
    )
    back = Spec.from_json(json.loads(json.dumps(spec.to_json())))
    assert back == spec
    assert back.t.categorical == TABLE.categorical
    assert back != Spec(x=picture(3, 20, 27), t=TABLE, y=LABEL, m=modes, f=spec.f)


def test_what_is_not_there_is_named():
    spec = Spec(x=POINTS, y=LABEL)
    assert "x" in spec
    assert "a" not in spec
    with pytest.raises(AttributeError, match="no array 'a'; it has x, y"):
        _ = spec.a
    with pytest.raises(AttributeError, match="no 'y'; it has x"):
        _ = Batch(x=torch.zeros(2)).y


def test_specs_and_batches_can_be_copied_and_sent_to_processes():
    spec, batch = Spec(x=POINTS, y=LABEL), Batch(x=torch.ones(2, 3))
    for again in (copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))):
        assert again(spec) == spec
        assert torch.equal(again(batch).x, batch.x)


def test_a_batch_is_split_into_consecutive_parts():
    batch = Batch(x=torch.arange(7), y=torch.arange(7) * 10)
    parts = list(batch.split(3))
    assert batch.n == 7
    assert [p.x.tolist() for p in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [p.y.tolist() for p in parts] == [[0, 10, 20], [30, 40, 50], [60]]


def test_a_named_table_stays_in_its_range_and_a_bare_array_does_not():
    column = Column("age", mean=40.0, std=10.0, low=17.0, high=90.0, decimals=0)
    x = torch.tensor([[-5.0], [0.0], [9.0]])
    assert Columns((column,), table=True).decode(x)["age"].tolist() == [17, 40, 90]
    assert Columns((column,), "int64").decode(x)[:, 0].tolist() == [-10, 40, 130]


def test_classes_know_how_often_each_is_trained_on():
    import zerosum as zs

    y = torch.tensor([0] * 30 + [1] * 10)
    data = zs.data({"x": torch.randn(40, 2), "y": y}, holdout=0.0)
    assert data.spec.y.shares == pytest.approx((0.75, 0.25))
    again = Spec.from_json(data.spec.to_json())
    assert again == data.spec
    assert data.held_out.spec == data.spec
    drawn = Labels(data.spec.y.shares)(4000).double()
    assert float(drawn.mean()) == pytest.approx(0.25, abs=0.03)
