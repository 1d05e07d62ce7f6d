"""The least that metrics ask of `zerosum.data.Data`: tensors with a spec and a held-out part."""

from __future__ import annotations

import hashlib

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from zerosum.game import Batch
from zerosum.spec import Classes, Column, Columns, Field, Pixels, Spec


class FakeData:
    def __init__(self, name: str, spec: Spec, train: dict[str, Tensor], held_out: dict[str, Tensor] | None = None):
        self.name, self.spec, self.tensors = name, spec, train
        self.held_out = FakeData(name, spec, held_out) if held_out else self

    def __len__(self) -> int:
        return len(self.tensors["x"])

    def take(self, n: int, seed: int = 0) -> Batch:
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:n]
        return Batch(**{k: v[order] for k, v in self.tensors.items()})

    def all(self, name: str = "x", limit: int | None = None) -> Tensor:
        return self.tensors[name][:limit]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"".join(v.numpy().tobytes() for v in self.tensors.values())).hexdigest()[:16]


def columns(n: int) -> Columns:
    return Columns(tuple(Column(f"c{i}") for i in range(n)))


def ring8(n: int, seed: int) -> Tensor:
    """Eight modes of standard deviation 0.05 on a circle of radius 2."""
    g = torch.Generator().manual_seed(seed)
    angle = torch.randint(8, (n,), generator=g) * (torch.pi / 4)
    return torch.stack([2 * angle.cos(), 2 * angle.sin()], 1) + 0.05 * torch.randn(n, 2, generator=g)


def ring_data(n: int = 10_000) -> FakeData:
    angle = torch.arange(8) * (torch.pi / 4)
    extra = {"modes": torch.stack([2 * angle.cos(), 2 * angle.sin()], 1).tolist(), "mode_std": 0.05}
    spec = Spec(x=Field((2,), "vector", columns(2), extra))
    return FakeData("ring8", spec, {"x": ring8(n, 101)}, {"x": ring8(n, 102)})


def image_spec(shape: tuple[int, ...], classes: int = 0) -> Spec:
    x = Field(shape, "image", Pixels())
    return Spec(x=x, y=Field((), "label", Classes(tuple(map(str, range(classes)))))) if classes else Spec(x=x)


def digits(labelled: bool = True) -> FakeData:
    """1300 real 8x8 digits, and 497 held out."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
    y = torch.tensor(labels)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    train, held_out = {"x": x[:1300]}, {"x": x[1300:]}
    if labelled:
        train["y"], held_out["y"] = y[:1300], y[1300:]
    return FakeData("digits", image_spec((1, 8, 8), 10 if labelled else 0), train, held_out)
