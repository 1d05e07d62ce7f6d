"""Small runs, healthy ones at settings like those of the claims and ones broken on purpose."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

import zerosum as zs
from zerosum.games.dcgan import DCGAN
from zerosum.games.gan import GAN
from zerosum.games.infogan import InfoGAN
from zerosum.nets import Discriminator


@dataclass(frozen=True)
class Trial:
    """One run, and what must be said of it: any of `expects`, nothing for a healthy one."""

    name: str
    game: str | Callable[[], zs.Game]
    data: Callable[[], Any]
    options: dict[str, Any] = field(default_factory=dict)
    expects: tuple[str, ...] = ()

    def play(self, seed: int, out: Path, **settings: Any) -> zs.Run:
        common = dict(seed=seed, out=out, track="none", quiet=True, device="cpu", threads=1, keep=1)
        if isinstance(self.game, str):
            return zs.train(self.game, self.data(), **{**common, **self.options, **settings})
        return zs.train(self.game(), self.data(), **{**common, **self.options, **settings})


def digits(**options: Any) -> Callable[[], Any]:
    return lambda: zs.data("digits", **{"holdout": 0.28, **options})


def ring8() -> Any:
    return zs.data("ring8")


def pairs(task: str) -> Callable[[], Any]:
    return lambda: zs.data(f"{task}:digits")


def domains(task: str) -> Callable[[], Any]:
    return lambda: zs.data(f"{task}:digits", unpaired=True) if task else zs.data("moons,circles")


def portraits() -> Any:
    """400 digits, each upright and lying on either side: who it is, and how it lies. Through a folder with a table,
    which is how such data comes."""
    data, folder = zs.data("digits"), Path(tempfile.mkdtemp())
    lines = ["file,identity,age"]
    for i, x in enumerate(data.spec.x.decode(data.all())[:400]):
        for turns, age in enumerate(("young", "middle", "old")):
            name = f"{i:03d}-{turns}.png"
            Image.fromarray((15 * np.rot90(x, turns)).astype(np.uint8)).save(folder / name)
            lines.append(f"{name},{i},{age}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return zs.data(folder)


class Dead(GAN):
    """G's hidden units begin far below zero."""

    def build(self, spec):
        super().build(spec)
        with torch.no_grad():
            for m in self.G.modules():
                if isinstance(m, nn.Linear):
                    m.bias.sub_(4.0 * (m.out_features > spec.x.size))


class Stuck(DCGAN):
    """G's last layer begins so large that tanh is at its ends."""

    def build(self, spec):
        super().build(spec)
        with torch.no_grad():
            last = [m for m in self.G.modules() if isinstance(m, nn.ConvTranspose2d)][-1]
            last.weight.mul_(200)
            assert last.bias is not None
            last.bias.add_(30)


class Sigmoid(GAN):
    """D ends in a sigmoid, which its losses apply once more."""

    def build(self, spec):
        super().build(spec)
        head: Any = self.D.head
        self.D.head = nn.Sequential(head, nn.Sigmoid())


class Sparse(GAN):
    """D is made of rectifiers."""

    def build(self, spec):
        super().build(spec)
        units = 64
        layers = [nn.Flatten(), nn.Linear(spec.x.size, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU()]
        self.D = Discriminator(nn.Sequential(*layers), units)


def shuffled() -> Any:
    data = zs.data("digits")
    x, y = data.spec.x.decode(data.all()), data.all("y").numpy()
    return zs.data((x, np.random.default_rng(0).permutation(y)))


def copied() -> Any:
    data = zs.data("digits")
    x = data.spec.x.decode(data.all())
    return zs.data(x[np.random.default_rng(0).integers(0, 500, len(x))])


def blank() -> Any:
    data = zs.data("digits")
    x = data.spec.x.decode(data.all()).copy()
    x[::10] = 0
    return zs.data(x)


def dim() -> Any:
    """Pictures in a tenth of their range, but for one pixel of one picture."""
    data = zs.data("digits")
    x = (data.spec.x.decode(data.all()) * 1.5 + 100).astype(np.uint8)
    x[0, 0, 0] = 255
    return zs.data(x)


D8 = digits()
HEALTHY = [
    Trial("gan on digits", "gan", D8, dict(rounds=1000, batch=100)),
    Trial("gan on ring8", "gan", ring8, dict(rounds=1000, batch=128, noise="gaussian")),
    Trial("dcgan on digits", "dcgan", D8, dict(rounds=400, width=16)),
    Trial("lsgan on digits", "lsgan", D8, dict(rounds=400, width=16)),
    Trial("wgan on ring8", "wgan", ring8, dict(rounds=200, warm_up=2, lr=1e-3, width=16)),
    Trial("wgan_gp on ring8", "wgan_gp", ring8, dict(rounds=300, batch=128, lr=3e-4)),
    Trial("sngan on digits", "sngan", D8, dict(rounds=300, width=16, n_dis=2)),
    Trial("cgan on digits", "cgan", D8, dict(rounds=1000, lr=1e-3)),
    Trial("acgan on digits", "acgan", D8, dict(rounds=400, width=16)),
    Trial("infogan on digits", "infogan", D8, dict(rounds=400, width=16)),
    Trial(
        "r3gan on ring8", "r3gan", ring8,
        dict(rounds=800, batch=128, gamma=(0.2, 0.02), lr=(1e-3, 1e-4), decay=1e5),
    ),
    *(Trial(f"{game} on digits", game, D8, dict(rounds=400, width=16))
      for game in ("bigan", "ali", "anogan", "fanogan", "icgan", "gancls", "ganint")),
    *(Trial(f"{game} on digits and their negatives", game, domains("inverted"), dict(rounds=300, width=16))
      for game in ("cogan", "cyclegan", "dualgan", "dtn")),
    Trial("discogan on two moons and a circle", "discogan", domains(""), dict(rounds=400)),
    Trial("genegan on digits with holes", "genegan", domains("holes"), dict(rounds=300, width=16)),
    Trial("pix2pix on edges of digits", "pix2pix", pairs("edges"), dict(rounds=300, width=16)),
    Trial("srgan on digits", "srgan", pairs("lowres2"), dict(rounds=300, width=16)),
    Trial("idcgan on digits in the rain", "idcgan", pairs("rain"), dict(rounds=300, width=16)),
    *(Trial(f"{game} on events", game, lambda: zs.data("ep"), dict(rounds=200, width=32, batch=250))
      for game in ("fatgan", "dsgan")),
    Trial("cfatgan on events of two energies", "cfatgan", lambda: zs.data("pythia:dis?beam=20,50&n=20000"),
          dict(rounds=200, width=32, batch=250)),
    Trial("agecgan on digits lying three ways", "agecgan", portraits, dict(rounds=400, width=16)),
]  # fmt: skip
still: dict[str, Any] = dict(width=16, z_dim=16, categories=2, continuous=0, lam=0.0)
BROKEN = [
    Trial("D far ahead of G", lambda: InfoGAN(**still, lr_d=1e-3, lr_g=1e-6), D8, dict(rounds=150),
          ("perfect discriminator", "learning rates unequal")),
    Trial("G far ahead of D", lambda: InfoGAN(**still, lr_d=1e-6, lr_g=1e-3), D8, dict(rounds=150),
          ("generator too strong", "mode collapse", "learning rates unequal")),
    Trial("small saturating GAN", "gan", D8, dict(rounds=200, saturating=True, k=10, dropout=0.0, lr=2e-3),
          ("vanishing gradient",)),
    Trial("steps too long for a ring", "gan", ring8, dict(rounds=600, lr=5e-4),
          ("mode collapse", "partial mode collapse", "oscillation")),
    Trial("critic without a bound", "wgan_gp", ring8, dict(rounds=150, lam=0.0, lr=1e-2, width=16), ("divergence",)),
    Trial("steps without measure", "gan", ring8, dict(rounds=200, lr=1e20), ("not a number",)),
    Trial("steps of a tenth", "gan", D8, dict(rounds=200, lr=0.3), ("learning rate too high",)),
    Trial("forty digits", "wgan_gp", digits(limit=80, holdout=0.5), dict(rounds=250, width=16, lr=1e-3, lam=1.0),
          ("discriminator overfits",)),
    Trial("twelve digits", "gan", digits(limit=24, holdout=0.5), dict(rounds=1500, batch=12, dropout=0.0),
          ("discriminator overfits", "memorisation")),
    Trial("units born dead", lambda: Dead(width=100), D8, dict(rounds=200, lr_scale=0.1), ("dead units",)),
    Trial("tanh at its ends", lambda: Stuck(width=16), D8, dict(rounds=150), ("saturated colours",)),
    Trial("batches of four under batch norm", "dcgan", D8, dict(rounds=200, width=8, batch=4),
          ("batch too small for batch norm",)),
    Trial("sigmoid before a logit loss", Sigmoid, D8, dict(rounds=100), ("sigmoid before a logit loss",)),
    Trial("labels shuffled", "cgan", shuffled, dict(rounds=100), ("labels say nothing",)),
    Trial("copies in the data", "gan", copied, dict(rounds=100), ("duplicates",)),
    Trial("blank pictures", "gan", blank, dict(rounds=100), ("blank pictures",)),
    Trial("a tenth of the range", "gan", dim, dict(rounds=100), ("range of values",)),
]  # fmt: skip
