"""Trackers are told what happens, and cannot break a run."""

import importlib.util
import json

import pytest

import zerosum as zs
from zerosum import checkpoints, trackers
from zerosum.errors import InputError

from .conftest import TINY


class Recording:
    """Remembers; and fails, where it is told to."""

    def __init__(self, folder, config):
        self.told: list = []
        made.append(self)

    def terms(self, values, round):
        self.told.append(("terms", round, set(values)))
        if failing == "terms":
            raise ConnectionError("the service is away")

    def picture(self, path, round):
        self.told.append(("picture", round, path.name))
        if failing == "picture":
            raise OSError(28, "No space left on device")

    def close(self):
        self.told.append(("close",))
        if failing == "close":
            raise RuntimeError("bye")


class Unwilling(Recording):
    def __init__(self, folder, config):
        raise RuntimeError("not logged in")


made: list[Recording] = []
failing = ""


def train(monkeypatch, tmp_path, kind=Recording, fail=""):
    made.clear()
    monkeypatch.setitem(globals(), "failing", fail)
    monkeypatch.setitem(trackers.KINDS, "recording", (kind, "json"))
    options = {**TINY, "track": "recording", "quiet": False}
    return zs.train("gan", "ring8:100", width=8, z_dim=2, out=tmp_path, **options)


def test_they_are_told_everything(monkeypatch, tmp_path):
    train(monkeypatch, tmp_path)
    terms = {"D/real", "D/fake", "G/generate"}
    assert made[0].told == [
        ("picture", 0, "000000.png"),
        ("terms", 1, terms),
        ("terms", 2, terms | {"score"}),
        ("picture", 2, "000002.png"),
        ("terms", 3, terms),
        ("terms", 4, terms | {"score"}),
        ("picture", 4, "000004.png"),
        ("close",),
    ]


@pytest.mark.parametrize("fail", ["terms", "picture", "close"])
def test_one_that_fails_is_named_once_and_left_out(monkeypatch, tmp_path, capsys, fail):
    run = train(monkeypatch, tmp_path, fail=fail)
    assert checkpoints.numbers(run.checkpoints) == [2, 4]
    assert len(run.stats()) == 4
    assert sum(told[0] == fail for told in made[0].told) == 1
    assert capsys.readouterr().err.count("recording failed and is left out from here on") == 1


def test_one_that_does_not_start_is_left_out(monkeypatch, tmp_path, capsys):
    assert train(monkeypatch, tmp_path, Unwilling).rounds == 4
    assert "RuntimeError: not logged in" in capsys.readouterr().err


def test_they_are_closed_when_a_run_breaks_off(monkeypatch, tmp_path):
    monkeypatch.setattr(zs.training.Recorder, "score", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(monkeypatch, tmp_path)
    assert made[0].told[-1] == ("close",)


def test_choosing():
    assert trackers.chosen("none") == trackers.chosen("") == ()
    assert trackers.chosen(None) in ((), ("tensorboard",))
    with pytest.raises(InputError, match=r"no tracker 'tensorbord'; did you mean 'tensorboard'\?"):
        trackers.chosen("tensorbord")


def test_one_that_is_not_installed_is_told_of(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert trackers.chosen(None) == ()
    with pytest.raises(InputError, match=r"wandb is not installed; pip install 'zerosum\[wandb\]'"):
        trackers.chosen("wandb")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_files_hold_terms_and_pictures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = zs.train("gan", "ring8:100", width=8, z_dim=2, out=tmp_path, **{**TINY, "track": "tensorboard"})
    events = EventAccumulator(str(run.path)).Reload()
    assert set(events.Tags()["scalars"]) == {"D/real", "D/fake", "G/generate", "score"}
    assert [e.step for e in events.Scalars("score")] == [2, 4]
    rows = [json.loads(line) for line in (run.path / "stats.jsonl").read_text().splitlines()]
    assert [e.value for e in events.Scalars("D/real")] == pytest.approx([row["D/real"] for row in rows])
    assert [e.step for e in events.Images("samples")] == [0, 2, 4]
