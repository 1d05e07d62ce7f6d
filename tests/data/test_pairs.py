from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import zerosum.data as d
from tests.data.conftest import save_picture
from zerosum.data.changes import CHANGES
from zerosum.errors import InputError


def folder(path: Path, names: str, seed: int = 0, h: int = 16, w: int = 24) -> str:
    for i, name in enumerate(names.split()):
        save_picture(path / f"{name}.png", seed + i, h, w)
    return str(path)


TEN = " ".join(f"n{i}" for i in range(10))


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_makes_pairs_that_stay_pairs(name: str, tmp_path: Path):
    data = d.open(f"{name}:{folder(tmp_path / 'p', TEN)}", flip=name != "rotated")
    batch, again = data.batch(3, 8, seed=1), data.batch(3, 8, seed=1)
    assert same(batch.a, again.a)
    assert batch.a.shape[1:] == data.spec.a.shape
    assert batch.b.shape[1:] == (3, 16, 24)
    assert -1 - 1e-5 <= batch.a.min() <= batch.a.max() <= 1 + 1e-5
    assert batch.a.std() > 0
    once = data.take(100)
    assert not torch.equal(once.a, once.b)
    if name in ("grey", "inverted", "lowres2", "lowres4", "coloured"):
        assert same(CHANGES[name](batch.b, np.zeros(8)), batch.a), "of the flipped picture"
    assert data.held_out.take(1).a.shape[1:] == data.spec.a.shape


def test_what_changes_do():
    x = torch.full((2, 3, 16, 16), -1.0)
    x[:, :, 4:12, 4:12] = 1
    index = np.array([0, 1])
    lines = CHANGES["edges"](x, index)
    assert lines.shape == (2, 1, 16, 16)
    assert set(lines.unique().tolist()) == {-1.0, 1.0}
    assert lines[0, 0, 8, 8] == 1, "inside"
    assert (lines[0, 0, 8] == -1).sum() == 2, "two lines are crossed"
    assert same(CHANGES["inverted"](x, index), -x)
    assert same(CHANGES["lowres4"](torch.ones(1, 1, 8, 8), index[:1]), torch.ones(1, 1, 2, 2))
    wet = CHANGES["rain"](x, index)
    assert (wet >= x - 1e-6).all()
    assert (wet > x).any()
    assert not torch.equal(wet[0], wet[1]), "each picture has its own rain"
    assert (CHANGES["holes"](x, index) == 0).flatten(1).sum(1).tolist() == [3 * 64] * 2
    assert CHANGES["noise"](torch.zeros(4, 1, 64, 64), np.arange(4)).std() == pytest.approx(0.4, rel=0.05)


def test_folders_are_paired_by_name(tmp_path: Path):
    a, b = folder(tmp_path / "A", TEN, 0), folder(tmp_path / "B", TEN, 50, 16, 24)
    data = d.open(f"{a}+{b}", holdout=0)
    batch = data.take(100)
    pairs = {x.numpy().tobytes(): y.numpy().tobytes() for x, y in zip(batch.a, batch.b, strict=True)}
    first = d.open(a, holdout=0).all("x"), d.open(b, holdout=0).all("x")
    assert pairs == {x.numpy().tobytes(): y.numpy().tobytes() for x, y in zip(*first, strict=True)}
    assert len(d.open(data.source, **data.options)) == 10, "it can be opened again"


def test_halves_and_swap(tmp_path: Path):
    where = folder(tmp_path / "p", TEN)
    whole, data = d.open(where).take(9).x, d.open(f"halves:{where}")
    assert same(data.take(9).a, whole[..., :12])
    assert same(data.take(9).b, whole[..., 12:])
    other = d.open(f"swap:halves:{where}").take(9)
    assert same(other.a, whole[..., 12:])
    assert d.open(f"halves:{where}", size=8).spec.a.shape == (3, 8, 8), "the size is that of a half"


def test_domains_have_their_own_order(tmp_path: Path):
    a, b = folder(tmp_path / "apples", TEN), folder(tmp_path / "pears", "x y z")
    data = d.open(f"{a},{b}", holdout=0)
    assert [len(g) for g in data.groups] == [10, 3]
    assert {"a", "b"} == set(data.batch(0, 4).tensors)
    points = d.open("moons,ring8:500")
    assert points.spec.a.kind == points.spec.b.kind == "vector"


def test_unpaired_takes_pairs_apart_and_keeps_the_truth_for_judging(tmp_path: Path):
    data = d.open(f"inverted:{folder(tmp_path / 'p', TEN)}", unpaired=True, holdout=0.2)
    shown = data.all("a"), data.all("b")
    assert len(shown[0]) == len(shown[1]) == 4
    assert not {x.numpy().tobytes() for x in -shown[0]} & {x.numpy().tobytes() for x in shown[1]}
    held = data.held_out.take(2)
    assert same(held.a, -held.b)


def test_crops_are_the_same_of_both(tmp_path: Path):
    data = d.open(f"lowres4:{folder(tmp_path / 'p', TEN, 0, 32, 48)}", crop=16, flip=True)
    assert (data.spec.a.shape, data.spec.b.shape) == ((3, 4, 4), (3, 16, 16))
    batch = data.batch(0, 32)
    small = F.interpolate(batch.b, (4, 4), mode="bicubic", antialias=True).clamp(-1, 1)
    inside = (slice(None), slice(None), slice(1, 3), slice(1, 3))  # a crop's own border is not the picture's
    other = small.roll(1, 0)[inside]
    assert (small[inside] - batch.a[inside]).abs().mean() < 0.2 * (other - batch.a[inside]).abs().mean()
    assert len({v.numpy().tobytes() for v in data.batch(0, 200).b}) > 60, "crops move"
    still = d.open(f"inverted:{folder(tmp_path / 'p', TEN, 0, 32, 48)}", crop="8x16").batch(0, 20)
    assert same(still.a, -still.b)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("{A}+{C}", {}, "1 of 10 pictures of '.*A' have no partner in '.*C': n9. Unpaired sets"),
        ("{C}+{A}", {}, "pairs go by name"),
        ("{A}+{nowhere}", {}, "there is no file or folder '.*nowhere'"),
        ("{A}+{A}+{A}", {}, "two sources around one '\\+'"),
        ("{A},", {}, "two domains are named by two sources"),
        ("{A}+{twice}", {}, "n0 is there twice"),
        ("{A}+{A}", {"bad_files": "skip"}, "take them out of both folders"),
        ("{A}+{broken}", {}, "n3.png: not a picture"),
        ("digits+moons", {}, "as many examples"),
        ("edges:", {}, "which pictures\\? For instance edges:photos/"),
        ("edges:moons", {}, "edges changes pictures"),
        ("edges:edges:{A}", {}, "one, x, is needed"),
        ("swap:{A}", {}, "swap exchanges a and b of pairs"),
        ("lowres4:{A}", {"size": 18}, "multiples of 4; these have 18x18. Give such a size, e.g. --size 16x16"),
        ("halves:{A}", {"crop": "4x13"}, "crop 4x13 is larger than the pictures, which are 16x12"),
        ("lowres4:{A}", {"crop": 6}, "a multiple of 4"),
        ("moons,circles", {"crop": 6}, "this data has none"),
        ("{A}", {"unpaired": True}, "unpaired takes pairs a and b apart"),
        ("fruits360:banana", {}, "no kind 'banana'|fruits360 is not downloaded"),
    ],
)
def test_what_is_wrong_is_said(source: str, options: dict, said: str, tmp_path: Path):
    places = {"A": folder(tmp_path / "A", TEN), "C": folder(tmp_path / "C", TEN.replace("n9", "")), "nowhere": ""}
    places |= {"nowhere": str(tmp_path / "nowhere"), "twice": folder(tmp_path / "twice", TEN)}
    save_picture(tmp_path / "twice" / "n0.jpg", 1, 16, 24)
    places["broken"] = folder(tmp_path / "broken", TEN)
    (tmp_path / "broken" / "n3.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=said):
        d.open(source.format(**places), **options)
