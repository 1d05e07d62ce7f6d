"""Folders of pictures with a table of what they show."""

import re

import numpy as np
import pytest
from PIL import Image

import zerosum.data as d
from zerosum.errors import InputError


@pytest.fixture
def faces(tmp_path):
    for i in range(12):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


def brightness(data, i):
    """Which picture an example shows."""
    return round((float(data.all("x")[i].mean()) + 1) * 127.5 / 20)


def test_captions(faces):
    (faces / "captions.csv").write_text(
        "file,caption\n" + "".join(f'{i}.png,"a grey, number {i}"\n' for i in reversed(range(12)))
    )
    data = d.open(faces, holdout=0)
    assert data.spec.y.kind == "text"
    told = data.spec.y.decode(data.all("y").long())
    assert [told[i] for i in range(12)] == [f"a grey, number {brightness(data, i)}" for i in range(12)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.txt", "".join(f"{i}.png,picture {i}, grey\n" for i in range(12))),
        ("metadata.jsonl", "".join(f'{{"file_name": "{i}.png", "text": "picture {i}"}}\n' for i in range(12))),
    ],
)
def test_other_forms_of_the_table(faces, name, text):
    (faces / name).write_text(text)
    data = d.open(faces, holdout=0)
    assert f"picture {brightness(data, 3)}" in data.spec.y.decode(data.all("y")[3:4].long())[0]


def test_identities_and_attributes(faces):
    lines = [f"{i}.png,p{i // 3},{20 + 10 * (i % 3)},{i % 2}" for i in range(12)]
    (faces / "labels.csv").write_text("file,identity,age,glasses\n" + "\n".join(lines))
    both = d.open(faces, holdout=0)
    assert (both.spec.y.kind, both.spec.y.shape) == ("vector", (2,))
    assert both.spec.identity.classes == ("p0", "p1", "p2", "p3")
    assert d.open(faces, labels="age", holdout=0).spec.y.classes == ("20", "30", "40")
    assert d.open(faces, labels="age:number", holdout=0).spec.y.kind == "vector"


def test_a_picture_may_have_several_captions(faces):
    (faces / "captions.csv").write_text("file,caption\n" + "".join(f"{i}.png,a b\n{i}.png,c {i}\n" for i in range(12)))
    data = d.open(faces, holdout=0)
    assert len(data) == 24
    assert sorted(set(data.spec.y.decode(data.all("y").long())))[:2] == ["a b", "c 0"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("file,caption\n0.png,a\n", {}, r"says nothing of 11 of 12 pictures \(1.png"),
        ("picture,caption\n0.png,a\n", {}, "needs a column 'file'"),
        ("file,age\n" + "".join(f"{i}.png,1\n" for i in range(12)), {"labels": "aeg"}, "did you mean 'age'"),
        (
            "file,age\n" + "".join(f"{i}.png,{'' if i == 3 else i % 2}\n" for i in range(12)),
            {},
            r"empty cells.*age \(1\)",
        ),
    ],
)
def test_mistakes(faces, text, options, message):
    (faces / "labels.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        d.open(faces, holdout=0, **options)
    assert re.search(message, str(caught.value)), str(caught.value)


def test_labels_without_a_table(faces):
    with pytest.raises(InputError, match="no table in"):
        d.open(faces, labels="age")


def test_scenes_are_as_their_captions_say():
    data = d.open("scenes", limit=300)
    assert data.spec.y.kind == "text"
    x, told = data.all("x"), data.spec.y.decode(data.all("y").long())
    above = [i for i, t in enumerate(told) if t.startswith("a large") and "above a small" in t]
    assert len(above) > 3
    top, bottom = x[above, :, :14].add(1).mean(), x[above, :, 14:].add(1).mean()
    assert top > 1.2 * bottom
