"""The experiments of `zerosum.bench.survival`, with a few trials each; docs/reliability.md has the long ones."""

from pathlib import Path
from typing import Any

import pytest

from tools.reliability import PAGE, page
from zerosum import recorder
from zerosum.bench.survival import EXPERIMENTS, RESULTS
from zerosum.bench.survival.many import elastic, hangs
from zerosum.bench.survival.play import nan, order
from zerosum.bench.survival.runs import kill, signals
from zerosum.bench.survival.storage import corruption, crash, disk, retention


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("picture", "reals"):
        monkeypatch.setattr(recorder.Recorder, name, lambda self: None)


def test_killed_runs_end_as_if_nothing_had_happened(tmp_path: Path):
    found = kill(tmp_path, n=5)
    assert found["tensors equal at the end"] == 5
    assert found["most rounds lost"] <= 4


def test_signals_end_runs_with_a_checkpoint_of_their_round(tmp_path: Path):
    found = signals(tmp_path, n=3)
    assert (found["right status, checkpoint of the very round"], found["hangs"]) == (3, 0)


def test_every_prefix_of_a_save_leaves_a_whole_checkpoint(tmp_path: Path):
    found = crash(tmp_path)
    assert found["newest checkpoint whole"] == found["cuts"] > 100


def test_harm_is_found(tmp_path: Path):
    found = corruption(tmp_path, n=10)
    assert found["wrong bytes loaded"] == 0
    assert all(v == "10/10" for k, v in found.items() if ": found" in k and "manifest" not in k)


def test_disks_that_fail_leave_the_last_checkpoint(tmp_path: Path):
    found: dict[str, Any] = disk(tmp_path)
    assert found["intact"] == found["told"] == found["harms"] >= 10
    assert found["left over"] == 0


def test_nothing_moves_after_a_number_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("zerosum.bench.survival.play.cost", lambda make, source, batch: 0.0)
    found = nan(tmp_path, n=8)
    assert found["caught"] == found["nothing moved"] == found["move named"] == 8


def test_runs_go_on_in_another_number_of_processes(tmp_path: Path):
    found = elastic(tmp_path, n=1)
    assert found["at their last round"] == 1
    assert found["farthest from the tensors of one process"] < 1e-5


def test_who_is_lost_is_named_and_the_run_goes_on_without_it(tmp_path: Path):
    found = hangs(tmp_path, n=1)
    assert found["all others ended"] == found["who it was is named by all"] == found["gone on with"] == 1


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_no_example_is_lost_or_doubled(tmp_path: Path):
    found = order(tmp_path, n=2)
    assert (found["examples lost"], found["doubled"], found["orders that differ"]) == (0, 0, 0)


def test_the_best_and_the_newest_are_kept(tmp_path: Path):
    assert retention(tmp_path, n=30) == {"sequences": 30, "newest lost": 0, "best lost": 0}


def test_the_page_is_that_of_the_results():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text, RESULTS)
    assert {p.stem for p in RESULTS.glob("*.json")} <= EXPERIMENTS.keys()
