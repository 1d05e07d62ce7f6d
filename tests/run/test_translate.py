"""Runs on pairs: what the command line makes of them."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
import yaml
from PIL import Image
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

import zerosum as zs
from tests.run.conftest import TINY
from zerosum.data.wavs import read_wav, write_wav
from zerosum.metrics import psnr, ssim
from zerosum.runs import Run
from zerosum.translation import tiled


@pytest.fixture(scope="module")
def pairs_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    x = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8)
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "p").mkdir()
    for i, one in enumerate(x):
        Image.fromarray(one).save(folder / "p" / f"{i}.png")
    return zs.train("pix2pix", f"inverted:{folder / 'p'}", width=4, out=folder / "runs", **TINY)


def save(path: Path, *shape: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, shape, np.uint8)).save(path)


def looked_at(path: Path) -> tuple[tuple[int, int], str, np.ndarray]:
    """Size, mode and pixels."""
    with Image.open(path) as picture:
        return picture.size, picture.mode, np.asarray(picture)


def test_a_folder_keeps_its_names_and_sizes(zerosum, pairs_run: Run, here: Path):
    save(here / "in" / "a.jpg", 30, 20, 3)
    save(here / "in" / "deep" / "b.png", 17, 40, 4)
    save(here / "in" / "c.gif", 25, 9)
    status, said, errors = zerosum("translate", pairs_run.path, "in", "--out", "out")
    assert status == 0, errors
    assert [Path(line) for line in said.splitlines()] == [Path("out/a.jpg"), Path("out/c.png"), Path("out/deep/b.png")]
    found = {p.name: looked_at(p)[:2] for p in (here / "out").rglob("*.*")}
    assert found == {"a.jpg": ((20, 30), "RGB"), "c.png": ((9, 25), "RGB"), "b.png": ((40, 17), "RGBA")}
    alpha = [looked_at(p / "deep" / "b.png")[2][..., 3] for p in (here / "in", here / "out")]
    assert np.array_equal(*alpha), "transparency stays"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tiny.png"], "tiny.png: 3x9 pixels are too few"),
        (["bad.png"], "bad.png: not a picture"),
        (["nowhere.png"], "there is no file or folder 'nowhere.png'"),
        (["good.png", "--direction", "b2a"], "goes a2b only"),
        (["good.png", "--out", "x.txt"], "cannot write a picture as 'x.txt'"),
        (["good.png", "--tile", "2"], "tile is a number of pixels"),
        (["empty"], "has no pictures"),
        (["twins"], "would both be written"),
    ],
)
def test_what_is_wrong_is_said(zerosum, pairs_run: Run, here: Path, words: list[str], said: str):
    save(here / "good.png", 20, 20, 3)
    save(here / "tiny.png", 3, 9, 3)
    (here / "bad.png").write_bytes(b"no picture")
    (here / "empty").mkdir()
    save(here / "twins" / "a.gif", 20, 20)
    save(here / "twins" / "a.png", 20, 20)
    status, _, errors = zerosum("translate", pairs_run.path, *words)
    assert status == 2
    assert said in errors


def test_rows_of_a_table_become_rows_of_the_other(zerosum, here: Path):
    rows = np.random.default_rng(0).normal(5, 2, (40, 5))
    frame = pl.DataFrame(rows, schema=["x", "y", "u", "v", "w"])
    frame.select("x", "y").write_csv(here / "a.csv")
    frame.select("u", "v", "w").write_csv(here / "b.csv")
    assert zerosum("train", "cyclegan", "a.csv,b.csv", "--rounds", 2, "--width", 4)[0] == 0
    frame.select("w", "y", "x").head(7).write_csv(here / "new.csv")
    status, said, errors = zerosum("translate", "latest", "new.csv", "--out", "out.csv")
    assert (status, said) == (0, "out.csv\n"), errors
    found = pl.read_csv(here / "out.csv")
    assert (found.columns, found.height) == (["u", "v", "w"], 7)
    run = zs.runs.find("latest")
    a, b = (run.spec.fields[name] for name in "ab")
    mean, std = (np.array([getattr(c, k) for c in a.codec.columns]) for k in ("mean", "std"))
    x = torch.tensor((rows[:7, :2] - mean) / std, dtype=torch.float32)
    wanted = pl.DataFrame(b.decode(run.translate(x)))
    assert np.allclose(found.to_numpy(), wanted.to_numpy())
    status, _, errors = zerosum("translate", "latest", "b.csv")
    assert status == 2
    assert "data 'b.csv' has no column 'x'" in errors


@pytest.mark.parametrize("game", ["cyclegan", "dualgan"])
def test_pictures_smaller_than_the_networks_take_are_refused_before_training(zerosum, here: Path, game: str):
    for name in ("one/a.png", "one/b.png", "other/a.png", "other/b.png"):
        save(here / name, 4, 9, 3)
    status, _, errors = zerosum("train", game, "one,other", "--holdout", 0)
    assert (status, errors.splitlines()[-1]) == (
        2,
        f"zerosum: data '{here}/one,{here}/other': "
        "a PatchGAN needs pictures of 6 pixels or more each way; these have 4. Give a --size",
    )


def test_a_folder_may_leave_out_what_is_too_small(zerosum, pairs_run: Run, here: Path):
    save(here / "in" / "good.png", 9, 12, 3)
    save(here / "in" / "tiny.png", 3, 9, 3)
    status, said, _ = zerosum("translate", pairs_run.path, "in", "--out", "out", "--bad-files", "skip")
    assert status == 0
    assert "tiny.png left out: in/tiny.png: 3x9 pixels are too few; this run needs 8 or more each way" in said
    assert [p.name for p in (here / "out").iterdir()] == ["good.png"]


@pytest.mark.parametrize(
    ("source", "options", "game"),
    [
        ("edges:digits", [], "pix2pix"),
        ("edges:digits", ["--unpaired"], "cyclegan"),
        ("digits,inverted:digits", [], "cyclegan"),
        ("moons:100,circles:100", [], "cyclegan"),
        ("lowres2:digits", [], "srgan"),
        ("digits", [], "r3gan"),
    ],
)
def test_auto_chooses_by_what_the_data_holds(zerosum, source: str, options: list[str], game: str):
    status, out, errors = zerosum("train", "auto", source, *options, "--dry-run", "--rounds", 40, "--width", 8)
    assert status == 0, errors
    assert f"zerosum: auto plays {game} with " in errors
    plan = yaml.safe_load(out)
    assert (plan["game"], plan["settings"]["rounds"], plan["hyperparameters"]["width"]) == (game, 40, 8)
    assert plan["hyperparameters"].get("decay", [20, 40]) in ([20, 40], 40 * 64.0), "over the rounds of this run"


def test_auto_takes_options_of_the_game_that_it_chooses(zerosum):
    status, out, errors = zerosum("train", "auto", "edges:digits", "--dry-run", "--width", 8, "--patch", 16)
    assert (status, yaml.safe_load(out)["hyperparameters"]["patch"]) == (0, 16), errors
    status, _, errors = zerosum("train", "auto", "edges:digits", "--dry-run", "--gamma", 1, 2)
    assert status == 2
    assert "no option --gamma" in errors


@pytest.mark.parametrize("game", ["cyclegan", "discogan", "dualgan"])
def test_games_of_two_ways_go_both_are_measured_and_shown(zerosum, here: Path, game: str):
    save(here / "large.png", 30, 21, 3)
    words = ["train", game, "inverted:digits", "--unpaired", "--limit", 150, "--holdout", 0.3, "--rounds", 3]
    assert zerosum(*words, "--width", 4, "--batch", 8, "--quiet")[0] == 0
    for way in ("a2b", "b2a"):
        status, said, errors = zerosum("translate", 0, "large.png", "--direction", way, "--out", f"{way}.png")
        assert (status, said) == (0, f"{way}.png\n"), errors
        assert looked_at(here / f"{way}.png")[0] == (21, 30)
    status, said, errors = zerosum("evaluate", 0, "-n", 30, "--repeats", 1)
    assert status == 0, errors
    assert all(f"{way}: PSNR to the truth" in said for way in ("a to b", "b to a"))
    page = (here / "runs" / f"00000-{game}-inverted-digits" / "report.html").read_text()
    assert "Held-out examples, translated; and back" in page
    assert "b to a: PSNR to the truth" in page


def test_joint_draws_are_measured_domain_by_domain(zerosum, here: Path):
    words = ["cogan", "inverted:digits", "--unpaired", "--holdout", 0.3, "--rounds", 2, "--width", 4, "--quiet"]
    assert zerosum("train", *words)[0] == 0
    status, said, errors = zerosum("evaluate", 0, "-n", 30, "--repeats", 2, "--json", "cards.json")
    assert status == 0, errors
    cards = json.loads((here / "cards.json").read_text())
    own = {name: {c["name"].removeprefix(f"{name}: ") for c in cards if c["name"][:3] == f"{name}: "} for name in "ab"}
    assert len(cards) == len(own["a"]) + len(own["b"])
    assert own["a"] - own["b"] == {"class score", "class shares, distance"}, "a has labels"
    assert "Frechet distance" in own["b"]
    assert own["b"] < own["a"]
    assert "b: Frechet distance" in said
    assert all(c["floor"] is not None for c in cards if "Frechet" in c["name"])
    page = (here / "runs" / "00000-cogan-inverted-digits" / "report.html").read_text()
    assert "b: Frechet distance" in page


def test_it_is_no_sampler_and_says_so(zerosum, pairs_run: Run):
    status, _, errors = zerosum("sample", pairs_run.path)
    assert status == 2
    assert "it translates: zerosum translate RUN PICTURE" in errors


def test_its_report_shows_translations(pairs_run: Run):
    from zerosum.report import write

    page = write(pairs_run).read_text()
    assert "Held-out examples, translated" in page
    assert "zerosum translate" in page


def test_tiles_fade_into_the_whole():
    x = torch.rand(1, 2, 50, 70)
    torch.testing.assert_close(tiled(lambda v: v, x, 16, 4), x)
    twice = tiled(lambda v: F.interpolate(v, scale_factor=2), x, 20, 6)
    torch.testing.assert_close(twice, F.interpolate(x, scale_factor=2))


def test_psnr_and_ssim_are_those_of_torchmetrics():
    torch.manual_seed(0)
    x = torch.rand(4, 3, 24, 32) * 2 - 1
    y = (x + 0.3 * torch.randn_like(x)).clamp(-1, 1)
    theirs = [peak_signal_noise_ratio(a[None], b[None], data_range=2.0) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(psnr(x, y).float(), torch.stack(theirs), rtol=1e-5, atol=1e-5)
    theirs = structural_similarity_index_measure(x, y, data_range=2.0, reduction="none")
    torch.testing.assert_close(ssim(x, y).float(), theirs, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def sound_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("sounds")
    for name, by in (("low", 200), ("high", 900)):
        for i in range(4):
            t = torch.arange(8000) / 8000
            write_wav(folder / name / f"{i}.wav", 0.3 * torch.sin(2 * torch.pi * (by + 30 * i) * t), 8000)
    options = {"width": 4, "blocks": 1, "size": "32x16", "out": folder / "runs"}
    return zs.train("cyclegan", f"{folder}/low,{folder}/high", **options, **TINY)


def test_sound_goes_in_and_sound_comes_out(zerosum, sound_run: Run, here: Path):
    for name, n in (("in/a.wav", 12_345), ("in/deep/b.wav", 300)):
        write_wav(here / name, 0.3 * torch.sin(torch.arange(n) * 0.2), 8000)
    status, _, errors = zerosum("translate", sound_run.path, "in", "--out", "out", "--direction", "b2a")
    assert status == 0, errors
    with (here / "out" / "a.wav").open("rb") as a, (here / "out" / "deep" / "b.wav").open("rb") as b:
        first, second = read_wav(a), read_wav(b)
    assert (len(first.wave), len(second.wave), first.rate) == (12_345, 300, 8000), "as long as it was"
    assert first.wave.abs().max() > 0
    status, said, errors = zerosum("translate", sound_run.path, "in/a.wav")
    assert status == 0, errors
    assert said.strip().endswith("translated/a.wav")


def test_auto_keeps_what_is_sung_and_leaves_pictures_free(zerosum, sound_run: Run):
    for source, identity in ((sound_run.config["data"]["source"], 0.5), ("digits,inverted:digits", 0.0)):
        status, out, errors = zerosum("train", "auto", source, "--dry-run")
        assert (status, yaml.safe_load(out)["hyperparameters"]["identity"]) == (0, identity), errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fast.wav"], "fast.wav: 16,000 samples a second; this run hears 8,000"),
        (["bad.wav"], "bad.wav: no wav file of PCM"),
        (["good.wav", "--out", "x.png"], "cannot write sound as 'x.png'"),
        (["good.wav", "--size", "64"], "recordings keep their length"),
        (["empty"], "has no wav files"),
    ],
)
def test_what_is_wrong_with_sound_is_said(zerosum, sound_run: Run, here: Path, words: list[str], said: str):
    write_wav(here / "good.wav", torch.zeros(9000), 8000)
    write_wav(here / "fast.wav", torch.zeros(9000), 16000)
    (here / "bad.wav").write_bytes(b"no sound")
    (here / "empty").mkdir()
    status, _, errors = zerosum("translate", sound_run.path, *words)
    assert status == 2
    assert said in errors


def test_the_report_of_sound_shows_spectrograms(sound_run: Run):
    from zerosum.report import write

    assert "Held-out examples, translated" in write(sound_run).read_text()
