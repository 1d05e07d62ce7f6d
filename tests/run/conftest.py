"""Runs of a few rounds, made once, and the command line in this process or in one of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import zerosum as zs
from zerosum import cli
from zerosum.runs import Run

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "src"),
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "MPLBACKEND": "Agg",
}
TINY = dict(rounds=4, batch=8, save_every=2, log_every=1, track="none", quiet=True)


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    """`zerosum ...` in a process of its own, which Ctrl-C reaches though the tests may run in a shell's background."""
    return subprocess.Popen(
        [sys.executable, "-m", "zerosum", *words],
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def zerosum(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int | str | None, str, str]]:
    """The command line in this process, in an empty folder: exit status, output, errors."""

    def call(*words: object) -> tuple[int | str | None, str, str]:
        try:
            status: int | str | None = cli.main([str(w) for w in words])
        except SystemExit as stop:
            status = stop.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def write_table(path: Path, rows: int = 80) -> Path:
    """Numbers of two scales, whole numbers, and two columns of words."""
    random = np.random.default_rng(0)
    lines = ["height,income,children,town,bought"]
    for _ in range(rows):
        town, bought = random.choice(["Paris", "Rome", "New York"]), random.choice(["yes", "no"])
        lines.append(
            f"{random.normal(1.7, 0.1):.2f},{random.normal(3e4, 9e3):.0f},{random.integers(0, 30)},{town},{bought}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def points_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return zs.train("gan", "ring8:100", width=8, z_dim=2, out=tmp_path_factory.mktemp("runs"), **TINY)


@pytest.fixture(scope="session")
def pictures_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Of a game that can be told which class to draw."""
    return zs.train("cgan", "digits", limit=200, width=24, z_dim=4, out=tmp_path_factory.mktemp("runs"), **TINY)


@pytest.fixture(scope="session")
def table_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("table")
    source = write_table(folder / "people.csv")
    return zs.train("cgan", source, labels="bought", width=24, z_dim=4, out=folder / "runs", **TINY)


def checkpoint_bytes(run: Run | Path, number: int) -> bytes:
    """All tensors of a checkpoint, as they lie on the disk."""
    path = run.path if isinstance(run, Run) else run
    return (path / "checkpoints" / f"{number:06d}" / "tensors.safetensors").read_bytes()
