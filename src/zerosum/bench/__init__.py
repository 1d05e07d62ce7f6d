"""Speed: the engine beside loops that a good user would write by hand, in turns, in one process.

Both play the same networks on the same data with the same batch. `ratio` is how many times as fast the engine is: the
median over repeats of (loop's time / engine's time), each pair timed back to back. `cpu_ratio` is the same of CPU time,
which other programs on the machine disturb less. A comparison is a value in COMPARISONS;
`events`, events a second beside Pythia, has a file of its own.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import Data
from ..data import open as open_data
from ..doctor import Doctor
from ..engine import Engine
from ..ensemble import Ensemble
from ..errors import InputError, nearest
from ..fused import fuse, obstacle, usual
from ..game import Game
from ..games.cyclegan import CycleGAN
from ..games.dcgan import DCGAN
from ..games.gan import GAN
from ..games.pix2pix import Pix2Pix
from ..games.wgan_gp import WGANGP
from ..metrics import mode_coverage
from ..metrics.transport import sliced_wasserstein
from ..runs import create, versions
from ..training import pick_device
from . import events, loops, translating

Turn = Callable[[], Any]


def eager(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    return Engine(make(), data, batch=batch, device=device).round


def in_bf16(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    return Engine(make(), data, batch=batch, device=device, precision="bf16").round


def compiled(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    engine = Engine(make(), data, batch=batch, device=device)
    fuse(engine, strict=True, compiler=usual(device))
    return engine.round


def eight_seeds(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    ensemble = Ensemble([Engine(make(), data, batch=batch, seed=seed, device=device) for seed in range(8)])
    ensemble.compile(usual(device))
    return ensemble.round


def sampled(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    engine = Engine(make(), data, batch=batch, device=device)
    return lambda: engine.sample(batch)


def looked_at(make: Callable[[], Game], data: Data, batch: int, device: str) -> Turn:
    return partial(next, watched(Engine(make(), data, batch=batch, device=device)))


@dataclass(frozen=True)
class Comparison:
    """One row of the table."""

    says: str
    game: Callable[[], Game]
    shape: tuple[int, ...] | str  # of noise to train on, or a name that the data door knows
    batch: int
    loop: Callable[[Game, Data, int], Iterator[None]]
    ours: Callable[[Callable[[], Game], Data, int, str], Turn] = eager
    worth: int = 1  # rounds of the loop that one of our turns does
    seconds: float = 0.3  # that one timing lasts, about
    arrays: tuple[str, ...] = ("x",)  # of noise

    def data(self) -> Data:
        if isinstance(self.shape, str):
            return open_data(self.shape)
        return open_data({name: noise(self.shape) for name in self.arrays})


MLP = Comparison("GAN, 784 values, batch 64", lambda: GAN(width=1200), (1, 28, 28), 64, loops.gan)
POINTS = Comparison("GAN, ring8, batch 512", GAN, "ring8", 512, loops.gan)
SMALL = Comparison("GAN, ring8, batch 64", GAN, "ring8", 64, loops.gan)
DCGAN32 = Comparison("DCGAN, 32x32 grey, batch 64", DCGAN, (1, 32, 32), 64, loops.gan)
CRITIC = Comparison("WGAN-GP, ring8, batch 64", WGANGP, "ring8", 64, loops.wgan_gp)
IMAGES = Comparison("WGAN-GP, 32x32 grey, batch 64", lambda: WGANGP(width=32), (1, 32, 32), 64, loops.wgan_gp)
PAIRS = Comparison("pix2pix, 64x64, batch 1", Pix2Pix, (3, 64, 64), 1, translating.pix2pix, arrays=("a", "b"))
CYCLE = replace(
    PAIRS, says="CycleGAN of width 32, 64x64, batch 1", game=lambda: CycleGAN(width=32), loop=translating.cyclegan
)


def eightfold(c: Comparison) -> Comparison:
    return replace(c, says=c.says.replace("batch 1", "batch 8"), batch=8)


def fused(c: Comparison) -> Comparison:
    return replace(c, says=f"{c.says}, compiled", ours=compiled)


def seeds(c: Comparison) -> Comparison:
    return replace(c, says=f"{c.says}, 8 seeds compiled, a seed", ours=eight_seeds, worth=8)


def low(c: Comparison) -> Comparison:
    return replace(c, says=f"{c.says}, bfloat16", ours=in_bf16)


COMPARISONS = {
    "mlp": MLP,
    "mlp_fused": fused(MLP),
    "mlp_bf16": low(MLP),
    "points": POINTS,
    "points_fused": fused(POINTS),
    "points_seeds": seeds(POINTS),
    "points64": SMALL,
    "points64_fused": fused(SMALL),
    "points64_seeds": seeds(SMALL),
    "wgan_gp": CRITIC,
    "wgan_gp_fused": fused(CRITIC),
    "wgan_gp_seeds": seeds(CRITIC),
    "wgan_gp_images": IMAGES,
    "wgan_gp_images_fused": fused(IMAGES),
    "wgan_gp_images_bf16": low(IMAGES),
    "dcgan": DCGAN32,
    "dcgan_fused": fused(DCGAN32),
    "dcgan_bf16": low(DCGAN32),
    "overhead": replace(DCGAN32, says="DCGAN, against a loop with the same kernels and freezing", loop=loops.bare),
    "sampling": replace(DCGAN32, says="DCGAN, 32x32 grey, 64 samples", loop=loops.sampling, ours=sampled),
    "pix2pix": PAIRS,
    "pix2pix_fused": fused(PAIRS),
    "pix2pix8": eightfold(PAIRS),
    "cyclegan": CYCLE,
    "cyclegan_fused": fused(CYCLE),
    "cyclegan8": eightfold(CYCLE),
    "translating": replace(
        PAIRS, says="pix2pix, 8 pictures translated", batch=8, loop=translating.by_hand, ours=translating.translated
    ),
    "doctor": replace(  # some looks fall into each timing
        POINTS, says="GAN, ring8, unwatched and watched", loop=loops.unwatched, ours=looked_at, seconds=6.0
    ),
}


def run(
    only: str | None = None,
    repeats: int = 5,
    device: str = "cpu",
    keep: Callable[[list[dict[str, Any]]], None] = lambda rows: None,
) -> list[dict[str, Any]]:
    """Time all comparisons, or those that `only` names with commas between, print a line each, and give the rows.
    `keep` is called with what there is after each."""
    known = [*COMPARISONS, *QUALITIES]
    asked = only.split(",") if only else known
    there = known if len(asked) > 1 else [*known, "events"]  # which have a table of their own
    for name in asked:
        if name not in there:
            raise InputError(f"no comparison {name!r}{nearest(name, there)} There are: {', '.join(there)}")
    if repeats < 1:
        raise InputError(f"repeats must be 1 or more, not {repeats}")
    device = pick_device(device)
    if asked == ["events"]:
        rows = events.run(repeats)
        keep(rows)
        return rows
    print(
        f"{'name':15} {'ratio':>6} {'spread':>7} {'by CPU':>7} {'loop':>10} {'engine':>10} {'examples/s':>10}"
        f"  ms a round, {torch.get_num_threads()} threads"
    )
    rows = []
    for name in asked:
        rows.append(QUALITIES[name](name) if name in QUALITIES else compare(name, COMPARISONS[name], repeats, device))
        print(said(rows[-1]), flush=True)
        keep(rows)
    return rows


def together(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """These rows and the others that the file has already, in the order of the table."""
    names, order = {row["name"] for row in rows}, [*COMPARISONS, *QUALITIES]
    kept = [r for r in json.loads(path.read_text()) if r["name"] not in names] if path.exists() else []
    return sorted([*kept, *rows], key=lambda r: order.index(r["name"]) if r["name"] in order else len(order))


def said(r: dict[str, Any]) -> str:
    """A row to read."""
    if r.get("skipped"):
        return f"{r['name']:15} skipped: {r['skipped']}"
    if "quality" in r:
        arms = "; ".join(f"{arm} {', '.join(f'{v:g}' for v in values)}" for arm, values in r["quality"].items())
        return f"{r['name']:15} {r['says']}: {arms}"
    return (
        f"{r['name']:15} {r['ratio']:6.2f} {r['spread']:7.2f} {r['cpu_ratio']:7.2f} {r['loop_ms']:10.2f} "
        f"{r['engine_ms']:10.2f} {a_second(r):10.3g}  {r['says']}"
    )


def a_second(r: dict[str, Any]) -> float:
    """Examples that the engine goes through in a second."""
    return 1e3 * r["batch"] / r["engine_ms"]


def compare(name: str, c: Comparison, repeats: int, device: str = "cpu") -> dict[str, Any]:
    """Time the two in turns, after one turn of each that does not count."""
    if why := obstacle(device) if c.ours in (compiled, eight_seeds) else no_bf16(device) if c.ours is in_bf16 else None:
        return about(name, c.says, device) | {"skipped": why}
    data = c.data()
    by_hand = c.loop(engine_free(c.game(), data).to(device), data, c.batch)
    began = time.perf_counter()
    turn = c.ours(c.game, data, c.batch, device)
    ready = time.perf_counter() - began
    both: list[Turn] = [partial(next, by_hand), turn]
    for one in both:
        timed(one, 3, device)
    counts = [max(1, round(c.seconds / timed(one, 1, device)[0])) for one in both]
    pairs = [[timed(one, n, device) for one, n in zip(both, counts, strict=True)] for _ in range(repeats)]
    walls, cpus = ([loop[i] / (ours[i] / c.worth) for loop, ours in pairs] for i in (0, 1))
    loop_ms, loop_cpu_ms = (1e3 * statistics.median(loop[i] for loop, _ in pairs) for i in (0, 1))
    engine_ms, engine_cpu_ms = (1e3 * statistics.median(ours[i] / c.worth for _, ours in pairs) for i in (0, 1))
    return about(name, c.says, device) | {
        "ratio": statistics.median(walls),
        "spread": statistics.stdev(walls) if len(walls) > 1 else 0.0,
        "cpu_ratio": statistics.median(cpus),
        "loop_ms": loop_ms,
        "engine_ms": engine_ms,
        "loop_cpu_ms": loop_cpu_ms,
        "engine_cpu_ms": engine_cpu_ms,
        "ready_s": round(ready, 1),  # compilation, where there is any
        "batch": c.batch,
        "repeats": repeats,
        "rounds": counts,
    }


def about(name: str, says: str, device: str = "cpu") -> dict[str, Any]:
    where = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()
    return {"name": name, "says": says, "threads": torch.get_num_threads(), "cpu": where, "versions": versions()}


def processor() -> str:
    """What the machine calls its processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def modes_compiled(name: str) -> dict[str, Any]:
    """Does compiling cost quality? The modes of ring8 that a GAN covers, seed by seed, each way."""
    says, data, rounds = "modes of ring8 covered by a GAN, 3 seeds of 2000 rounds", open_data("ring8"), 2000
    if why := obstacle("cpu"):
        return about(name, says) | {"skipped": why}

    def engines() -> list[Engine]:
        return [Engine(GAN(), data, batch=256, seed=seed) for seed in range(3)]

    one_by_one, together = [engines(), engines()], engines()
    for i, some in enumerate(one_by_one):
        for engine in some:
            if i:
                fuse(engine, strict=True)
            engine.play(rounds)
    ensemble = Ensemble(together)
    ensemble.compile()
    ensemble.play(rounds)
    arms = dict(zip(("eager", "compiled", "at once"), [*one_by_one, together], strict=True))
    return about(name, says) | {"quality": {arm: [covered(e) for e in some] for arm, some in arms.items()}}


def covered(engine: Engine) -> float:
    field = engine.data.spec.x
    return float(
        mode_coverage(field.decode(engine.sample(5000, 1)), field.extra["modes"], field.extra["mode_std"]).covered
    )


def scores_in_bf16(name: str) -> dict[str, Any]:
    """Does bfloat16 cost quality? Sliced Wasserstein distance of DCGAN on digits, seed by seed."""
    says, data = "sliced Wasserstein distance of DCGAN on 8x8 digits, 3 seeds of 500 rounds", open_data("digits")
    if why := no_bf16():
        return about(name, says) | {"skipped": why}
    real = data.held_out.all()
    quality: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        engines = [Engine(DCGAN(), data, precision=precision, seed=seed).play(500) for seed in range(3)]
        fakes = [e.sample(len(real), 1).flatten(1) for e in engines]
        quality[precision] = [float(sliced_wasserstein(x, real.flatten(1), seed=0)) for x in fakes]
    return about(name, says) | {"quality": quality}


def no_bf16(device: str = "cpu") -> str | None:
    native = torch.cuda.is_bf16_supported() if device.startswith("cuda") else torch.cpu._is_avx512_bf16_supported()
    return None if native else "this processor has no bfloat16 of its own (AVX512-BF16, AMX; a GPU since Ampere)"


QUALITIES = {"quality_fused": modes_compiled, "quality_bf16": scores_in_bf16}


def watched(engine: Engine) -> Iterator[None]:
    """Rounds with the doctor at their side, who must earn every look."""
    with tempfile.TemporaryDirectory() as folder:
        config = dict.fromkeys(("game", "data", "device", "versions"), "") | {"hyperparameters": {}, "settings": {}}
        doctor = Doctor(create(Path(folder), "bench", config), engine, rounds=1)
        doctor.grace = 0.0
        while True:
            engine.round()
            doctor.reading()
            yield


def timed(turn: Turn, rounds: int, device: str = "cpu") -> tuple[float, float]:
    """Seconds of one of `rounds` turns: by the clock, and of each thread's CPU."""
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        turn()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    threads = torch.get_num_threads()
    return (time.perf_counter() - began) / rounds, (time.process_time() - worked) / rounds / threads


def noise(shape: tuple[int, ...], n: int = 2048) -> Tensor:
    """Pictures of uniform noise: speed does not depend on what they show."""
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def engine_free(game: Game, data: Data) -> Game:
    """The game's networks, built as the engine builds them."""
    game.build(data.spec)
    return game.train()
