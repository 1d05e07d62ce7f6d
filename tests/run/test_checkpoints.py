"""No crash, full disk or flipped bit costs more than the checkpoint that was being written."""

import itertools
import json
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zerosum import checkpoints
from zerosum.checkpoints import BEST, LATEST, MANIFEST, STATE, TENSORS
from zerosum.errors import InputError

FILES = (TENSORS, STATE, MANIFEST)


def content(number: int) -> tuple[dict[str, torch.Tensor], dict]:
    random = torch.Generator().manual_seed(number)
    return {"w": torch.randn(40, generator=random), "n": torch.tensor(number)}, {"round": number, "share": 0.1}


def save(folder: Path, *numbers: int) -> None:
    for number in numbers:
        checkpoints.save(folder, number, *content(number))


def newest_is(folder: Path, number: int) -> bool:
    tensors, values = checkpoints.read(checkpoints.newest(folder)[0])
    expected, state = content(number)
    return values == state and tensors.keys() == expected.keys() and all(tensors[k].equal(expected[k]) for k in tensors)


class Crash(BaseException):
    """The power fails."""


@contextmanager
def power_until(line: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The power fails before the `line`-th line of checkpoints.py that is executed: nothing after it happens."""
    count = itertools.count()
    dead = False

    def trace(frame, event, arg):
        nonlocal dead
        if frame.f_code.co_filename != checkpoints.__file__:
            return None
        if event == "line" and not dead and next(count) == line:
            dead = True
            raise Crash
        return trace

    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda *a, **k: None if dead else real(*a, **k))
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        monkeypatch.undo()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that were open in the crash
def test_a_crash_at_any_line_of_saving_leaves_a_loadable_newest(tmp_path, monkeypatch):
    crashes, seen, folder = 0, set(), tmp_path
    for line in itertools.count():
        folder = tmp_path / str(line)
        save(folder, 1)
        try:
            with power_until(line, monkeypatch):
                save(folder, 2)
        except Crash:
            crashes += 1
        else:
            break
        found = int(checkpoints.newest(folder)[0].name)
        assert found in (1, 2)
        assert newest_is(folder, found)
        seen.add(found)
        save(folder, 2, 3)  # the next start goes on
        assert newest_is(folder, 3)
        assert checkpoints.numbers(folder) == [1, 2, 3]
        assert checkpoints.pointed(folder, LATEST) == 3
    assert crashes > 40, "the trace missed the lines of the protocol"
    assert seen == {1, 2}
    assert newest_is(folder, 2)


def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Un-fsynced bytes may be lost in a crash, also after the rename."""
    done: list[tuple[str, str]] = []
    real = checkpoints._sync
    monkeypatch.setattr(checkpoints, "_sync", lambda path: (done.append(("sync", path.name)), real(path))[1])
    for name in ("rename", "replace"):
        move = getattr(Path, name)
        monkeypatch.setattr(
            Path, name, lambda self, to, move=move: (done.append(("move", Path(to).name)), move(self, to))[1]
        )
    save(tmp_path / "checkpoints", 7)
    synced = {name for _, name in done[: done.index(("move", "000007"))]}
    assert set(FILES) < synced
    assert any(name.startswith(".tmp-") for name in synced), "the folder's own entries"
    assert done.index(("sync", MANIFEST)) > max(done.index(("sync", TENSORS)), done.index(("sync", STATE)))
    rest = done[done.index(("move", "000007")) + 1 :]
    assert [kind for kind, _ in rest] == ["sync", "sync", "move", "sync"]
    assert rest[0] == rest[3] == ("sync", "checkpoints")
    assert rest[2] == ("move", LATEST)


@pytest.mark.parametrize("name", [TENSORS, STATE])
def test_every_flipped_bit_is_found_and_walked_back_from(tmp_path, name):
    save(tmp_path, 1, 2)
    path = tmp_path / "000002" / name
    good = path.read_bytes()
    for position in np.random.default_rng(0).integers(0, 8 * len(good), 60).tolist():
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        found, notes = checkpoints.newest(tmp_path)
        assert found.name == "000001"
        assert notes == [f"skipped checkpoint 000002: {name} is not what was written"]
    path.write_bytes(good)
    assert newest_is(tmp_path, 2)


def test_a_flipped_bit_of_the_manifest_never_lets_wrong_bytes_pass(tmp_path):
    save(tmp_path, 1, 2)
    path = tmp_path / "000002" / MANIFEST
    good = path.read_bytes()
    back = 0
    for position in np.random.default_rng(0).integers(0, 8 * len(good), 60).tolist():
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        number = int(checkpoints.newest(tmp_path)[0].name)
        assert newest_is(tmp_path, number)
        back += number == 1
    assert back > 30


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_missing_files_are_walked_back_from(tmp_path, name):
    save(tmp_path, 1, 2)
    path = tmp_path / "000002" / name
    good = path.read_bytes()
    for size in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        assert newest_is(tmp_path, 1)
    path.unlink()
    assert newest_is(tmp_path, 1)
    assert "000002" in checkpoints.newest(tmp_path)[1][0]


def test_all_damaged_is_said_with_each_reason(tmp_path):
    save(tmp_path, 1, 2)
    for number in (1, 2):
        (tmp_path / f"{number:06d}" / STATE).unlink()
    with pytest.raises(InputError, match=r"no whole checkpoint.*000002: state.json is missing.*000001"):
        checkpoints.newest(tmp_path)


def test_no_checkpoint_yet(tmp_path):
    with pytest.raises(InputError, match="has no checkpoint yet"):
        checkpoints.newest(tmp_path / "run" / "checkpoints")


def test_one_that_is_asked_for_is_never_replaced_by_another(tmp_path):
    save(tmp_path, 1, 2)
    assert checkpoints.newest(tmp_path, 1)[0].name == "000001"
    with pytest.raises(InputError, match=r"no checkpoint of round 3.*\[1, 2\]"):
        checkpoints.newest(tmp_path, 3)
    (tmp_path / "000002" / TENSORS).write_bytes(b"")
    with pytest.raises(InputError, match="000002: tensors"):
        checkpoints.newest(tmp_path, 2)


def test_a_whole_one_is_kept_and_a_damaged_one_written_again(tmp_path):
    save(tmp_path, 1)
    manifest = tmp_path / "000001" / MANIFEST
    before = manifest.stat().st_mtime_ns
    save(tmp_path, 1)
    assert manifest.stat().st_mtime_ns == before
    (tmp_path / "000001" / STATE).write_text("{}")
    save(tmp_path, 1)
    assert newest_is(tmp_path, 1)


def test_a_full_disk_leaves_the_last_checkpoint_and_no_rest(tmp_path):
    save(tmp_path, 1)
    big = {"w": torch.zeros(100_000)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match=TENSORS):
            checkpoints.save(tmp_path, 2, big, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert newest_is(tmp_path, 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000001", LATEST]


def test_nothing_is_pickled_and_values_are_exact(tmp_path):
    tensors = {"half": torch.tensor([1.5, float("nan")], dtype=torch.bfloat16), "one": torch.tensor(True)}
    values = {"float": 0.1 + 0.2, "large": 2**60, "none": None}
    checkpoints.save(tmp_path, 1, tensors, values)
    found, state = checkpoints.read(tmp_path / "000001")
    assert state == values
    assert found["half"].dtype == torch.bfloat16
    assert found["half"].view(torch.int16).equal(tensors["half"].view(torch.int16))
    assert set(json.loads((tmp_path / "000001" / MANIFEST).read_text())["files"]) == {TENSORS, STATE}
    assert {p.suffix for p in (tmp_path / "000001").iterdir()} == {".safetensors", ".json"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=12))
def test_pruning_never_deletes_the_best_or_the_last(tmp_path_factory, steps):
    """Each step saves one, may make it the best, and keeps some."""
    folder = tmp_path_factory.mktemp("prune")
    best, left = None, []
    for number, (is_best, keep) in enumerate(steps, 1):
        there = [*left, number]
        (folder / f"{number:06d}").mkdir()
        if is_best or best is None:
            best = number
            checkpoints.point(folder, BEST, number)
        checkpoints.prune(folder, keep)
        left = checkpoints.numbers(folder)
        assert number in left
        assert set(left) == {best, *there[-keep:]}
    shutil.rmtree(folder)
