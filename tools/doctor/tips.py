"""The well-known tips ("ganhacks", 2016), each on and off in the same game with the same number of rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from zerosum.data.augment import InstanceNoise
from zerosum.engine import Engine
from zerosum.game import EMA, Game, Player
from zerosum.games.acgan import ACGAN
from zerosum.games.dcgan import DCGAN
from zerosum.games.gan import GAN
from zerosum.losses import fake, real
from zerosum.metrics import sliced_wasserstein
from zerosum.optim import SGD, Adam
from zerosum.penalties import added_r1

from .trials import digits, ring8

SEEDS = (400, 401, 402)


class Scaled(nn.Module):
    """A discriminator that sees pixels from 0 to 255."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner((x + 1) * 127.5)


class Pixels(DCGAN):
    """Pixels as they are stored."""

    def build(self, spec):
        super().build(spec)
        self.D = Scaled(self.D)


def replaced(module: nn.Module, old: type[nn.Module], new: Callable[[nn.Module], nn.Module]) -> None:
    for name, child in module.named_children():
        if isinstance(child, old):
            setattr(module, name, new(child))
        else:
            replaced(child, old, new)


class SparseD(DCGAN):
    """Rectifiers in D."""

    def build(self, spec):
        super().build(spec)
        replaced(self.D, nn.LeakyReLU, lambda m: nn.ReLU())


class Smooth(DCGAN):
    """One-sided label smoothing: data is real by 0.9."""

    def discriminate(self, batch):
        logits = self.D(batch.x)
        return {"real": 0.9 * real(logits) + 0.1 * fake(logits), "fake": fake(self.D(self.sample(batch.n)))}


class Flipped(DCGAN):
    """One label in twenty is turned round."""

    def discriminate(self, batch):
        x, y = self.D(batch.x), self.D(self.sample(batch.n))
        return {"real": 0.95 * real(x) + 0.05 * fake(x), "fake": 0.95 * fake(y) + 0.05 * real(y)}


class SlowD(DCGAN):
    """SGD for D, as the list has it."""

    def players(self) -> dict[str, Player]:
        return {**super().players(), "D": Player(self.D, SGD(lr=0.01, momentum=0.5))}


class TwoSpeeds(DCGAN):
    """D four times as fast."""

    def players(self) -> dict[str, Player]:
        return {**super().players(), "D": Player(self.D, Adam(4 * self.lr, betas=(self.beta1, 0.999)))}


class Averaged(DCGAN):
    """Samples come from an average of G."""

    def players(self) -> dict[str, Player]:
        players = super().players()
        return {**players, "G": Player(self.G, players["G"].optimizer, ema=EMA(5000.0, rampup=0.2))}


class DropoutG(DCGAN):
    """Dropout in G, kept when sampling."""

    def build(self, spec):
        super().build(spec)
        replaced(self.G, nn.ReLU, lambda m: nn.Sequential(nn.ReLU(), Always(0.5)))


class Always(nn.Module):
    """Dropout in evaluation, too."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.dropout(x, self.p, training=True)


class MixedBatch(DCGAN):
    """Real and fake pictures in one batch under batch norm."""

    def discriminate(self, batch):
        x, y = self.D(torch.cat([batch.x, self.sample(batch.n)])).chunk(2)
        return {"real": real(x), "fake": fake(y)}


@dataclass(frozen=True)
class Tip:
    """What the list says, and the two arms."""

    number: str
    says: str
    on: Callable[[], Game]
    off: Callable[[], Game]
    data: str = "digits"
    engine_on: Callable[[], dict[str, Any]] = dict
    engine_off: Callable[[], dict[str, Any]] = dict


def dcgan() -> Game:
    return DCGAN(width=16)


def gan() -> Game:
    return GAN(noise="gaussian")


TIPS = [
    Tip("1", "pixels in [-1, 1]", dcgan, lambda: Pixels(width=16)),
    Tip("2", "G descends -log D", gan, lambda: GAN(noise="gaussian", saturating=True), "ring8"),
    Tip("3", "z is normal, not uniform", gan, GAN, "ring8"),
    Tip("4", "batch norm", dcgan, lambda: DCGAN(width=16, norm=False)),
    Tip("4", "batches of data and fakes apart", dcgan, lambda: MixedBatch(width=16)),
    Tip("5", "no sparse gradients: LeakyReLU in D", dcgan, lambda: SparseD(width=16)),
    Tip("6", "one-sided smooth labels, 0.9", lambda: Smooth(width=16), dcgan),
    Tip("6", "one label in twenty turned round", lambda: Flipped(width=16), dcgan),
    Tip("9", "Adam, beta1 0.5, not 0.9", dcgan, lambda: DCGAN(width=16, beta1=0.9)),
    Tip("9", "SGD for D", lambda: SlowD(width=16), dcgan),
    Tip("12", "labels, by ACGAN", lambda: ACGAN(width=16), lambda: ACGAN(width=16, lam=0.0)),
    Tip("13", "noise on D's inputs, 0.2", dcgan, dcgan, engine_on=lambda: {"augment": InstanceNoise(0.2)}),
    Tip("14", "two moves of D to one of G", lambda: GAN(noise="gaussian", k=2), gan, "ring8"),
    Tip("17", "dropout in G, kept when sampling", lambda: DropoutG(width=16), dcgan),
    Tip("-", "R1, not on the list", gan, gan, "ring8", engine_on=lambda: {"added": lambda game: added_r1(game, 0.1)}),
    Tip("-", "D four times as fast (TTUR), not on the list", lambda: TwoSpeeds(width=16), dcgan),
    Tip("-", "average of G, not on the list", lambda: Averaged(width=16), dcgan),
]
DATA: dict[str, tuple[Callable[[], Any], int, int]] = {"digits": (digits(), 400, 64), "ring8": (ring8, 1000, 128)}


def play(make: Callable[[], Game], data: str, engine: dict[str, Any], seed: int) -> float:
    """Sliced Wasserstein distance of samples to held-out data, after the rounds."""
    opened, (_, rounds, batch) = DATA[data][0](), DATA[data]
    game = make()
    played = Engine(game, opened, batch=batch, seed=seed, **engine).play(rounds)
    held = opened.held_out.take(500, seed=0).x
    sample = played.sample(len(held), seed=1)
    return sliced_wasserstein(sample.flatten(1).nan_to_num(1e3), held.flatten(1), seed=0)


def key(row: dict[str, Any]) -> str:
    return row["says"]


def waiting() -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    """What makes each row, by its key."""
    return [(tip.says, partial(compared, tip)) for tip in TIPS]


def compared(tip: Tip) -> dict[str, Any]:
    """A tip's two arms, with all seeds."""
    began = time.perf_counter()
    arms = {"on": arm(tip.on, tip.engine_on, tip.data), "off": arm(tip.off, tip.engine_off, tip.data)}
    row = {"tip": tip.number, "says": tip.says, "data": tip.data, **arms, "seeds": list(SEEDS)}
    return {**row, "seconds": round(time.perf_counter() - began, 1)}


@cache
def arm(make: Callable[[], Game], engine: Callable[[], dict[str, Any]], data: str) -> list[float]:
    return [round(play(make, data, engine(), seed), 5) for seed in SEEDS]


def verdict(row: dict[str, Any]) -> str:
    if max(row["on"]) < min(row["off"]):
        return "**holds**"
    return "hurts" if min(row["on"]) > max(row["off"]) else "no difference seen"


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| no. | tip | data | with: median (seeds) | without | here |", "|---|---|---|---|---|---|"]
    for row in rows:
        arms = [f"{statistics.median(row[a]):.3g} ({', '.join(f'{v:.3g}' for v in row[a])})" for a in ("on", "off")]
        lines.append(f"| {row['tip']} | {row['says']} | {row['data']} | {' | '.join(arms)} | {verdict(row)} |")
    kinds = [verdict(row).strip("*") for row in rows]
    counts = ", ".join(f"{kinds.count(k)} {k}" for k in dict.fromkeys(kinds))
    sizes = "DCGAN of width 16 on 8x8 digits, 400 rounds of 64; GAN on ring8, 1000 rounds of 128"
    return "\n".join([f"{len(rows)} comparisons ({sizes}): {counts}.", "", *lines])
