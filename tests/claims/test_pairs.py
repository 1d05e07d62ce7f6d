"""How translations are held against their truths."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.claims._pairs import restored
from zerosum.data import open
from zerosum.engine import Engine
from zerosum.games.pix2pix import Pix2Pix
from zerosum.games.srgan import SRGAN
from zerosum.metrics.translations import likenesses


class Blurred(Pix2Pix):
    """Its translation is the input, blurred."""

    def translate(self, a: Tensor) -> Tensor:
        return F.avg_pool2d(a, 3, 1, 1)


class Same(Pix2Pix):
    """Its translation is the input."""

    def translate(self, a: Tensor) -> Tensor:
        return a


def test_the_truth_is_the_truth_and_a_blur_is_less_sharp():
    x = np.random.default_rng(0).integers(0, 256, (80, 8, 8), np.uint8)
    data = open({"a": x, "b": x}, holdout=0.5)
    same, blurred = (restored(Engine(game(width=2), data, batch=4), 0, look=False) for game in (Same, Blurred))
    assert (same["L1"], same["sharpness"], same["gain"]) == (0, 1, 0)
    assert blurred["L1"] > 0.1
    assert blurred["sharpness"] < 0.5
    assert blurred["gain"] == pytest.approx(blurred["PSNR"] - blurred["PSNR of a"])
    assert blurred["gain"] < 0


def test_pictures_that_are_enlarged_are_held_against_bicubic():
    data = open("lowres4:digits")
    found = restored(Engine(SRGAN(width=2, blocks=1), data, batch=4), 0, look=False)
    batch = data.held_out.take(1000, seed=0)
    ours = F.interpolate(batch.a, (8, 8), mode="bicubic", align_corners=False).clamp(-1, 1)
    errors = (ours - batch.b).double().square().flatten(1).mean(1)
    assert found["PSNR of a"] == pytest.approx(float((10 * torch.log10(4 / errors)).mean()))


def test_the_perceptual_distance_says_that_it_is_not_lpips():
    from zerosum.metrics import from_module

    found = {m.name: m for m in likenesses(from_module(torch.nn.Flatten(), "pixels"))}
    assert "in the place of LPIPS, whose weights are not at hand" in found["perceptual distance"].note
