"""Metric cards of games that go from a domain to another: each domain as x is judged, and pairs one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from .cards import Card
from .evaluation import IMAGES, VECTORS, Progress, evaluate
from .features import FeatureNet, of_data
from .similarity import psnr, ssim

if TYPE_CHECKING:
    from ..data import Data

Translator = Callable[[Tensor, int], Tensor]  # (examples of a domain, seed) -> the same in the other


def domain(data: Data, name: str) -> Data:
    """Array `name` (with its labels, where it has some) as the array x."""

    def renamed(groups):
        found = [g for g in groups if name in g.arrays]
        return tuple(
            replace(g, arrays={"x": g.arrays[name]} | {k: v for k, v in g.arrays.items() if k == "y"}) for g in found
        )

    others = renamed(data.others) if data.others is not None else None
    return replace(data, name=f"{data.name}-{name}", groups=renamed(data.groups), others=others or None)


def evaluate_translations(
    ways: dict[str, Translator],
    data: Data,
    *,
    n: int | None = None,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Card]:
    """Cards for each of the `ways`, "a2b" or "b2a": held-out examples, translated, against the other domain's real
    ones, with the floor of real against real; where held-out a and b are pairs, against the truth, too.
    """
    cards: list[Card] = []
    for way, translate in ways.items():
        source, target = way[0], way[2]
        theirs, ours = domain(data, source).held_out, domain(data, target)
        most = VECTORS if data.spec.fields[target].kind == "vector" else IMAGES
        count = min(n or most, len(theirs), max(len(ours.held_out) // 2, min(len(ours.held_out), 200)))

        def sample(m: int, s: int, theirs=theirs, translate=translate) -> Tensor:
            return translate(theirs.take(m, seed=s).x, s)

        found = evaluate(sample, ours, n=count, repeats=repeats, seed=seed, progress=progress)
        cards += [replace(card, name=f"{source} to {target}: {card.name}") for card in found]
        pairs = {"a", "b"} <= data.held_out.groups[0].arrays.keys()
        if pairs and data.spec.fields[target].kind == "image":
            cards += pair_cards(way, translate, data, of_data(ours), count, repeats, seed)
    return cards


def evaluate_joint(
    joint: Callable[[int, int], tuple[Tensor, Tensor]],
    data: Data,
    *,
    n: int | None = None,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Card]:
    """Cards for each domain of joint draws `(n, seed)` -> a, b."""
    cards: list[Card] = []
    for i, name in enumerate("ab"):
        found = evaluate(
            lambda m, s, i=i: joint(m, s)[i], domain(data, name), n=n, repeats=repeats, seed=seed, progress=progress
        )
        cards += [replace(card, name=f"{name}: {card.name}") for card in found]
    return cards


@dataclass(frozen=True)
class Likeness:
    """A comparison of pictures with their truths, one by one, `[n]`."""

    name: str
    compare: Callable[[Tensor, Tensor], Tensor]
    better: str
    source: str
    note: str = ""
    features: str | None = None


def likenesses(network: FeatureNet) -> list[Likeness]:
    def perceptual(x: Tensor, y: Tensor) -> Tensor:
        u, v = network(x).rows, network(y).rows
        return (F.normalize(u) - F.normalize(v)).square().sum(1)

    own = f"{network.name} {network.hash}"
    why = "in the place of LPIPS, whose weights are not at hand: squared distance of directions in feature space"
    return [
        Likeness("PSNR", psnr, "higher", "peak signal-to-noise ratio", "dB, mean over pictures"),
        Likeness("SSIM", ssim, "higher", "Wang et al. 2004", "windows of 11 pixels"),
        Likeness("L1", lambda x, y: (x - y).abs().flatten(1).mean(1), "lower", "mean absolute error", "of [-1, 1]"),
        Likeness("perceptual distance", perceptual, "lower", "after Zhang et al. 2018", why, own),
    ]


def pair_cards(
    way: str, translate: Translator, data: Data, network: FeatureNet, n: int, repeats: int, seed: int
) -> list[Card]:
    """Translations against their own truths. The floor is another example's truth in the translation's place: what one
    gets who does not look at the input."""
    if repeats < 1:
        raise InputError(f"repeats is at least 1, not {repeats}")
    source, target = way[0], way[2]
    measures = likenesses(network)
    rows: list[list[tuple[float, float]]] = [[] for _ in measures]
    unchanged = ["" for _ in measures]
    for i in range(repeats):
        batch = data.held_out.take(n, seed=seed + i)
        given, truth = batch.tensors[source], batch.tensors[target]
        out = translate(given, seed + i)
        for j, m in enumerate(measures):
            rows[j].append((float(m.compare(out, truth).mean()), float(m.compare(truth.roll(1, 0), truth).mean())))
        if i == 0 and given.shape[1] == truth.shape[1]:
            as_is = given if given.shape == truth.shape else enlarged(given, truth.shape[2:])
            what = "the input itself" if given.shape == truth.shape else "bicubic"
            unchanged = [f"; {what}: {float(m.compare(as_is, truth).mean()):.4g}" for m in measures]
    return [
        Card(
            name=f"{source} to {target}: {m.name} to the truth",
            value=fmean(v for v, _ in found),
            spread=stdev(v for v, _ in found) if repeats > 1 else None,
            repeats=repeats,
            n_real=n,
            n_fake=n,
            split="held-out",
            seed=seed,
            features=m.features,
            floor=fmean(v for _, v in found),
            floor_spread=stdev(v for _, v in found) if repeats > 1 else None,
            better="higher" if m.better == "higher" else "lower",
            source=m.source,
            note=f"{m.note}; real data: another example's truth{more}",
        )
        for m, found, more in zip(measures, rows, unchanged, strict=True)
    ]


def enlarged(x: Tensor, size) -> Tensor:
    """Bicubic, in [-1, 1]."""
    return F.interpolate(x, tuple(size), mode="bicubic", align_corners=False).clamp(-1, 1)
