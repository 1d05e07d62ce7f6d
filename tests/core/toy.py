"""Small fakes: data in memory, and games of a few weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.game import EMA, Batch, Game, Move, Player
from zerosum.losses import fake, real
from zerosum.nets import Discriminator, mlp
from zerosum.optim import SGD
from zerosum.seeds import mix
from zerosum.spec import Classes, Column, Columns, Field, Pixels, Spec, Words


def rows(*names: str) -> Field:
    return Field((len(names),), "vector", Columns(tuple(Column(n) for n in names)))


POINTS = rows("x", "y")
TABLE = Field(
    (6,),
    "vector",
    Columns((Column("a"), Column("b", categories=("p", "q", "r")), Column("c", categories=(0, 1))), table=True),
)
LABEL = Field((), "label", Classes(("one", "two", "three")))
TEXT = Field((4,), "text", Words(("a", "blue", "red", "ring", "star"), 4))


def picture(c: int, h: int, w: int) -> Field:
    return Field((c, h, w), "image", Pixels())


def examples(field: Field, n: int, seed: int) -> Tensor:
    """`n` random examples as games see them: pictures in [-1, 1], normal numbers, one-hot categories, labels, texts."""
    random = torch.Generator().manual_seed(seed)
    if field.kind == "label":
        return torch.randint(len(field.classes), (n,), generator=random)
    if isinstance(field.codec, Words):
        used = torch.arange(field.shape[0]) < torch.randint(1, field.shape[0] + 1, (n, 1), generator=random)
        return torch.randint(1, len(field.codec.vocabulary) + 1, (n, *field.shape), generator=random) * used
    if field.kind == "image":
        return torch.rand(n, *field.shape, generator=random) * 2 - 1
    x = torch.randn(n, *field.shape, generator=random)
    for block in field.categorical:
        x[:, block] = F.one_hot(x[:, block].argmax(1), block.stop - block.start).float()
    return x


class Rows:
    """Data in memory. Without weights its examples come in their own order, over and over; with them, drawn."""

    def __init__(self, spec: Spec, weights: Tensor | None = None, **arrays: Tensor):
        self.spec, self.weights, self.arrays = spec, weights, arrays

    @classmethod
    def random(cls, n: int = 64, **fields: Field) -> Rows:
        return cls(Spec(**fields), **{k: examples(f, n, seed=i) for i, (k, f) in enumerate(fields.items())})

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def reweighted(self, weights: Tensor) -> Rows:
        return Rows(self.spec, weights, **self.arrays)

    def stream(
        self, position: int, n: int, *, seed: int, rank: int, world: int, device: str, workers: int
    ) -> Iterator[Batch]:
        while True:
            index = torch.arange(position, position + n) % len(self)
            if self.weights is not None:
                random = torch.Generator().manual_seed(mix(seed, position))
                index = torch.multinomial(self.weights, n, replacement=True, generator=random)
            yield Batch(**{k: v[index[rank::world]] for k, v in self.arrays.items()}).to(device)
            position += n


class Gaussian:
    """Endless fresh draws from N(mean, 1), in one dimension."""

    spec = Spec(x=rows("x"))

    def __init__(self, mean: float):
        self.mean = mean

    def stream(
        self, position: int, n: int, *, seed: int, rank: int, world: int, device: str, workers: int
    ) -> Iterator[Batch]:
        while True:
            random = torch.Generator().manual_seed(mix(seed, position))
            yield Batch(x=(torch.randn(n, 1, generator=random) + self.mean)[rank::world])
            position += n


class Toy(Game):
    """A noisy GAN of two perceptrons: the smallest ordinary game."""

    width: int = 8
    lr: float = 0.05

    def build(self, spec: Spec) -> None:
        self.G = mlp(2, self.width, spec.x.size)
        self.D = Discriminator(mlp(spec.x.size, self.width, last=nn.ReLU()), self.width)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, SGD(self.lr, 0.9)), "G": Player(self.G, SGD(self.lr, 0.9))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def sample(self, n: int) -> Tensor:
        return self.G(torch.randn(n, 2, device=next(self.G.parameters()).device))

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        return real(self.D(self.sample(batch.n)))


class Weight(Game):
    """One player of one weight w, at first 0; the objectives are the test's own functions of (w, batch)."""

    objectives: tuple[Callable[[Tensor, Batch], Tensor], ...] = (lambda w, batch: w.sum(),)
    options: tuple[dict, ...] = ({},)
    lr: float = 1.0
    ema: EMA | None = None

    def build(self, spec: Spec) -> None:
        self.G = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.G.weight)

    def players(self) -> dict[str, Player]:
        return {"G": Player(self.G, SGD(self.lr), ema=self.ema)}

    def moves(self) -> list[Move]:
        def move(f: Callable[[Tensor, Batch], Tensor], options: dict) -> Move:
            return Move("G", lambda batch: {"loss": f(self.G.weight, batch)}, **options)

        return [move(f, o) for f, o in zip(self.objectives, self.options, strict=True)]

    @property
    def w(self) -> float:
        return self.G.weight.item()
