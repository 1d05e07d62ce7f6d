"""The verbs of the latent space as users meet them."""

import re

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import zerosum as zs
from zerosum import anomaly, explore, latent
from zerosum.data import open as open_data

from .conftest import TINY, write_table


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """Of a game without classes that scores, trained on two digits."""
    return zs.train("gan", "digits", only="3,8", width=24, z_dim=4, out=tmp_path_factory.mktemp("runs"), **TINY)


def test_walks_and_sweeps_are_pictures(zerosum, here, pictures_run, points_run):
    assert zerosum("walk", pictures_run.path, "-n", 2, "--steps", 3, "--condition", 4, "--out", "w.gif")[0] == 0
    with Image.open(here / "w.gif") as moving:
        assert moving.n_frames > 1
    assert zerosum("walk", pictures_run.path, "--sweep", "-n", 2, "--condition", "1,2,3", "--out", "s.png")[0] == 0
    with Image.open(here / "s.png") as still:
        assert still.width > still.height, "two rows of three"
    status, out, _ = zerosum("walk", points_run.path, "-n", 2, "--steps", 3)
    assert status == 0
    assert out.strip().endswith("walk.png")


def test_mix_edit_and_invert(zerosum, here, pictures_run, digits_run):
    assert zerosum("mix", digits_run.path, "[0,1,2] - [3] + 4", "--out", "m.png")[0] == 0
    for direction in ("sefa:1", "pca:0", "3"):
        status, _, err = zerosum("edit", digits_run.path, "--direction", direction, "-n", 2, "--out", "e.png")
        assert status == 0 or "directions need both" in err, err
    Image.fromarray(np.full((20, 30, 3), 200, np.uint8)).save(here / "mine.png")
    words = ("invert", pictures_run.path, "mine.png", "--steps", 3, "--restarts", 1)
    status, _, err = zerosum(*words, "--condition", 3, "--out", "i.npz")
    assert status == 0
    assert "mine.png: 20x30 pixels, scaled to 8x8" in err
    assert "mine.png: RGB read as L" in err
    assert np.load(here / "i.npz", allow_pickle=False)["z"].shape == (1, 4)
    status, _, err = zerosum("edit", pictures_run.path, "mine.png", "--condition", "3; 5", "--out", "e.png")
    assert status == 0, err


def test_strokes_on_a_transparent_ground_are_what_is_painted(zerosum, here, pictures_run, digits_run, points_run):
    ground = np.zeros((8, 8, 4), np.uint8)
    Image.fromarray(ground).save(here / "none.png")
    ground[:, 3:5] = 255
    Image.fromarray(ground).save(here / "bar.png")
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(here / "all.png")
    colours, brush = explore.strokes(here / "bar.png", digits_run.spec.x)
    assert (brush[0, :, 3:5] == 1).all()
    assert brush.sum() == 16
    assert (colours[0, :, 3:5] == 1).all()
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(here / "mine.png")
    for run, given in ((digits_run, ()), (pictures_run, ("mine.png",))):
        status, _, err = zerosum("edit", run.path, *given, "--paint", "bar.png", "-n", 3, "--out", "p.png")
        assert status == 0, err
    for run, name, said in (
        (digits_run, "none.png", "no stroke: it is all transparent"),
        (digits_run, "all.png", "no transparent pixel"),
        (digits_run, "nowhere.png", "there is no file 'nowhere.png'"),
        (points_run, "bar.png", "this run makes rows of numbers, on which nothing can be painted"),
    ):
        status, _, err = zerosum("edit", run.path, "--paint", name)
        assert (status, said in err) == (2, True), err


def test_rows_of_a_table_are_inverted_and_edited(zerosum, here, table_run):
    given = pl.read_csv(write_table(here / "mine.csv", 3)).drop("bought")
    status, _, err = zerosum("edit", table_run.path, "mine.csv", "--condition", "yes; no", "--out", "e.csv")
    assert status == 0, err
    made = pl.read_csv(here / "e.csv")
    assert made.columns == given.columns
    assert made[::3].equals(given), "each row before what is made of it, in the user's units"
    assert len(made) == 9
    words = ("invert", table_run.path, "mine.csv", "--steps", 3, "--restarts", 1, "--condition", "no", "--out", "i.npz")
    assert zerosum(*words)[0] == 0
    assert np.load(here / "i.npz", allow_pickle=False)["x"]["town"][0] in ("Paris", "Rome", "New York")
    given.with_columns(town=pl.lit("Roma")).write_csv(here / "odd.csv")
    given.drop("income").write_csv(here / "short.csv")
    for name, message in (("odd", "'town' was never 'Roma' .* did you mean 'Rome'"), ("short", "no column 'income'")):
        status, _, err = zerosum("invert", table_run.path, f"{name}.csv")
        assert status == 2
        assert re.search(message, err), err


def test_latents_of_a_mix_are_those_of_the_samples(digits_run):
    z = latent.latents(digits_run.game, 10, seed=2)
    torch.testing.assert_close(latent.render(digits_run.game, z), digits_run.draw(10, seed=2))
    found = explore.term_latents(digits_run.game, digits_run.spec, "7, 2", seed=2)
    torch.testing.assert_close(found, z[[7, 2]])


def test_scores_and_their_auc_against_classes_left_out(zerosum, here, digits_run):
    status, out, _ = zerosum("score", digits_run.path, "--limit", 100)
    assert status == 0
    frame = pl.read_csv(here / "scores.csv")
    assert frame.columns == ["class", "gan", "principal components", "autoencoder"]
    assert len(frame) == 100
    found = re.search(r"principal components +([01]\.\d+) .*0 [01]\.\d+", out)
    assert found
    assert float(found[1]) > 0.8, "threes and eights have components of their own"


def test_rows_of_another_table_are_scored_in_the_units_of_the_run(zerosum, here):
    own = pl.read_csv(write_table(here / "people.csv")).drop("bought")
    own.write_csv(here / "own.csv")
    run = zs.train("gan", here / "own.csv", width=8, z_dim=2, out=here / "runs", **TINY)
    for name, by in (("same", 0.0), ("giants", 1.0)):
        own.with_columns(height=pl.col("height") + by).write_csv(here / f"{name}.csv")
        assert zerosum("score", run.path, f"{name}.csv", "--out", f"{name}-scores.csv")[0] == 0
    found = [pl.read_csv(here / f"{name}-scores.csv")["autoencoder"].mean() for name in ("same", "giants")]
    assert found[1] > 10 * found[0], "ten standard deviations taller; by their own mean they would be like the others"


def test_baselines_find_what_is_strange():
    data = open_data("digits", only="0")
    x = open_data("digits").take(500)
    for score in (anomaly.principal_components(data.all()), anomaly.autoencoder(data.all(), steps=300)):
        assert anomaly.auc(score(x.x), x.y != 0) > 0.9
    with pytest.raises(zs.InputError, match=r"no class '00'; did you mean '0'\?"):
        open_data("digits", only="00")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("score {pictures}", r"CGAN cannot score; games that can: .*gan"),
        ("walk {digits} --condition 3", "GAN cannot be told what to draw"),
        ("walk {digits} --sweep", "GAN cannot be told what to draw"),
        ("walk {digits} --n 1", "-n must be 2 or more, not 1"),
        ("walk {digits} --out a.avi", r"cannot write this as '.avi'; --out takes .png, .gif, .apng, .webp, .mp4"),
        ("mix {digits} [1,x]", "there is no file 'x'|there is no file '1'"),
        ("mix {digits} -1", "must be like"),
        ("edit {digits}", "edit along --direction .* one of three"),
        ("edit {digits} --direction sevn", "no direction 'sevn'.* sefa:0, pca:0, or: 0, 1"),
        ("edit {digits} --direction sefa:9", "sefa finds 4 directions here"),
        ("edit {digits} nowhere.png --direction sefa:0", "there is no file 'nowhere.png'"),
        ("invert {points} a.png", "this run makes rows of numbers, not pictures"),
    ],
)
def test_mistakes(zerosum, words, message, pictures_run, points_run, digits_run):
    told = words.format(pictures=pictures_run.path, points=points_run.path, digits=digits_run.path)
    status, _, err = zerosum(*told.split())
    assert status == 2
    assert re.search(message, err), err
