import gzip
import itertools
import pickle
import re
import struct

import numpy as np
import pytest
import torch

import zerosum.data as d
from zerosum.data import fields
from zerosum.data.sources import Mapped
from zerosum.errors import InputError

rng = np.random.default_rng(0)


def raises(message: str, *args, **options):
    with pytest.raises(InputError) as caught:
        d.open(*args, **options)
    assert re.search(message, str(caught.value)), str(caught.value)


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


@pytest.mark.parametrize("pack", [False, True])
def test_idx_with_its_labels(tmp_path, pack):
    x, y = rng.integers(0, 256, (20, 5, 7)), rng.integers(0, 3, 20)
    for name, values in (("train-images-idx3-ubyte", x), ("train-labels-idx1-ubyte", y)):
        body = idx(values)
        (tmp_path / (name + ".gz" * pack)).write_bytes(gzip.compress(body) if pack else body)
    data = d.open(tmp_path / ("train-images-idx3-ubyte" + ".gz" * pack), holdout=0)
    assert (data.spec.x.decode(data.all()) == x).all()
    assert data.all("y").tolist() == y.tolist()


def test_damaged_idx(tmp_path):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx(rng.integers(0, 256, (20, 5, 7)))[:-3])
    raises("damaged: its header says 716 bytes", path)
    path.write_bytes(b"hello")
    raises("is not an idx file", path)
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(rng.integers(0, 256, (20, 5, 7))))[:-20])
    raises("cannot be read as an idx file", path)


def test_npy_and_npz(tmp_path):
    x, y = rng.integers(0, 256, (20, 5, 7, 3)).astype(np.uint8), rng.integers(0, 2, 20)
    np.save(tmp_path / "a.npy", x)
    assert d.open(tmp_path / "a.npy").spec.x.shape == (3, 5, 7)
    np.savez(tmp_path / "b.npz", X=x, y=y, words=np.array(["cat", "dog"]), other=y)
    data = d.open(tmp_path / "b.npz", holdout=0)
    assert data.spec.y.classes == ("cat", "dog")
    assert data.all("y").tolist() == y.tolist()
    assert "arrays left out: other" in data.notes
    np.savez(tmp_path / "c.npz", p=x, q=y)
    raises("has arrays p, q, and none named x", tmp_path / "c.npz")
    assert set(d.open(tmp_path / "c.npz", columns="p", labels="q").spec.fields) == {"x", "y"}
    raises("has no array 'r'; it has p, q", tmp_path / "c.npz", columns="r")
    np.savez(tmp_path / "d.npz", whatever=x)
    assert d.open(tmp_path / "d.npz").spec.x.shape == (3, 5, 7)
    np.savez(tmp_path / "keras.npz", x_train=x, y_train=y, x_test=x[:4], y_test=y[:4])
    assert len(d.open(tmp_path / "keras.npz").held_out) == 4


def test_nothing_is_unpickled(tmp_path):
    objects = np.array([{"a": 1}, None], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", x=objects)
    (tmp_path / "c.npy").write_bytes(pickle.dumps([1, 2]))
    for name in ("a.npy", "b.npz", "c.npy"):
        raises("never opens", tmp_path / name)
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY")
    raises("cannot be read as a .npy", tmp_path / "d.npy")


@pytest.mark.parametrize("shape", [(40, 6, 5, 3), (40, 3, 6, 5), (40, 6, 5), (40, 4)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">f4", "float64", "int64"])
def test_a_mapped_array_is_like_one_in_memory(tmp_path, shape, dtype):
    np.save(tmp_path / "x.npy", rng.integers(0, 200, shape).astype(dtype))
    held, mapped = (d.open(tmp_path / "x.npy", memory=memory) for memory in (2.0, 0.0))
    assert isinstance(mapped.groups[0].arrays["x"].source, Mapped)
    assert mapped.spec == held.spec
    assert mapped.fingerprint == held.fingerprint
    for k, batch in enumerate(itertools.islice(mapped.stream(5, 30), 3)):
        assert torch.allclose(batch.x, held.batch(5 + 30 * k, 30).x, atol=1e-6)
    assert torch.equal(pickle.loads(pickle.dumps(mapped)).batch(3, 9).x, mapped.batch(3, 9).x)


def test_a_mapped_array_is_read_by_workers_and_scaled(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(rng.integers(0, 256, (40, 6, 8, 3)).astype(np.uint8)))
    held, mapped = (d.open(tmp_path / "x.npy", memory=memory, size="4x4", flip=True) for memory in (2.0, 0.0))
    for workers in (0, 2):
        for k, batch in enumerate(itertools.islice(mapped.stream(3, 16, workers=workers), 3)):
            assert torch.equal(batch.x, held.batch(3 + 16 * k, 16).x)


def test_columns_of_large_arrays_agree_with_those_of_small_ones():
    x = rng.normal([1e9, 0, 5], [10, 1, 0], (5000, 3))
    fit = np.sort(rng.permutation(5000)[:4000])
    large, small = fields.large_columns(x, fit), [fields.column_of(x[fit, i], str(i)) for i in range(3)]
    for a, b in zip(large, small, strict=True):
        assert np.allclose([a.mean, a.std, a.low, a.high], [b.mean, b.std, b.low, b.high], rtol=1e-9)


def test_missing_values_in_a_mapped_array(tmp_path):
    x = rng.random((50, 3))
    x[7, 2] = np.nan
    np.save(tmp_path / "x.npy", x)
    raises("column 2: 1 value", tmp_path / "x.npy", memory=0)
    assert torch.isfinite(d.open(tmp_path / "x.npy", memory=0, missing="drop").all()).all()


def test_names_and_paths_that_are_not_there(tmp_path):
    raises("no data is named 'digts'.*did you mean 'digits'", "digts")
    raises("no data is named 'zzzzzz', and there is no such file\\. Names: digits", "zzzzzz")
    raises("no file or folder 'cats/'", "cats/")
    raises("no file or folder 'x.npy'", "x.npy")
    raises("given as arrays in memory", "memory")
    (tmp_path / "a.docx").write_bytes(b"x")
    raises("end in '.docx' are not read. zerosum reads", tmp_path / "a.docx")
    raises("no category 'flamigo'; did you mean 'flamingo'", "quickdraw:flamigo")
    raises("for instance quickdraw:flamingo", "quickdraw")
    raises("only quickdraw, scenes, fruits360 and the generated sets", "mnist:3")


def test_real_arrays(real_data):
    data = d.open(real_data / "quickdraw" / "quickdraw_28_subset.npz")
    assert data.spec.x.shape == (1, 28, 28)
    assert "flamingo" in data.spec.y.classes
    events = d.open(real_data / "ep_scattering" / "cfatgan_ep_events.npz", columns="beam_10", limit=2000)
    assert events.spec.x.shape == (4,)
    assert events.spec.x.codec.columns[0].decimals == 0
