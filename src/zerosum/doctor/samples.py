"""What samples tell: variety, classes, copies, colours; always beside real data, by cheap features of few examples."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import Data
from ..metrics import data_copying, precision_recall
from ..spec import Field

SIDE = 16  # pictures are shrunk to this for distances
KINDS = 10  # clusters that stand for classes where there are no labels
MANY = 30  # labels beyond which clusters are taken, too: too few examples of each
POOL = 1500  # training examples among which copies are looked for; of larger sets none are expected
SEED = 2**31 + 8  # which examples are looked at


def features(x: Tensor) -> Tensor:
    """`[n, d]`: pictures shrunk to 16 pixels a side at most, rows as they are."""
    if x.ndim == 4 and max(x.shape[2:]) > SIDE:
        h, w = (min(s, SIDE) for s in x.shape[2:])
        x = F.adaptive_avg_pool2d(x, (h, w))
    return x.flatten(1).float()


def spread(x: Tensor) -> float:
    """Mean distance between two rows."""
    return float(F.pdist(x).mean()) if len(x) > 1 else 0.0


def clusters(x: Tensor, k: int, steps: int = 8) -> Tensor:
    """Lloyd's algorithm from centres that lie far apart: which cluster each row is in, `[n]`."""
    centres = x[:1]
    for _ in range(min(k, len(x)) - 1):
        centres = torch.cat([centres, x[torch.cdist(x, centres).min(1).values.argmax()][None]])
    for _ in range(steps):
        which = torch.cdist(x, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, which, x)
        counts = torch.bincount(which, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return torch.cdist(x, centres).argmin(1)


class Looks:
    """Fixed real examples, and samples measured beside them."""

    def __init__(self, data: Data, field: Field, n: int):
        self.field, self.n = field, n
        train, held = data.take(4 * n, SEED), data.held_out.take(n, SEED + 1)
        self.real, self.held = features(train.x), features(held.x)
        labelled = "y" in train.tensors and train.y.ndim == 1 and len(data.spec.y.classes) <= MANY
        self.labels = train.y.long() if labelled else clusters(self.real, KINDS)
        self.kinds = int(self.labels.max()) + 1
        self.shares = torch.bincount(self.labels, minlength=self.kinds) / len(self.labels)
        self.spread = max(spread(self.real[:n]), 1e-12)
        self.size = max(float(self.real.square().sum(1).mean().sqrt()), 1e-12)
        self.recall = precision_recall(self.held, self.real[:n])[1]
        self.pool = features(data.take(POOL, SEED).x) if len(data) <= POOL else None
        self.unseen = None if self.pool is None or data.others is None else self._nearest(self.held)
        self.dark = self._saturated(train.x)

    def __call__(self, x: Tensor) -> dict[str, float | list[float]]:
        """Signals of samples `[n, ...]` in model space."""
        if not bool(x.isfinite().all()):
            return {}
        rows = features(x)
        precision, recall = precision_recall(self.held, rows)
        found: dict[str, float | list[float]] = {
            "samples/diversity": spread(rows) / self.spread,
            "samples/size": float(rows.square().sum(1).mean().sqrt()) / self.size,
            "samples/precision": precision,
            "samples/recall": recall / max(self.recall, 1e-6),
            "samples/apart": self._apart(rows),
        }
        shares = torch.bincount(self.labels[torch.cdist(rows, self.real).argmin(1)], minlength=self.kinds) / len(rows)
        found |= {
            "samples/classes": shares.tolist(),
            "samples/modes": effective(shares) / effective(self.shares),
            "samples/missing": float((shares < 0.1 * self.shares).float().mean()),
        }
        if self.unseen is not None:
            found["samples/nearer"] = data_copying(self._nearest(rows), self.unseen).nearer
        if self.field.kind == "image":
            upright, turned = (torch.cdist(v, self.real).min(1).values for v in (rows, -rows))
            found["samples/inverted"] = float((turned < upright).float().mean())
            found["samples/saturated"] = self._saturated(x) - self.dark
        return found

    def _apart(self, rows: Tensor) -> float:
        """Share of samples and unseen real examples whose nearest other is of their own kind; 0.5 is ideal."""
        both = torch.cat([rows, self.held[: len(rows)]])
        origin = torch.arange(len(both)) < len(rows)
        near = torch.cdist(both, both).fill_diagonal_(float("inf")).argmin(1)
        return float((origin[near] == origin).float().mean())

    def _nearest(self, rows: Tensor) -> Tensor:
        assert self.pool is not None
        return torch.cdist(rows, self.pool).min(1).values

    @staticmethod
    def _saturated(x: Tensor) -> float:
        return float((x.abs() > 0.98).float().mean())


def effective(shares: Tensor) -> float:
    """exp of the entropy: how many classes of equal share have as much of it."""
    return float(torch.special.entr(shares.double()).sum().exp())
