import re

import numpy as np
import pytest
import torch

import zerosum.data as d
from zerosum.errors import InputError

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "chw", "layout"),
    [
        ((9, 5, 7), (1, 5, 7), "hw"),
        ((9, 5, 7, 3), (3, 5, 7), "hwc"),
        ((9, 3, 5, 7), (3, 5, 7), "chw"),
        ((9, 1, 5, 7), (1, 5, 7), "chw"),
        ((9, 4, 5, 7), (4, 5, 7), "chw"),
        ((9, 6, 20, 20), (6, 20, 20), "chw"),
        ((9, 20, 20, 6), (6, 20, 20), "hwc"),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_pictures_are_recognised_and_come_back(shape, chw, layout, dtype):
    x = rng.integers(0, 256, shape).astype(dtype)
    x.flat[0], x.flat[1] = 0, 255
    data = d.open(x, holdout=0)
    field = data.spec.x
    assert (field.kind, field.shape, field.codec.layout) == ("image", chw, layout)
    encoded = data.all()
    assert encoded.dtype == torch.float32
    assert encoded.min() == -1
    assert encoded.max() == 1
    back = field.decode(encoded)
    assert back.dtype == dtype
    assert np.allclose(back, x, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "dtype", "wanted"),
    [
        ([0, 200], np.uint8, (0, 255)),
        ([0, 1], np.uint8, (0, 1)),
        ([0, 16], np.uint8, (0, 16)),
        ([0, 1], bool, (0, 1)),
        ([0, 3000], np.uint16, (0, 4095)),
        ([0, 60000], np.uint16, (0, 65535)),
        ([-5, 20], np.int32, (-5, 20)),
        ([0.1, 0.9], np.float32, (0, 1)),
        ([-0.3, 0.9], np.float32, (-1, 1)),
        ([0.0, 250.0], np.float32, (0, 255)),
        ([-1000.0, 3000.0], np.float32, (-1000, 3000)),
        ([7, 7], np.int16, (0, 7)),
        ([0, 0], np.uint8, (0, 1)),
    ],
)
def test_ranges(values, dtype, wanted):
    data = d.open(np.array(values, dtype).reshape(2, 1, 1).repeat(5, 0).repeat(3, 1).repeat(3, 2))
    codec = data.spec.x.codec
    assert (codec.low, codec.high) == wanted
    assert torch.isfinite(data.all()).all()
    if wanted != (0, 255) or dtype != np.uint8:
        assert "mapped to -1..1" in data.notes[0]


def test_tensors_with_channels_first_win_where_both_axes_could_be():
    x = torch.randint(0, 256, (6, 3, 9, 4), dtype=torch.uint8)
    assert d.open(x).spec.x.shape == (3, 9, 4)
    assert d.open(x.numpy()).spec.x.shape == (4, 3, 9)


def test_rows_are_standardised_and_come_back():
    x = rng.normal([5, -300, 0], [2, 50, 1e-3], (400, 3))
    data = d.open(x, holdout=0.5)
    encoded = data.all()
    assert torch.allclose(encoded.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(encoded.std(0, unbiased=False), torch.ones(3), atol=1e-4)
    back = data.spec.x.decode(encoded)
    assert np.allclose(back, x[data.groups[0].rows], rtol=1e-5, atol=1e-5)
    assert back.dtype == np.float64


def test_large_numbers_keep_their_digits():
    x = 1.7e9 + rng.integers(0, 1000, (50, 1))
    data = d.open(x, holdout=0)
    assert (data.spec.x.decode(data.all()) == x).all()


def test_constant_columns_whole_numbers_and_decimals():
    x = np.stack([np.full(50, 3.7), rng.integers(0, 9, 50), rng.integers(0, 999, 50) / 100, rng.random(50)], 1)
    data = d.open(x)
    columns = data.spec.x.codec.columns
    assert [c.decimals for c in columns] == [1, 0, 2, None]
    assert (columns[0].std, columns[0].low, columns[0].high) == (1, 3.7, 3.7)
    assert data.notes == ["x: constant columns 0"]
    assert (data.spec.x.decode(torch.randn(9, 4))[:, 1] % 1 == 0).all()
    assert torch.equal(data.all()[:, 0], torch.zeros(len(data)))


def test_one_dimensional_data_is_one_column():
    assert d.open(rng.random(20)).spec.x.shape == (1,)


def test_labels_may_be_numbers_or_text():
    x = rng.random((6, 2))
    assert d.open((x, np.array([3, 10, 3, 5, 5, 10]))).spec.y.classes == ("3", "5", "10")
    data = d.open((x, np.array(["b", "a", "b", "c", "c", "a"])), holdout=0)
    assert data.spec.y.classes == ("a", "b", "c")
    assert data.all("y").tolist() == [1, 0, 1, 2, 2, 0]
    assert list(data.spec.y.decode(data.all("y"))) == ["b", "a", "b", "c", "c", "a"]
    assert d.open((x, np.array([1.0, 0, 1, 0, 1, 0]))).spec.y.classes == ("0", "1")
    assert d.open((x, x[:, 0])).spec.y.kind == "vector"


def test_sizes():
    x = rng.integers(0, 256, (10, 6, 8, 3), np.uint8)
    for size in ("12x4", (12, 4), [12, 4]):
        data = d.open(x, size=size)
        assert data.batch(0, 4).x.shape == (4, 3, 12, 4)
        assert data.spec.x.decode(data.batch(0, 4).x).shape == (4, 12, 4, 3)
    assert d.open(x, size=5).spec.x.shape == (3, 5, 5)
    rolled = d.open(x.reshape(10, -1), size="6x8", holdout=0)
    assert torch.equal(rolled.all(), d.open(x, holdout=0).all())


def test_scaling_covers_crops_the_centre_and_is_antialiased():
    x = np.zeros((2, 40, 60), np.uint8)
    x[:, :, 20:40] = 255  # the middle third
    data = d.open(x, size=20, holdout=0)
    row = data.all()[0, 0, 10]
    assert (row[7:13] == 1).all()
    assert (row[:4] == -1).all()
    assert (row[-4:] == -1).all()
    stripes = np.zeros((2, 64, 64), np.uint8)
    stripes[:, :, ::2] = 255
    assert d.open(stripes, size=16).all().abs().max() < 0.1


def raises(message: str, *args, **options):
    with pytest.raises(InputError) as caught:
        d.open(*args, **options)
    assert re.search(message, str(caught.value)), str(caught.value)


def test_readable_errors():
    x = rng.random((6, 2))
    raises("at least 2 examples are needed; there is 1", x[:1])
    raises("is empty|there are none", x[:0])
    raises("is empty", np.zeros((5, 0)))
    raises("shape \\[2, 3, 4, 5, 6\\]", np.zeros((2, 3, 4, 5, 6)))
    raises("same number of examples; x has 6, y has 5", (x, np.zeros(5, int)))
    raises("text only as labels", np.array(["a", "b", "c"]))
    raises("complex128; numbers are needed", x.astype(complex))
    raises("NaN or infinite", np.full((4, 5, 5), np.nan))
    raises("cannot be read from NoneType", None)
    raises("is no array", [[1, 2], [3]])
    raises("dict holds no arrays", {})
    raises("none named x", {"p": x, "q": x})
    raises("labels are classes", (np.zeros((200, 2)), np.arange(200)))
    raises("flip mirrors pictures", x, flip=True)
    raises("size scales pictures", x[:, 0], size=8)
    raises("no multiple of 8x8", x, size=8)
    raises("size scales pictures", "ring8", size=8)
    raises("size '8by8' must be like", np.zeros((3, 4, 4)), size="8by8")
    raises("size '0' must be like", np.zeros((3, 4, 4)), size="0")
    raises("bad_files must be stop or skip, not 'skp'; did you mean 'skip'", x, bad_files="skp")
    raises("missing must be", x, missing="ignore")
    raises("holdout is a share", x, holdout=1.5)
    raises("limit must be at least 2", x, limit=1)


def test_missing_numbers_in_arrays():
    x = rng.random((30, 3))
    x[[4, 9], 1] = np.nan
    x[20, 2] = np.inf
    raises(r"column 1: 2 values \(rows 5, 10\); array 'x', column 2: 1 value \(row 21\).*--missing drop", x)
    data = d.open((x, np.arange(30) % 2), missing="drop", holdout=0)
    assert len(data) == 27
    assert data.notes[0] == "3 of 30 rows left out for missing values"
    assert torch.isfinite(data.all()).all()
    assert {4, 9, 20}.isdisjoint(data.groups[0].rows)
