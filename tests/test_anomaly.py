"""The table of anomaly scores: measured by the tool, and in the docs as it was measured."""

import json

import pytest

from tools import anomaly


def test_the_docs_hold_what_was_measured():
    text = anomaly.PAGE.read_text(encoding="utf-8")
    found = json.loads(anomaly.RESULTS.read_text(encoding="utf-8"))
    assert anomaly.page(text, found) == text
    worse = [row | {"auc": row["auc"] | {"bigan": 0.123}} for row in found["rows"]]
    assert "**0.123**" in anomaly.page(text, {"rows": worse})


def test_every_score_is_measured_on_every_class_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(anomaly, "SETS", {"digits": {"holdout": 0.28}})
    monkeypatch.setattr(anomaly, "ROUNDS", dict.fromkeys(anomaly.GAMES, 2))
    monkeypatch.setattr(anomaly, "CLASSES", {"digits": ("0", "8")})
    monkeypatch.setitem(anomaly.GAMES, "anogan", {"steps": 2})
    rows = list(anomaly.measure())
    assert [row["left out"] for row in rows] == ["0", "8"]
    assert all(row["auc"].keys() == {*anomaly.PLAIN, *anomaly.GAMES} for row in rows)
    assert rows[0]["auc"]["autoencoder"] > 0.8, "a nought is unlike what has no hole in its middle"
    assert rows[1]["auc"]["distance to the mean"] < 0.3, "an eight is what all digits have in common"
    lines = anomaly.table(rows).splitlines()
    assert len(lines) == 2 + len(rows[0]["auc"])
    assert len({line.count("|") for line in lines}) == 1
