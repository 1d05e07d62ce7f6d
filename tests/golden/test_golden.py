"""Runs of every released version load, sample and go on; and games give the numbers that they gave.

`python -m tests.golden.test_golden` writes traces.json anew; runs in 0.1.0/ and after are never written again.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import zerosum as zs
from zerosum import games
from zerosum.engine import Engine

HERE = Path(__file__).parent
VERSIONS = sorted(p.name for p in HERE.iterdir() if (p / "run" / "config.yaml").is_file())
TRACES = HERE / "traces.json"
PLAYED = {  # game: data and hyperparameters; every one of them reads at rounds 10, 20, ..., 50
    "gan": ("ring8:200", {"width": 8, "z_dim": 2}),
    "wgan_gp": ("ring8:200", {"width": 8, "z_dim": 2}),
    "r3gan": ("ring8:200", {"width": 8, "z_dim": 2}),
    "cgan": ("digits", {"width": 24, "z_dim": 4}),
    "dcgan": ("digits", {"width": 4, "z_dim": 4}),
}


def bits() -> dict[str, str]:
    """What the last digits depend on."""
    return {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability(), "threads": "1"}


def trace(game: str) -> list[dict[str, float]]:
    source, options = PLAYED[game]
    engine = Engine(games.find(game)(**options), zs.data(source), batch=16, seed=7)
    return [engine.play(k).read() for k in range(10, 60, 10)]


def test_there_is_a_run_of_a_version():
    assert "0.1.0" in VERSIONS
    assert sum(p.stat().st_size for p in (HERE / "0.1.0").rglob("*") if p.is_file()) < 100_000


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_of_that_version_samples_and_goes_on(version: str, tmp_path: Path):
    run = zs.load(shutil.copytree(HERE / version / "run", tmp_path / "00000-lsgan-ring8-100"))
    known = json.loads((HERE / version / "known.json").read_text())
    np.testing.assert_allclose(run.sample(4, seed=1), np.array(known["samples"]), atol=1e-4)
    zs.resume(run, 8, quiet=True)
    assert run.rounds == 8
    for row, wanted in zip(run.stats(), known["stats"], strict=True):
        assert {k: row[k] for k in wanted} == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("game", PLAYED)
def test_terms_are_those_that_they_were(game: str):
    """To the bit with the torch and the kind of CPU that wrote them, else nearly."""
    saved: dict[str, Any] = json.loads(TRACES.read_text())
    here, wanted = trace(game), saved["terms"][game]
    assert [set(row) for row in here] == [set(row) for row in wanted]
    if saved["bits"] == bits():
        assert here == wanted
    else:
        for a, b in zip(here, wanted, strict=True):
            assert a == pytest.approx(b, rel=2e-2, abs=2e-3)


def write() -> None:
    torch.set_num_threads(1)
    TRACES.write_text(json.dumps({"bits": bits(), "terms": {game: trace(game) for game in PLAYED}}, indent=1) + "\n")
    target = HERE / "0.1.0"
    if not target.exists():
        options: dict[str, Any] = dict(batch=8, save_every=4, log_every=1, track="none", quiet=True, doctor="off")
        made = zs.train("lsgan", "ring8:100", width=4, z_dim=2, rounds=4, out=target / "made", **options)
        whole = zs.train("lsgan", "ring8:100", width=4, z_dim=2, rounds=8, out=target / "whole", **options)
        known = {
            "samples": made.sample(4, seed=1).tolist(),
            "stats": [{k: v for k, v in row.items() if k not in ("seconds", "score")} for row in whole.stats()],
        }
        (target / "known.json").write_text(json.dumps(known, indent=1) + "\n")
        shutil.rmtree(made.samples)
        made.samples.mkdir()
        (made.samples / "reals.png").touch()
        (made.path / ".lock").unlink()
        made.path.rename(target / "run")
        shutil.rmtree(target / "made")
        shutil.rmtree(target / "whole")


if __name__ == "__main__":
    write()
