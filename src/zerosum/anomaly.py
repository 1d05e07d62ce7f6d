"""How unlike the data an example is: a game's score, beside two that need no game."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .data import open as open_data
from .data.tables import rows_of
from .errors import InputError
from .game import Game
from .nets import mlp
from .seeds import mix
from .spec import Columns, Field, Spec

if TYPE_CHECKING:
    from .runs import Run

CODE = 16  # numbers that the baselines keep of an example
Score = Callable[[Tensor], Tensor]  # examples -> `[n]`, high where they are unlike the data


def principal_components(train: Tensor, k: int = CODE) -> Score:
    """Mean square distance to the plane of the first `k` principal components of `train`."""
    rows = train.flatten(1)
    mean = rows.mean(0)
    axes = torch.linalg.svd(rows - mean, full_matrices=False).Vh[:k]

    def score(x: Tensor) -> Tensor:
        centred = x.flatten(1) - mean
        return (centred - centred @ axes.T @ axes).square().mean(1)

    return score


def autoencoder(train: Tensor, k: int = CODE, steps: int = 2000, seed: int = 0) -> Score:
    """Mean square error of a perceptron that brings examples through `k` numbers, trained on `train`."""
    rows = train.flatten(1)
    with torch.random.fork_rng([]):
        torch.manual_seed(mix(seed))
        network = nn.Sequential(mlp(rows.shape[1], 128, k), mlp(k, 128, rows.shape[1]))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        for _ in range(steps):
            x = rows[torch.randint(len(rows), (64,))]
            optimizer.zero_grad()
            (network(x) - x).square().mean().backward()
            optimizer.step()
    network.requires_grad_(False)
    return lambda x: (network(x.flatten(1)) - x.flatten(1)).square().mean(1)


def auc(scores: Tensor, anomalous: Tensor) -> float:
    """Probability that an anomalous example scores higher than a normal one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(anomalous.numpy(), scores.numpy()))


def of_game(game: Game, x: Tensor) -> Tensor:
    """The game's own score of examples, block by block, always the same."""
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(mix(0))
        return torch.cat([game.score(part.to(game.device)).float().cpu() for part in x.split(256)])


def report(run: Run, game: Game, spec: Spec, source: str | None, out: Path, limit: int, baselines: bool) -> str:
    """Scores to a table, and a summary: the AUC where the data has classes that the run was not trained on."""
    import polars as pl

    if out.suffix.lower() != ".csv":
        raise InputError(f"scores are written as .csv, not {out.suffix or 'a folder'!r}")
    options = {k: v for k, v in run.config["data"]["options"].items() if k != "only"}
    data = open_data(source or run.config["data"]["source"], **options)
    if "x" not in data.spec or data.spec.x.shape != spec.x.shape:
        raise InputError(f"{run.name} scores {spec.x}; this data has {data.spec}")
    batch = data.held_out.take(limit)
    x = batch.x if data.spec.x.kind == "image" else restated(batch.x, data.spec.x, spec.x, data.name)
    scores = {run.config["game"]: of_game(game, x)}
    if baselines:
        train = run.data().take(5000).x
        scores["principal components"] = principal_components(train)(x)
        scores["autoencoder"] = autoencoder(train)(x)
    columns: dict[str, np.ndarray] = {name: s.numpy() for name, s in scores.items()}
    labelled = "y" in data.spec and data.spec.y.kind == "label"
    labels = data.spec.y.decode(batch.y) if labelled else np.array([])
    out.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(({"class": labels.tolist()} if labelled else {}) | columns).write_csv(out)
    lines = [f"{len(x):,} examples scored: {out}"]
    known = {n for n, share in zip(spec.y.classes, spec.y.shares, strict=True) if share} if "y" in spec else set()
    strange = np.array([name not in known for name in labels])
    if labelled and known and strange.any() and not strange.all():
        lines += summary(scores, labels, strange)
    return "\n".join(lines)


def restated(x: Tensor, own: Field, wanted: Field, where: str) -> Tensor:
    """Rows that were standardised by the means of their own data, by those of the run's."""
    import polars as pl

    if own.codec == wanted.codec:
        return x
    assert isinstance(own.codec, Columns)
    assert isinstance(wanted.codec, Columns)
    values = own.decode(x)
    names = own.codec.names
    columns = {n: values[n].tolist() for n in names} if values.dtype.names else dict(zip(names, values.T, strict=True))
    return rows_of(pl.DataFrame(columns), wanted.codec, where)


def summary(scores: dict[str, Tensor], labels: np.ndarray, strange: np.ndarray) -> list[str]:
    """A line for each score: its AUC against all classes left out, and against each."""
    others = sorted(set(labels[strange]))
    lines = [f"AUC, {int((~strange).sum())} examples of classes trained on against {int(strange.sum())} of others"]
    for name, s in scores.items():
        each = [
            f"{other} {auc(s[rows], torch.from_numpy(strange[rows])):.3f}"
            for other in others
            for rows in [torch.from_numpy(np.flatnonzero(~strange | (labels == other))).numpy()]
        ]
        lines.append(f"    {name:20} {auc(s, torch.from_numpy(strange)):.3f}   {', '.join(each)}")
    return lines
