import numpy as np
import pytest

import zerosum.data as d
from zerosum.data.toys import TOYS
from zerosum.errors import InputError


@pytest.mark.parametrize("name", sorted(TOYS))
def test_toys_keep_their_geometry(name):
    data = d.open(name)
    x = data.all()
    assert len(data) == len(data.held_out) == 10_000
    assert data.spec.x.shape == (2,)
    assert x.mean(0).abs().max() < 1e-4
    assert abs(float(x.var(0, unbiased=False).mean()) - 1) < 1e-3
    first, second = data.spec.x.codec.columns
    assert first.std == second.std


def test_toys_are_seeded_and_the_held_out_part_is_fresh():
    a, b = d.open("ring8:500"), d.open("ring8:500")
    assert a.fingerprint == b.fingerprint
    assert len(a) == 500
    assert a.name == "ring8-500"
    assert a.fingerprint != a.held_out.fingerprint


@pytest.mark.parametrize(("name", "modes", "std"), [("ring8", 8, 0.02), ("grid25", 25, 0.05)])
def test_mixtures_have_their_modes(name, modes, std):
    data = d.open(name)
    extra = data.spec.x.extra
    centres = np.array(extra["modes"])
    assert centres.shape == (modes, 2)
    assert extra["mode_std"] == std
    points = data.spec.x.decode(data.all())
    offset = points - centres[data.all("y").numpy()]
    assert np.abs(offset.std(0) / std - 1).max() < 0.05
    assert np.abs(offset.mean(0)).max() < 0.1 * std
    assert np.bincount(data.all("y").numpy(), minlength=modes).min() > 0.7 * 10_000 / modes


def test_ring8_and_grid25_are_where_they_say():
    assert np.allclose(np.linalg.norm(d.open("ring8:10").spec.x.extra["modes"], axis=1), 2)
    assert sorted({v for mode in d.open("grid25:10").spec.x.extra["modes"] for v in mode}) == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize("bad", ["ring8:many", "ring8:1", "ring8:-5"])
def test_a_bad_number_of_points(bad):
    with pytest.raises(InputError, match="ring8:20000"):
        d.open(bad)
