"""The demonstrations: each gives its numbers, and a picture or a film."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import InputError, nearest
from . import dirac, value
from .distributions import (
    by_sample,
    exact,
    grid,
    jsd,
    jsd_uniform,
    kl_normal,
    mmd2_normal,
    named,
    normal,
    uniform,
    w1,
    w1_shifted,
)
from .pictures import COLOURS, DATA, MILLISECONDS, MODEL, SOFT, THIRD, film, image, panels

Row = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What a demonstration gives: rows of numbers, what they say, and one picture or several in time."""

    rows: list[Row]
    says: str
    frames: list[Image.Image]

    def save(self, path: Path) -> Path:
        """As a PNG (of a film its last frame) or a GIF. Raises InputError for other endings."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".gif":
            first, *rest = film(self.frames)
            first.save(path, save_all=True, append_images=rest, duration=MILLISECONDS, loop=0)
        elif path.suffix.lower() == ".png":
            self.frames[-1].save(path)
        else:
            raise InputError(f"{path}: pictures are written as .png or .gif")
        return path


def distances(p: str = "normal(0, 1)", q: str = "normal(1, 2)") -> Shown:
    """KL, JSD, W1 and MMD between two named distributions: in closed form, exact on a grid, and by 4000 samples."""
    a, b = named(p), named(q)
    rows = [{"how": "exact", **exact(a, b)}, {"how": "by sample", **by_sample(a, b)}]
    if p.startswith("normal(") and q.startswith("normal("):
        (m1, s1), (m2, s2) = ([float(v) for v in d.name[7:-1].split(",")] for d in (a, b))
        rows.insert(0, {"how": "closed form", "KL": kl_normal(m1, s1, m2, s2), "MMD2": mmd2_normal(m1, s1, m2, s2)})
    figure, (left, right) = panels(2)
    x = grid(a, b)
    for d, colour in ((a, DATA), (b, MODEL)):
        left.plot(x, d.pdf(x), color=colour, label=d.name)
    left.legend(fontsize=8, frameon=False)
    names = [k for k in rows[0] if k != "how"] if len(rows) == 2 else ["KL", "JSD", "W1", "MMD2"]
    for i, row in enumerate(rows):
        finite = [row.get(k, math.nan) if math.isfinite(row.get(k, math.nan)) else math.nan for k in names]
        right.bar(np.arange(len(names)) + 0.27 * (i - (len(rows) - 1) / 2), finite, 0.25, color=COLOURS[i])
    right.set_xticks(range(len(names)), names)
    right.legend(
        [row["how"] for row in rows], fontsize=8, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
    says = "Three ways to the same figures. KL is not symmetric, and infinite where q has nothing and p has something."
    return Shown(rows, says, [image(figure)])


def optimum() -> Shown:
    """Proposition 1: for a fixed G the best D is p / (p + q), and Theorem 1: its value is -log 4 + 2 JSD."""
    p, rows, frames = normal(0, 1), [], []
    for shift in (3.0, 2.0, 1.0, 0.5, 0.0):
        q = normal(shift, 1)
        first, second = value.proposition1(p, q), value.theorem1(p, q)
        rows.append({"mean of G": shift, **first, **second})
        figure, (ax,) = panels(1, width=5.5, height=3.2)
        x = np.linspace(-4, 7, 400)
        ax.plot(x, p.pdf(x), color=DATA, label="data p")
        ax.plot(x, q.pdf(x), color=MODEL, label="model q")
        ax.plot(x, value.optimal(p, q, x), color=THIRD, label="D* = p / (p + q)")
        ax.set_xlim(-4, 7)
        ax.set_ylim(0, 1.05)
        ax.set_title(f"C(G) = {second['C(G)']:.3f} = -log 4 + 2 x {jsd(p, q):.3f}", fontsize=9)
        ax.legend(fontsize=8, frameon=False, loc="upper right")
        frames.append(image(figure))
    says = (
        "No other D of those tried reaches V(D*), and V(D*) is -log 4 + 2 JSD to the digits shown. At q = p, D* is 1/2 "
        "everywhere and C(G) is -log 4 = -1.386."
    )
    return Shown(rows, says, frames)


def convergence() -> Shown:
    """Proposition 2: with D at its optimum at every step, q descends to p."""
    p = np.array([0.4, 0.3, 0.2, 0.1])
    rows = []
    figure, (left, right) = panels(2)
    for seed in range(3):
        found = value.proposition2(p, seed=seed)
        rows += [{"start": seed, "step": t, **{k: v[t] for k, v in found.items()}} for t in (0, 25, 100, 400)]
        left.plot(found["C(G)"], color=COLOURS[seed])
        right.semilogy(found["total variation"], color=COLOURS[seed])
    left.axhline(-math.log(4), color=SOFT, lw=0.8, ls="--")
    left.set_title("C(G), and -log 4 dashed", fontsize=9)
    right.set_title("total variation between q and p", fontsize=9)
    says = "From any start C(G) falls to -log 4 = -1.3863 and q becomes p."
    return Shown(rows, says, [image(figure)])


def overlap() -> Shown:
    """The lecture's G_0, G_50 and G_100: JSD stays at log 2 until they touch, while W1 shrinks all the way."""
    p, rows, frames = uniform(0, 1), [], []
    shifts = np.linspace(4, 0, 11)
    curve = np.linspace(0, 4, 81)
    for i, shift in enumerate(shifts):
        q = uniform(shift, 1 + shift)
        row = {
            "G": round(100 * i / (len(shifts) - 1)),
            "JSD": jsd(p, q),
            "in closed form": jsd_uniform(shift),
            "W1": w1(p, q),
            "W1 in closed form": w1_shifted(shift),
            "dJSD/dshift": (jsd_uniform(shift + 1e-4) - jsd_uniform(shift - 1e-4)) / 2e-4,
            "dW1/dshift": 1.0 if shift > 0 else 0.0,
        }
        if row["G"] % 50 == 0 or row["G"] == 80:
            rows.append(row)
        figure, (left, right) = panels(2)
        x = np.linspace(-0.5, 5.5, 1201)
        left.fill_between(x, p.pdf(x), color=DATA, alpha=0.5, label="data")
        left.fill_between(x, q.pdf(x), color=MODEL, alpha=0.5, label=f"G_{row['G']}")
        left.set_xlim(-0.5, 5.5)
        left.legend(fontsize=8, frameon=False)
        right.plot(curve, [jsd_uniform(s) for s in curve], color=THIRD, label="JSD")
        right.plot(curve, curve, color="#7e22ce", label="W1")
        right.plot([shift, shift], [row["JSD"], row["W1"]], "o", color=SOFT)
        right.axhline(math.log(2), color=SOFT, lw=0.8, ls="--")
        right.set_xlabel("distance between them", fontsize=8)
        right.legend(fontsize=8, frameon=False)
        frames.append(image(figure, 80))
    says = (
        "From 4 to 1 apart JSD is log 2 = 0.693 and has no slope: D* is perfect, and G cannot tell nearer from "
        "farther. W1 is the distance itself, with slope 1 all the way."
    )
    return Shown(rows, says, frames)


def saturation() -> Shown:
    """What G is told about a fake, by D's opinion of it: log(1 - D) is silent where G has most to learn."""
    logits = np.linspace(-10, 10, 401)
    found = value.saturation(logits)
    figure, (ax,) = panels(1, width=5.5, height=3.2)
    for (name, slope), colour in zip(found.items(), (MODEL, DATA), strict=True):
        ax.plot(logits, slope, color=colour, label=name)
    ax.set_xlabel("D's logit at a fake: left, D is sure that it is one", fontsize=8)
    ax.set_ylabel("size of G's gradient", fontsize=8)
    ax.legend(fontsize=8, frameon=False)
    points = np.array([-10.0, -6.0, -2.0, 0.0, 2.0])
    there = value.saturation(points)
    rows = [{"logit": float(z), **{k: float(v[i]) for k, v in there.items()}} for i, z in enumerate(points)]
    says = (
        "Where D is sure of a fake (logit -10) the saturating loss passes on 1/22027 of D's slope, the other all of it."
    )
    return Shown(rows, says, [image(figure)])


def dirac_gan(loss: str | None = None) -> Shown:
    """The Dirac-GAN: the trajectory and the eigenvalues of every loss with every regulariser."""
    if loss is not None and loss not in dirac.LOSSES:
        raise InputError(f"no loss {loss!r}{nearest(loss, dirac.LOSSES)} There are: {', '.join(dirac.LOSSES)}")
    losses = [loss] if loss else list(dirac.LOSSES)
    figure, axes = panels(len(dirac.REGULARISERS), len(losses), width=2.3, height=2.2)
    rows, spots = [], iter(axes)
    for name in losses:
        for regulariser in dirac.REGULARISERS:
            row, path = dirac.judged(name, regulariser)
            rows.append(row)
            ax = next(spots)
            ax.plot(*path.numpy().T, color=THIRD if row["steps"] == "arrives" else MODEL, lw=0.8)
            ax.plot(0, 0, "+", color=SOFT)
            ax.plot(*path[0].tolist(), "o", color=DATA, ms=3)
            ax.set_xlim(-2, 2)
            ax.set_ylim(-2, 2)
            real, imaginary = row["real part"], row["imaginary part"]
            told = "the field jumps" if real is None else f"{real:.2g} ± {imaginary:.2g}i"
            ax.set_title(f"{name}, {regulariser}\n{told}", fontsize=7)
            ax.tick_params(labelsize=6)
    says = (
        "Horizontal is G's point theta, vertical D's slope psi; both begin at the dot and should come to the cross. "
        "Without a regulariser every real part is 0: continuous time circles, and steps of 0.1 go out where the loss "
        "does not slow them. R1 moves the eigenvalues to the left under every loss; clipping does not, and the penalty "
        "of WGAN-GP, whose target is a slope of 1, makes the field jump where it should rest."
    )
    return Shown(rows, says, [image(figure, 80)])


def arrows(data: str = "ring8", rounds: int = 800, frames: int = 16) -> Shown:
    """A GAN learning points in the plane: D as a heat map, and what each sample is told, frame by frame."""
    from ..data import open as open_data
    from ..engine import Engine
    from ..games.gan import GAN

    opened = open_data(data)
    if tuple(opened.spec.x.shape) != (2,):
        raise InputError(f"arrows are drawn in the plane; data {data!r} has {opened.spec.x}")
    game = GAN(noise="gaussian", z_dim=16)
    engine, real = Engine(game, opened, batch=128, seed=0), opened.take(500).x
    reach = 1.3 * float(real.abs().max())
    side = torch.linspace(-reach, reach, 80)
    plane = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
    rows, film_of = [], []
    for i in range(frames + 1):
        engine.play(rounds * i // frames)
        fake = engine.sample(200, seed=0).requires_grad_()
        with engine.averaged():
            (pull,) = torch.autograd.grad(torch.nn.functional.softplus(-game.D(fake)).sum(), fake)
            opinion = game.D(plane).detach().sigmoid().reshape(len(side), -1)
            row: Row = {
                "round": engine.clock.rounds,
                "D on data": float(game.D(real).detach().sigmoid().mean()),
                "D on samples": float(game.D(fake).detach().sigmoid().mean()),
                "mean pull": float(pull.norm(dim=1).mean()),
            }
        rows += [row] * (i % max(frames // 4, 1) == 0)
        film_of.append(plotted(reach, opinion, real, fake.detach(), -pull, row))
    says = "Blue where D says data. An arrow is -dL/dx at a sample: downhill for -log D, and where G moves it next."
    return Shown(rows, says, film_of)


def plotted(reach: float, opinion: Tensor, real: Tensor, fake: Tensor, pull: Tensor, row: Row) -> Image.Image:
    figure, (ax,) = panels(1, width=4.4, height=4.4)
    ax.imshow(
        opinion.numpy(), extent=(-reach, reach, -reach, reach), origin="lower", cmap="RdBu", vmin=0, vmax=1, alpha=0.6
    )
    ax.plot(*real.numpy().T, ".", color=DATA, ms=3)
    ax.plot(*fake.numpy().T, ".", color=MODEL, ms=3)
    length = pull.norm(dim=1, keepdim=True)
    shown = pull / length.clamp(min=1e-12) * length.clamp(max=2 * float(length.median()) + 1e-12)
    largest = max(float(shown.norm(dim=1).max()), 1e-12)
    arrow = (shown / largest * 0.3 * reach)[::4]
    ax.quiver(*fake[::4].numpy().T, *arrow.numpy().T, angles="xy", scale_units="xy", scale=1, width=0.004, color=SOFT)
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.grid(visible=False)
    ax.set_title(f"round {row['round']}", fontsize=9)
    return image(figure, 80)


DEMONSTRATIONS: dict[str, Callable[..., Shown]] = {
    "distances": distances,
    "optimum": optimum,
    "convergence": convergence,
    "overlap": overlap,
    "saturation": saturation,
    "dirac": dirac_gan,
    "arrows": arrows,
}


def show(name: str, *words: str) -> Shown:
    """A demonstration by its name; `distances` takes two distributions, `dirac` a loss, `arrows` data."""
    if name not in DEMONSTRATIONS:
        raise InputError(
            f"no demonstration {name!r}{nearest(name, DEMONSTRATIONS)} There are: {', '.join(DEMONSTRATIONS)}"
        )
    takes = {"distances": 2, "dirac": 1, "arrows": 1}.get(name, 0)
    if len(words) > takes:
        raise InputError(f"{name} takes {takes} more words at most, not {len(words)}: {', '.join(words)}")
    return DEMONSTRATIONS[name](*words)


def table(rows: list[Row]) -> str:
    """Columns for a terminal."""
    names = list(dict.fromkeys(k for row in rows for k in row))
    lines = [names, *[[cell(row.get(k, "")) for k in names] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def cell(v: Any) -> str:
    if v is None:
        return "-"
    return f"{v:.6g}" if isinstance(v, float) else str(v)
