"""Folders of pictures with a table of what they show."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum.data as d
from zerosum.data.captioned import variety
from zerosum.errors import InputError
from zerosum.spec import words


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
            r"empty cells.*age \(1: 3.png\)",
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


@pytest.mark.parametrize("empty", ["", '"  "', "NA"])
def test_an_empty_caption_stops_with_the_picture_it_is_of(faces, empty):
    told = [f"{i}.png,{empty if i in (3, 7) else 'a face'}" for i in range(12)]
    (faces / "captions.csv").write_text("file,caption\n" + "\n".join(told))
    with pytest.raises(InputError, match=r"empty cells in the table of pictures: caption \(2: 3.png, 7.png\)"):
        d.open(faces)


def table(of):
    return "file,caption,age\n" + "".join(f"{of(i)},picture {i},{i % 3}\n" for i in range(12))


def test_a_table_that_lies_elsewhere(faces, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("tables") / "people.csv"
    elsewhere.write_text(table("{}.png".format))
    data = d.open(faces, labels=str(elsewhere), holdout=0)
    assert f"picture {brightness(data, 3)}" == data.spec.y.decode(data.all("y")[3:4].long())[0]
    assert d.open(faces, labels=f"{elsewhere}:age", holdout=0).spec.y.classes == ("0", "1", "2")
    with pytest.raises(InputError, match="did you mean 'age'"):
        d.open(faces, labels=f"{elsewhere}:aeg")


def test_a_table_beside_a_folder_may_name_pictures_from_where_it_lies(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    (tmp_path / "people.csv").write_text(table("photos/{}.png".format))
    (tmp_path / "photos" / "captions.csv").write_text("file,caption\n0.png,another\n")
    monkeypatch.chdir(tmp_path)
    data = d.open("photos", labels="people.csv", holdout=0)
    assert f"picture {brightness(data, 5)}" == data.spec.y.decode(data.all("y")[5:6].long())[0]
    assert "captions.csv is passed over for people.csv" in data.notes
    assert data.options["labels"] == str(tmp_path / "people.csv"), "a run finds it again from anywhere"


def test_a_table_that_is_not_there(faces):
    with pytest.raises(InputError, match=r"labels 'people.csv:age': there is no file 'people.csv'"):
        d.open(faces, labels="people.csv:age")


def test_shapes_are_as_their_captions_say():
    data = d.open("shapes", limit=400, holdout=0)
    x, told = data.all("x"), data.spec.y.decode(data.all("y").long())
    bright, channels = x.add(1).sum(1), x.add(1).mean((2, 3))
    for picture, colour, text in zip(bright, channels, told, strict=True):
        said = words(text)
        middle = float((picture.sum(0) * torch.arange(16)).sum() / picture.sum())
        assert next(w for w, end in (("left", 6), ("centre", 10), ("right", 16)) if middle < end) in said
        assert ("red" in said or "yellow" in said) == bool(colour[0] > 2 * colour[2])
        assert ("large" in said) == bool(picture.sum() / picture.max() > 19), text


def test_drawings_side_by_side(tmp_path):
    for k, word in enumerate(("bird", "ice cream")):
        np.save(tmp_path / f"{word}.npy", np.full((3, 784), 100 + 100 * k, np.uint8))
    data = d.open("scenes:bird,ice cream", data_dir=tmp_path, limit=200, holdout=0)
    x, told = data.all("x").add(1), data.spec.y.decode(data.all("y").long())
    assert x.shape[1:] == (1, 56, 56)
    i = next(i for i, t in enumerate(told) if t == "a large ice cream above a small bird")
    assert x[i, :, :28].mean() > x[i, :, 28:].mean() > 0
    with pytest.raises(InputError, match="no category 'flamigo'; did you mean 'flamingo'"):
        d.open("scenes:flamigo", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "caption"),
    [("Apple Red Yellow 2", "a red yellow apple"), ("Tomato 1", "a tomato"), ("Apple 10", "an apple")],
)
def test_names_of_varieties_as_captions(name, caption):
    assert variety(name) == caption


def test_scenes_are_as_their_captions_say():
    data = d.open("scenes", limit=300)
    assert data.spec.y.kind == "text"
    x, told = data.all("x"), data.spec.y.decode(data.all("y").long())
    above = [i for i, t in enumerate(told) if t.startswith("a large") and "above a small" in t]
    assert len(above) > 3
    top, bottom = x[above, :, :14].add(1).mean(), x[above, :, 14:].add(1).mean()
    assert top > 1.2 * bottom
