"""A generator as ONNX gives, in onnxruntime, what it gives here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.core.test_features import TABLE, events, small, table
from zerosum.cli import main
from zerosum.data import open as open_data
from zerosum.data.featured import with_features
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.games.cgan import CGAN
from zerosum.portable import Portable, export
from zerosum.training import train

N = 300


def noise(graph: Portable) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    made = {k: torch.randn(N, *v.shape[1:]) for k, v in graph.inputs.items() if k != "y"}
    return made | ({"y": torch.arange(N) % 10} if "y" in graph.inputs else {})


def run(path: Path, given: dict[str, torch.Tensor]) -> np.ndarray:
    session = onnxruntime.InferenceSession(path)
    return np.asarray(session.run(None, {k.replace(".", "_"): v.numpy() for k, v in given.items()})[0])


def test_events_come_out_in_GeV_and_none_lies_beyond_the_beam(tmp_path: Path):
    data = with_features(events(), "cartesian", "px/py:isotropic")
    game = Engine(small("fatgan"), data, batch=32).play(1).game
    path = tmp_path / "made" / "fat.onnx"
    inputs = export(game, data.spec, path)
    assert inputs == {"prior": ["n", 6], "G_1_chance": ["n", 1]}
    graph = Portable(game, data.spec)
    given = noise(graph)
    got = run(path, given)
    with torch.no_grad():
        x = graph(*given.values())
    np.testing.assert_allclose(got, x.numpy(), rtol=1e-5, atol=1e-4)
    given["prior"] = given["prior"] * 1e4
    assert (run(path, given)[:, 2] < 50).all()
    kept = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert json.loads(kept["zerosum"])["columns"] == ["px", "py", "pz", "E"]


def test_what_the_graph_gives_is_what_sampling_gives():
    """Graph and `decode` are two ways from noise to units."""
    data = with_features(events(), "scattered")
    game = Engine(small("fatgan"), data, batch=32).play(1).game.eval()
    graph = Portable(game, data.spec)
    given = noise(graph)
    with torch.no_grad():
        rows = game.G(given["prior"])
        np.testing.assert_allclose(graph(*given.values()).numpy(), data.spec.x.decode(rows), rtol=1e-9)


def test_a_condition_is_an_input_and_pictures_come_out_as_pixels(tmp_path: Path):
    data = open_data("digits")
    game = Engine(CGAN(width=30, z_dim=5), data, batch=32).play(1).game
    path = tmp_path / "cgan.onnx"
    assert list(export(game, data.spec, path)) == ["prior", "y"]
    graph = Portable(game, data.spec)
    given = noise(graph)
    got = run(path, given)
    assert got.shape == (N, *data.spec.x.shape)
    with torch.no_grad():
        np.testing.assert_allclose(got, graph(*given.values()).numpy(), rtol=1e-4, atol=1e-3)
    assert got.min() >= data.spec.x.codec.low
    assert got.max() > data.spec.x.codec.low + 1


def test_what_cannot_be_exported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = open_data(table(), transform=TABLE)
    game = Engine(small("fatgan"), data, batch=32).play(1).game
    with pytest.raises(InputError, match="draws random numbers inside its generator"):
        export(game, data.spec, tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"ends in \.onnx, not"):
        export(game, data.spec, tmp_path / "a.pt")
    monkeypatch.setattr("zerosum.portable.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'zerosum\[onnx\]'"):
        export(game, data.spec, tmp_path / "a.onnx")


def test_the_command_line_exports_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    made = train("wgan_gp", "ring8", rounds=1, batch=16, width=4, out=tmp_path / "runs", quiet=True, track="none")
    assert main(["export", str(made.path), "--onnx", str(tmp_path / "ring.onnx")]) == 0
    assert "inputs   prior ['n', 128]" in capsys.readouterr().out
    assert main(["export", str(made.path), "--onnx", str(tmp_path / "ring.bin")]) == 2


def test_sample_in_bfloat16_makes_the_same_events_within_its_rounding(tmp_path: Path):
    train("fatgan", "ep:500", width=16, depth=2, z_dim=4, rounds=2, batch=32, out=tmp_path, quiet=True, doctor="off")
    path = next(tmp_path.iterdir())
    made = []
    for precision in ("fp32", "bf16"):
        out = tmp_path / f"{precision}.npz"
        assert main(["sample", str(path), "-n", "2000", "--precision", precision, "--out", str(out)]) == 0
        with np.load(out) as file:
            made.append(np.stack([file[k] for k in ("px", "py", "pz", "E")], 1))
    assert len(made[1]) == 2000
    assert not np.array_equal(*made)
    np.testing.assert_allclose(made[1], made[0], atol=0.5)
    assert (made[1][:, 2] < 50).all()


def test_bfloat16_is_for_perceptrons(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = train("dcgan", "digits", width=4, rounds=1, batch=8, out=tmp_path, quiet=True, doctor="off", track="none")
    assert main(["sample", str(run.path), "--precision", "bf16"]) == 2
    assert "precision bf16 is for perceptrons that make rows; DCGAN's generator is none" in capsys.readouterr().err
