"""What the experiments share: data, a judge of digits, play, and measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ..data import Data, open
from ..engine import Engine, Source
from ..fused import Fused, fuse
from ..game import Batch, Game
from ..metrics import Modes, Parzen, mode_coverage, parzen_log_likelihood
from ..spec import Column, Columns, Field, Spec

_compiled: ContextVar[list[Engine] | None] = ContextVar("compiled", default=None)  # engines that were; None: eager


@cache
def digits() -> Data:
    """scikit-learn's 8x8 digits in [-1, 1], 1294 to train on and 503 held out, always the same."""
    return open("digits", holdout=0.28)


@dataclass(frozen=True)
class Made:
    """Data without end, as `draw(n)` makes it in the game's own units."""

    spec: Spec
    draw: Callable[[int], Batch]

    def stream(self, position: int, n: int, **_: object) -> Iterator[Batch]:
        """The engine seeds torch before every round, so a run's batches derive from its seed."""
        while True:
            yield self.draw(n)


def plain(d: int) -> Field:
    """Rows of `d` numbers as they are."""
    return Field((d,), "vector", Columns(tuple(Column(str(i)) for i in range(d))))


def drawn(draw: Callable[[int], Tensor], d: int) -> Made:
    """Rows `[n, d]` as `draw(n)` gives them."""
    return Made(Spec(x=plain(d)), lambda n: Batch(x=draw(n)))


def play(game: Game, data: Source, rounds: int, seed: int, *, batch: int = 64, ema: float | None = None) -> Engine:
    """The engine after so many rounds."""
    engine = Engine(game, data, batch=batch, seed=seed, ema=ema)
    if (played := _compiled.get()) is not None:
        fuse(engine)
        played.append(engine)
    return engine.play(rounds)


@contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """Inside, what is played is compiled. Afterwards the dict says of each objective why it was not, or ""."""
    steps: dict[str, str] = {}
    token = _compiled.set([])
    try:
        yield steps
        for engine in _compiled.get() or []:
            assert isinstance(engine.fused, Fused)
            steps |= {title(objective): "" for _, objective, *_ in engine.fused.graphs} | engine.fused.reasons
    finally:
        _compiled.reset(token)


def title(objective: object) -> str:
    return getattr(objective, "__name__", type(objective).__name__)


@cache
def judge() -> Callable[[Tensor], Tensor]:
    """Digits `[n, 1, 8, 8]` in [-1, 1] -> their classes `[n]`, by a support vector machine that saw the training part;
    99 % right on the held-out part."""
    from sklearn.svm import SVC

    batch = digits().take(len(digits()))
    machine = SVC(gamma=0.02, C=5.0)  # pyright: ignore[reportArgumentType]
    machine.fit(batch.x.flatten(1).numpy(), batch.y.numpy())
    return lambda x: torch.from_numpy(machine.predict(x.flatten(1).numpy()))


def asked(engine: Engine, seed: int, each: int = 200) -> float:
    """Share of digits in which the judge reads the class that was asked for; `each` digits of every class."""
    wanted = torch.arange(10).repeat_interleave(each)
    with engine.averaged(), torch.no_grad():
        torch.manual_seed(seed)
        x = engine.game.sample(len(wanted), wanted)  # pyright: ignore[reportCallIssue]
    return float((judge()(x) == wanted).double().mean())


def unit(x: Tensor) -> Tensor:
    """Pictures in [-1, 1] as rows in [0, 1], which log-likelihoods of pictures are of."""
    return (finite(x).flatten(1) + 1) / 2


def finite(x: Tensor) -> Tensor:
    """Samples of a game that has diverged are not numbers: here they lie far away."""
    return x.nan_to_num(1e4).clamp(-1e4, 1e4)


def digits_likelihood(engine: Engine, seed: int, n: int = 10_000) -> Parzen:
    """Parzen-window log-likelihood of 303 held-out digits under `n` samples; the other 200 choose the width."""
    held = unit(digits().held_out.take(503).x)
    return parzen_log_likelihood(unit(engine.sample(n, seed)), held[:200], held[200:])


def modes(engine: Engine, seed: int, n: int = 10_000) -> Modes:
    """Of `n` samples on ring8 or grid25."""
    field = engine.data.spec.x
    return mode_coverage(field.decode(finite(engine.sample(n, seed))), field.extra["modes"], field.extra["mode_std"])


def matched(codes: Tensor, classes: Tensor) -> float:
    """Share of examples whose code `[n]` is their class `[n]` under the best one-to-one renaming of codes."""
    from scipy.optimize import linear_sum_assignment

    k = int(torch.maximum(codes.max(), classes.max())) + 1
    table = torch.bincount(codes * k + classes, minlength=k * k).view(k, k).numpy()
    return float(table[linear_sum_assignment(table, maximize=True)].sum()) / len(codes)
