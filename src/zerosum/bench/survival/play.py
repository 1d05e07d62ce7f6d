"""Numbers that are none, examples that must not be lost, and bits that must repeat."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import training
from ...data import open as open_data
from ...engine import Engine
from ...games.gan import GAN
from ...games.wgan_gp import WGANGP
from ...guard import Guard, NonFinite

Figures = dict[str, Any]


def nan(folder: Path, n: int = 100) -> Figures:
    """A NaN or infinity put into the batch, G's output, D's gradient or the loss, in a random step; what the guard
    costs, as the median over pairs of 10 timings each with it and without it."""
    dice, caught, kept, named, data = random.Random(2), 0, 0, 0, open_data("ring8:500")
    for i in range(n):
        place, bad = ("batch", "output", "gradient", "loss")[i % 4], dice.choice([float("nan"), float("inf")])
        engine = Engine(GAN(width=8, z_dim=2), data, batch=16, seed=i).play(2)
        poisoned(engine, place, bad, 2 + dice.randrange(5))
        weights: list[Tensor] = []
        try:
            while engine.clock.rounds < 10:
                weights = [p.detach().clone() for p in engine.everyone]
                engine.round()
        except NonFinite as error:
            caught += 1
            named += "move '" in str(error)
            finite = all(bool(t.isfinite().all()) for t in engine.state()[0].values() if t.is_floating_point())
            d = len(engine.parameters["D"])
            frozen = all(a.equal(b) for a, b in zip(weights[d:], engine.everyone[d:], strict=True))
            kept += finite and frozen
    costs = {name: cost(make, source, batch) for name, make, source, batch in (
        ("GAN, ring8, batch 512", lambda: GAN(), "ring8", 512),
        ("WGAN-GP, ring8, batch 64", lambda: WGANGP(), "ring8", 64),
        ("GAN, digits, batch 64", lambda: GAN(), "digits", 64),
    )}  # fmt: skip
    return {"harms": n, "caught": caught, "nothing moved": kept, "move named": named} | {
        f"cost, {k}": f"{100 * v:.1f} %" for k, v in costs.items()
    }


def poisoned(engine: Engine, place: str, bad: float, round: int) -> None:
    game = engine.game

    def now() -> bool:
        return game.clock.rounds == round

    if place == "batch":
        real = engine.next_batch

        def batch() -> Any:
            b = real()
            if now():
                b.x[0, 0] = bad
            return b

        engine.next_batch = batch
    elif place == "output":
        game.G.register_forward_hook(lambda m, a, out: out * bad if now() else out)
    elif place == "gradient":
        game.D.head.weight.register_hook(lambda g: g * bad if now() else g)
    else:
        move = engine.moves[-1]

        def loss(b: Any) -> Tensor:
            return move.objective(b) * (bad if now() else 1.0)  # type: ignore[operator]

        engine.moves[-1] = training.replace(move, objective=loss)


def cost(make: Callable[[], Any], source: str, batch: int) -> float:
    """Share of a round's time that the guard takes."""
    engine = Engine(make(), open_data(source), batch=batch).play(3)
    allows, yes = Guard.allows, torch.tensor(True)

    def timed() -> float:
        began = time.process_time()
        for _ in range(10):
            engine.round()
        return time.process_time() - began

    ratios = []
    try:
        for _ in range(15):
            guarded = timed()
            Guard.allows = lambda self, gradients, at: yes
            ratios.append(guarded / timed() - 1)
            Guard.allows = allows
    finally:
        Guard.allows = allows
    return statistics.median(ratios)


def order(folder: Path, n: int = 12) -> Figures:
    """Three epochs of 90 pictures read by 0, 1 or 4 workers in 1, 2 or 4 processes, stopped and gone on with at random
    batches in another of these ways."""
    from PIL import Image

    pictures = folder / "pictures"
    pictures.mkdir()
    for i in range(90):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(pictures / f"{i:03d}.png")
    data, dice = open_data(pictures, holdout=0, memory=0.0), random.Random(3)
    whole = [int(v) for v in shown(data, 0, 270 // 12 + 1, 1, 0)]
    lost = doubled = wrong = 0
    for _ in range(n):
        seen: list[int] = []
        while len(seen) < 270:
            seen += shown(data, len(seen), dice.randint(1, 9), dice.choice([1, 2, 4]), dice.choice([0, 1, 4]))
        wrong += seen[:270] != whole[:270]
        for epoch in range(3):
            part = seen[90 * epoch : 90 * epoch + 90]
            lost += 90 - len(set(part))
            doubled += len(part) - len(set(part))
    return {"trials": n, "examples lost": lost, "doubled": doubled, "orders that differ": wrong}


def shown(data: Any, position: int, batches: int, world: int, workers: int) -> list[int]:
    """Which pictures so many batches of 12 show, in the order of the whole batch."""
    streams = [
        data.stream(position, 12, seed=5, rank=r, world=world, device="cpu", workers=workers) for r in range(world)
    ]
    out: list[int] = []
    for _ in range(batches):
        parts = [((next(s).x[:, 0, 0, 0] + 1) * 127.5).round().int() for s in streams]
        out += torch.stack(parts, 1).flatten().tolist()
    return out


def determinism(folder: Path) -> Figures:
    """Weights after 30 rounds: equal to the bit, or how far apart, against one thread, float32, in one piece."""

    def played(threads: int = 1, **options: Any) -> list[Tensor]:
        torch.set_num_threads(threads)
        start: dict[str, Any] = {"batch": 64, "seed": 1}
        engine = Engine(GAN(width=64), open_data("digits"), **{**start, **options}).play(30)
        return [p.detach().clone() for p in engine.everyone]

    base, before = played(), torch.get_num_threads()
    cases = {"again": {}, "two threads": {"threads": 2}, "two threads again": {"threads": 2}}
    cases |= {"in parts of 16": {"micro": 16}, "bfloat16": {"precision": "bf16"}, "another seed": {"seed": 2}}
    figures: Figures = {}
    for name, options in cases.items():
        now = played(**options)
        apart = max(float((a - b).abs().max()) for a, b in zip(base, now, strict=True))
        figures[name] = "equal" if apart == 0 else f"{apart:.1e} apart"
    torch.set_num_threads(before)
    return figures
