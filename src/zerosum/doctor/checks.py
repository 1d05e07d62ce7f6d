"""Mistakes that can be seen before the first round: in the data, in the networks, in the settings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..data import Data
from ..engine import Engine
from ..game import Batch
from ..spec import Field
from .findings import Finding, Severity
from .probe import judges
from .samples import SEED, features

LOOKED_AT = 1000  # examples
FEW = 500  # pictures below which D learns them by heart
MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool2d)
TOO_FAST, HALF = "learning rate too high", 0.5  # the name of the finding; a first step that rewrites half of a player
ADAM = (torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RMSprop)
SIGMOIDS = (nn.Sigmoid, nn.Softmax, nn.LogSigmoid)


def of_data(data: Data) -> list[Finding]:
    """What is odd about the examples, as games see them."""
    batch, found = data.take(LOOKED_AT, SEED), []
    for name, field in data.spec.fields.items():
        x = batch.tensors.get(name)
        if x is None or field.kind not in ("image", "vector"):
            continue
        if not bool(x.isfinite().all()):
            found.append(before("values not finite", "critical", {"array": name}, f"{name} holds NaN or infinity.", []))
            continue
        found += of_pictures(name, x) if field.kind == "image" else of_rows(name, x, field)
        if name != "y":  # conditions come again and again
            found += of_copies(name, x, data)
    if any(field.kind == "image" for field in data.spec.fields.values()):
        found += of_count(data)
    return [*found, *of_labels(batch, data)]


def before(name: str, severity: Severity, evidence: dict[str, Any], says: str, remedy: list[str]) -> Finding:
    return Finding(name, severity, 0, {"before": "training", **evidence}, says, remedy)


def of_pictures(name: str, x: Tensor) -> Iterator[Finding]:
    low, high = (float(v) for v in torch.quantile(x.flatten()[:1_000_000], torch.tensor([0.001, 0.999])))
    if high - low < 0.4:
        yield before(
            "range of values",
            "warning",
            {"array": name, "low": low, "high": high},
            f"{name} fills {(high - low) / 2:.0%} of the range [-1, 1] that its pixel type allows: G must hit a sliver "
            "of its tanh, and its pictures look alike to D.",
            ["scale the pixels to the whole range of their type before"],
        )
    blank = float((x.flatten(1).std(1) < 1e-3).float().mean())
    if blank > 0.01:
        yield before(
            "blank pictures",
            "warning",
            {"array": name, "share": blank},
            f"{blank:.1%} of the pictures are of one colour; G will make as many.",
            ["take them out of the data"],
        )


def of_count(data: Data) -> Iterator[Finding]:
    if len(data) < FEW:
        yield before(
            "little data",
            "info",
            {"examples": len(data)},
            f"{len(data)} pictures are few: D will learn them by heart unless it sees them changed.",
            ["--augment diffaugment", "--flip"],
        )


def of_rows(name: str, x: Tensor, field: Field) -> Iterator[Finding]:
    numbers = torch.ones(x.shape[1], dtype=torch.bool)
    for block in field.categorical:
        numbers[block] = False
    largest = x[:, numbers].abs().amax(0) if bool(numbers.any()) else x.new_zeros(0)
    far = int((largest > 15).sum())
    if far:
        yield before(
            "outliers",
            "warning",
            {"array": name, "columns": far, "largest": float(largest.max())},
            f"{far} columns of {name} reach beyond 15 standard deviations: the bulk of the data is a point to D, and "
            "its tail the rest.",
            ["take the logarithm of long-tailed columns, or cut the tail, before"],
        )
    still = int((x[:, numbers].std(0) < 1e-6).sum()) if bool(numbers.any()) else 0
    if still:
        yield before(
            "constant columns",
            "warning",
            {"array": name, "columns": still},
            f"{still} columns of {name} never change: D needs nothing else to tell a fake.",
            ["leave them out with --columns"],
        )


def of_copies(name: str, x: Tensor, data: Data) -> Iterator[Finding]:
    rows = x.flatten(1)
    share = 1 - len(torch.unique(rows, dim=0)) / len(rows)
    if share > 0.02 and not (data.spec.fields[name].categorical and rows.shape[1] < 50):
        yield before(
            "duplicates",
            "warning" if share > 0.1 else "info",
            {"array": name, "share": share, "looked at": len(rows)},
            f"{share:.1%} of {name} are copies of others: they weigh double, and may be in the held-out part, too.",
            ["take them out of the data"],
        )


def of_labels(batch: Batch, data: Data) -> Iterator[Finding]:
    """Labels that say nothing of x, and classes with hardly an example."""
    names = data.spec.y.classes if "y" in data.spec else ()
    if len(names) < 2 or "x" not in batch.tensors or len(batch.x) != len(batch.y):
        return
    x, y = features(batch.x), batch.y
    near = torch.cdist(x, x).fill_diagonal_(float("inf")).argmin(1)
    same = float((y[near] == y).float().mean())
    shares = torch.bincount(y, minlength=len(names)) / len(y)
    chance = float(shares.square().sum())
    sigma = (chance * (1 - chance) / len(y)) ** 0.5
    if same < chance + 3 * sigma and len(y) >= 100:
        yield before(
            "labels say nothing",
            "warning",
            {"same class as nearest neighbour": same, "by chance": chance},
            "The nearest neighbour of an example has its class no more often than by chance: the labels are shuffled, "
            "or have nothing to do with x.",
            ["check that labels and examples are in the same order"],
        )
    rare = [n for n, s in zip(names, data.spec.y.shares, strict=True) if s * len(data) < 10]
    if rare:
        yield before(
            "rare classes",
            "info",
            {"classes": rare[:10], "count": len(rare)},
            f"{len(rare)} classes have fewer than ten examples, such as {rare[0]}: little can be learnt of them.",
            ["leave them out, or join them"],
        )


# Networks.


def of_networks(engine: Engine) -> list[Finding]:
    """Static mistakes of the well-known list, in the game as it was built."""
    game, found = engine.game, []
    for name, module in judges(game).items():
        leaves = [m for m in module.modules() if not list(m.children())]
        if leaves and isinstance(leaves[-1], SIGMOIDS):
            found.append(
                before(
                    "sigmoid before a logit loss",
                    "critical",
                    {"network": name, "ends in": type(leaves[-1]).__name__},
                    f"{name} ends in {type(leaves[-1]).__name__}, and the losses here take logits: they squash it "
                    "twice, and its gradient nearly vanishes.",
                    [f"let {name} end in its last linear layer"],
                )
            )
        sparse = sorted({type(m).__name__ for m in leaves if isinstance(m, (nn.ReLU, *MAX_POOLS))})
        if sparse:
            found.append(
                before(
                    "sparse gradients",
                    "info",
                    {"network": name, "layers": sparse},
                    f"{name} has {', '.join(sparse)}: where they are off, G gets no gradient through it.",
                    ["LeakyReLU in the place of ReLU, strides in the place of max pooling"],
                )
            )
    part = engine.micro
    normed = sorted({n for n, m in game.named_children() if any(isinstance(v, _BatchNorm) for v in m.modules())})
    if normed and part < 8:
        found.append(
            before(
                "batch too small for batch norm",
                "warning",
                {"examples": part, "networks": normed},
                f"Batch norm takes its mean and variance from {part} examples, which is mostly noise.",
                ["--batch 32"],
            )
        )
    return [*found, *of_range(engine), *of_steps(engine)]


def first_steps(engine: Engine) -> dict[str, float]:
    """What share of each player's weights the next step rewrites: Adam and its kin move each by about the learning rate
    at first."""
    shares = {}
    for name, optimizer in engine.optimizers.items():
        if isinstance(optimizer, ADAM):
            weights = torch.cat([p.detach().flatten() for p in engine.parameters[name]])
            shares[name] = max(g["lr"] for g in optimizer.param_groups) / float(weights.square().mean().sqrt() + 1e-12)
    return shares


def of_steps(engine: Engine) -> Iterator[Finding]:
    """Steps that leave nothing of the weights that they begin with."""
    for name, share in first_steps(engine).items():
        if share > HALF:
            yield before(
                TOO_FAST,
                "warning",
                {f"{name}/update": share},
                f"{name}'s first step is {share:.3g} times the size of its weights; a hundredth is usual.",
                [f"--lr-scale {0.01 / share:.1g}"],
            )


def of_range(engine: Engine) -> Iterator[Finding]:
    """Does the end of G reach the data?"""
    spec = engine.data.spec
    for name, module in engine.game.named_children():
        leaves = [m for m in module.modules() if not list(m.children())]
        if name != "G" or not leaves or "x" not in spec:
            continue
        if isinstance(leaves[-1], nn.Sigmoid) and spec.x.kind == "image":
            yield before(
                "range of G",
                "critical",
                {"network": name, "ends in": "Sigmoid"},
                "G ends in a sigmoid, in [0, 1], and pictures are in [-1, 1] here: it cannot make anything dark.",
                ["let G end in tanh, or in nets.output(field)"],
            )
        if isinstance(leaves[-1], nn.Tanh) and spec.x.kind == "vector":
            yield before(
                "range of G",
                "warning",
                {"network": name, "ends in": "Tanh"},
                "G ends in tanh, in [-1, 1], and standardised numbers reach farther: it cannot make the tails.",
                ["let G end in its last linear layer, or in nets.output(field)"],
            )


def facts(engine: Engine) -> dict[str, Any]:
    """What is known before the first round."""
    critics = engine.game.discriminators()
    plain = bool(critics) and all(len(inspect.signature(m.forward).parameters) == 1 for m in critics)
    return {"findings": of(engine), "takes add_r1": plain and not set(engine.game.needs) - {"x", "y"}}


def of(engine: Engine) -> list[Finding]:
    """All mistakes that can be seen before the first round."""
    return [*of_data(engine.data), *of_networks(engine)]  # type: ignore[arg-type]
