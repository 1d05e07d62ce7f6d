import datetime
import gzip
import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import zerosum.data as d
from zerosum.errors import InputError
from zerosum.spec import Spec

ROWS = 60
TABLE = {
    "age": [20 + i % 37 for i in range(ROWS)],
    "height": [round(1.5 + (i % 50) / 100, 2) for i in range(ROWS)],
    "city": [("Oslo", "Rome", "Kyiv")[i % 3] for i in range(ROWS)],
    "paid": [i % 4 == 0 for i in range(ROWS)],
    "one": [7] * ROWS,
    "kind": ["low" if i % 2 else "high" for i in range(ROWS)],
}


def raises(message: str, *args, **options):
    with pytest.raises(InputError) as caught:
        d.open(*args, **options)
    assert re.search(message, str(caught.value)), str(caught.value)


def check(data: d.Data, strings: tuple[str, ...] = ()) -> None:
    """The whole table comes back in its own units, columns by name."""
    back = data.spec.x.decode(data.all())
    for name in TABLE:
        if name != "kind":
            wanted = [str(v).lower() if name in strings else v for v in TABLE[name]]
            assert back[name].tolist() == wanted, name
    assert list(data.spec.y.decode(data.all("y"))) == TABLE["kind"]
    assert data.spec.x.shape == (1 + 1 + 3 + 2 + 1,)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "csv.gz", "csv.xz", "parquet"])
def test_files(tmp_path, suffix):
    frame, path = pl.DataFrame(TABLE), tmp_path / f"people.{suffix}"
    if suffix == "parquet":
        frame.write_parquet(path)
    else:
        body = frame.write_csv(separator="\t" if suffix == "tsv" else ",").encode()
        import lzma

        pack = {"csv.gz": gzip.compress, "csv.xz": lzma.compress}.get(suffix, bytes)
        path.write_bytes(pack(body))
    data = d.open(path, labels="kind", holdout=0)
    assert data.name == "people"
    check(data, strings=() if suffix == "parquet" else ("paid",))


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame, dict], ids=["polars", "pandas", "dict"])
def test_frames(make):
    data = d.open(make(TABLE), labels="kind", holdout=0)
    check(data)
    assert data.notes[0] == "constant columns: one"


def test_columns_decimals_and_ranges():
    data = d.open(pl.DataFrame(TABLE), labels="kind", holdout=0)
    age, height, city, paid, one = data.spec.x.codec.columns
    assert (age.decimals, height.decimals, one.decimals) == (0, 2, 0)
    assert (age.low, age.high, one.std) == (20, 56, 1)
    assert city.categories == ("Kyiv", "Oslo", "Rome")
    assert paid.categories == (False, True)
    x = data.all()
    assert torch.allclose(x[:, :2].mean(0), torch.zeros(2), atol=1e-5)
    assert (x[:, 2:5].sum(1) == 1).all()
    assert set(x[:, 2:7].unique().tolist()) == {0, 1}
    assert Spec.from_json(json.loads(json.dumps(data.spec.to_json()))) == data.spec
    told = data.describe()["arrays"]["x"]["columns"]
    assert told[2] == {"name": "city", "categories": {"Kyiv": 20, "Oslo": 20, "Rome": 20}}


def test_batches_are_the_rows():
    data = d.open(pl.DataFrame(TABLE), labels="kind")
    batch = data.batch(9, 100)
    rows = set(zip(*(TABLE[k] for k in ("age", "height", "city", "kind")), strict=True))
    back = data.spec.x.decode(batch.x)
    kinds = data.spec.y.decode(batch.y)
    drawn = list(zip(back["age"].tolist(), back["height"].tolist(), back["city"], kinds, strict=True))
    assert set(drawn) <= rows
    assert len(set(drawn)) > 30


def test_choosing_columns():
    frame = pl.DataFrame(TABLE)
    for columns in ("age, city", ["age", "city"]):
        data = d.open(frame, columns=columns, labels="kind")
        assert [c.name for c in data.spec.x.codec.columns] == ["age", "city"]
        assert "y" in data.spec
    data = d.open(frame, columns="age:category,height")
    assert data.spec.x.codec.columns[0].categories == tuple(range(20, 57))
    raises("has no column 'hight'; did you mean 'height'", frame, columns="hight")
    raises("has no column 'kin'; did you mean 'kind'", frame, labels="kin")
    raises("no columns to learn", frame, columns="kind", labels="kind")


def test_numeric_labels():
    data = d.open({"a": np.arange(6.0), "c": [1, 5, 10] * 2}, labels="c", holdout=0)
    assert data.spec.y.classes == ("1", "5", "10")
    assert data.all("y").tolist() == [0, 1, 2] * 2
    raises("holds decimals", {"p": np.arange(6.0), "c": np.arange(6) / 4}, labels="c:class")


def test_missing_cells(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "a,b,c\n" + "".join(f"{i},{'' if i in (3, 8) else i / 4},{'NA' if i == 5 else 'x'}\n" for i in range(20))
    )
    raises(r"column 'b': 2 values \(rows 4, 9\); column 'c': 1 value \(row 6\).*--missing drop", path)
    data = d.open(path, missing="drop", holdout=0)
    assert len(data) == 17
    assert data.notes[0] == "3 of 20 rows left out for missing values"
    assert data.spec.x.decode(data.all())["a"].tolist() == [i for i in range(20) if i not in (3, 5, 8)]
    frame = pd.DataFrame({"a": [1.0, np.nan, 3, np.inf] * 3, "b": ["u", "v", None, "u"] * 3})
    raises(r"column 'a': 6 values \(rows 2, 4, 6, 8, 10, ...\); column 'b': 3 values", frame)
    assert len(d.open(frame, missing="drop", holdout=0)) == 3


def test_untidy_csv(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name; size\n" + "".join(f" {'ab'[i % 2]} ; {i}\n" for i in range(6)))
    data = d.open(path, holdout=0)
    assert data.spec.x.codec.columns[0].categories == ("a", "b")
    path.write_text("".join(f"{i},{i * i}\n" for i in range(6)))
    assert len(d.open(path, holdout=0)) == 6
    assert d.open(path).spec.x.codec.columns[1].name == "1"
    path.write_text("a,b\n1,2\n3,4,5\n")
    raises("cannot be read as a table", path)
    path.write_text("")
    raises("cannot be read as a table", path)
    path.write_bytes(b"a,b\n\xff\xfe,1\n")
    raises("cannot be read as a table", path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    raises("cannot be read as a table", tmp_path / "t.parquet")
    path.write_text("a,b\n1,2\n")
    raises("at least 2 examples", path)


def test_columns_that_cannot_be_learned():
    days = [datetime.date(2020, 1, 1 + i % 28) for i in range(30)]
    raises("column 'day' is Date; only numbers", pl.DataFrame({"day": days, "a": range(30)}))
    raises("'id' has 200 different values in 200 rows", pl.DataFrame({"id": [f"u{i}" for i in range(200)]}))
    raises("size scales pictures", pl.DataFrame(TABLE), size=8)


def test_structured_arrays_are_tables():
    data = d.open(pl.DataFrame(TABLE), holdout=0)
    again = d.open(data.spec.x.decode(data.all()), holdout=0)
    assert again.spec == data.spec
    assert torch.allclose(again.all(), data.all(), atol=1e-6)


def test_the_census(real_data):
    data = d.open(real_data / "adult" / "adult.csv.xz", labels="income")
    assert len(data) + len(data.held_out) == 32_561
    assert data.spec.y.classes == ("<=50K", ">50K")
    wanted = {
        c["name"]
        for c in json.loads((real_data / "adult" / "adult.json").read_text())["columns"]
        if c["type"] == "continuous"
    }
    assert {c.name for c in data.spec.x.codec.columns if not c.categories} == wanted


def test_conditions_of_other_kinds():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": random.normal(size=200),
            "beam": random.choice([10, 20, 30], 200),
            "weight": random.normal(size=200),
            "hair": random.choice(["red", "grey"], 200),
            "note": [f"a note of {i} words" for i in range(200)],
        }
    )
    assert d.open(frame, columns="x", labels="beam").spec.y.kind == "label"
    beam = d.open(frame, columns="x", labels="beam:number")
    assert beam.spec.y.kind == "vector"
    assert beam.spec.y.decode(beam.take(5).y)["beam"].dtype.kind == "i"
    assert len(beam.spec.y.extra["seen"]) == len(beam)
    assert d.open(frame, columns="x", labels="weight").spec.y.kind == "vector"
    both = d.open(frame, columns="x", labels="beam,hair").spec.y
    assert (both.kind, both.shape) == ("vector", (3,))
    assert [len(row) for row in both.extra["seen"][:2]] == [3, 3]
    for labels in ("note", "note:text"):
        data = d.open(frame, columns="x", labels=labels)
        assert data.spec.y.kind == "text"
        assert set(data.spec.y.decode(data.take(20).y)) <= set(frame["note"])
        assert data.describe()["arrays"]["y"]["longest"] == 5
    raises("a text is a condition by itself", frame, columns="x", labels="note:text,beam")
    raises("holds decimals", frame, columns="x", labels="weight:class")
