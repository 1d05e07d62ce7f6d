"""`--devices 2`: one run of two processes, which end together, and go on as one or as two."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

import zerosum as zs
from zerosum import checkpoints
from zerosum.errors import InputError
from zerosum.launch import check

from .conftest import TINY, start

GAME = ["train", "gan", "ring8:100", "--width", "8", "--z-dim", "2", "--track", "none"]
WORDS = [*GAME, "--batch", "8", "--rounds", "100000", "--save-every", "10"]


def children(process: subprocess.Popen[str]) -> list[int]:
    """Its ranks, in order."""
    return sorted(int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def playing(folder: Path, *words: str) -> tuple[subprocess.Popen[str], Path]:
    """Two processes that have saved something."""
    process, run = start(*WORDS, "--devices", "2", *words, cwd=folder), folder / "runs" / "00000-gan-ring8-100"
    for _ in range(6000):
        if checkpoints.pointed(run / "checkpoints", checkpoints.BEST):
            return process, run
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    pytest.fail("it does not play")


def test_a_signal_to_one_of_them_stops_all_at_the_same_round(tmp_path):
    process, path = playing(tmp_path)
    assert json_clock(path) % 10 == 0
    os.kill(children(process)[1], signal.SIGTERM)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 143, err
    stopped = checkpoints.numbers(path / "checkpoints")[-1]
    assert f"SIGTERM after round {stopped}, saved" in err
    assert err.count("zerosum resume") == 1, "one of them speaks"
    run = zs.load(path)
    assert [row["round"] for row in run.stats()][-1] == stopped

    zs.resume(run, stopped + 5, quiet=True, devices=1)
    alone = {**TINY, "rounds": stopped + 5, "save_every": stopped + 5, "log_every": 10**6}
    whole = zs.train("gan", "ring8:100", width=8, z_dim=2, out=tmp_path / "whole", **alone)
    one, two = (load_file(r.checkpoints / f"{stopped + 5:06d}" / "tensors.safetensors") for r in (whole, zs.load(path)))
    for name, tensor in one.items():
        assert_close(two[name], tensor, atol=1e-3, rtol=1e-3, msg=lambda m, name=name: f"{name}: {m}")


def json_clock(path: Path) -> int:
    return zs.load(path).restore()[1]["engine"]["clock"]["rounds"]


def test_one_that_is_killed_ends_the_job_and_is_named(tmp_path):
    process, path = playing(tmp_path)
    victim = children(process)[1]
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1
    found = re.search(rf"rank 1 \(process {victim} on \S+\) died or does not answer. The last good .* round (\d+)", err)
    assert found, err
    assert f"Go on with: zerosum resume {path.relative_to(tmp_path)}" in err
    assert "Traceback" not in err
    assert int(found[1]) == checkpoints.numbers(path / "checkpoints")[-1] == json_clock(path)


def test_what_cannot_be_meant():
    with pytest.raises(InputError, match="batch 9 does not divide evenly over 2 devices"):
        check(2, 9, "auto")
    with pytest.raises(InputError, match="--devices 64, but there are"):
        check(64, 64, "cuda")
    with pytest.raises(InputError, match="from Python: torchrun --nproc-per-node 2"):
        zs.train("gan", "ring8:100", devices=2, **TINY)
