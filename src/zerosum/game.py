"""A GAN is a game.

    player    parameters, and the rule that changes them
    move      one player descends one objective, at some cadence
    game      the networks, the players, and the moves of one round

A game subclasses `Game`: annotated fields are its hyperparameters, `build` makes the networks, `players` and `moves`
declare the game, and every objective is a method from a batch to a loss. No game calls `backward` or `step`, and none
needs `detach`: the engine freezes every player but the mover.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import torch
from torch import Tensor, nn

from .errors import InputError
from .spec import Spec

if TYPE_CHECKING:
    from .engine import Engine

Loss = Tensor | dict[str, Tensor]  # a dict is a sum of named terms
Terms = dict[str, Tensor]


class Batch:
    """Named tensors that share their first dimension: `batch.x`, `batch.y`, `batch.a`..."""

    def __init__(self, **tensors: Tensor):
        self.tensors = tensors

    def __getattr__(self, name: str) -> Tensor:
        tensors = self.__dict__.get("tensors", {})  # none yet while it is being copied
        if name not in tensors:
            raise AttributeError(f"this batch has no {name!r}; it has {', '.join(tensors)}")
        return tensors[name]

    @property
    def n(self) -> int:
        return len(next(iter(self.tensors.values())))

    def split(self, size: int) -> Iterator[Batch]:
        """Consecutive parts of at most `size` examples."""
        for i in range(0, self.n, size):
            yield Batch(**{k: v[i : i + size] for k, v in self.tensors.items()})

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{k: v.to(device, non_blocking=True) for k, v in self.tensors.items()})


@dataclass
class Clock:
    """What has been played so far. All schedules are functions of it, and it is saved with every checkpoint."""

    rounds: int = 0
    examples: int = 0  # real examples drawn from the data, over all ranks


@dataclass(frozen=True)
class EMA:
    """Exponential moving average of a player's weights and buffers; sampling uses it.

    The half-life is counted in examples (Karras et al. 2020, App. B), so it does not depend on the batch. While few
    examples have been seen it is at most `rampup` of them.
    """

    half_life: float
    rampup: float | None = 0.05

    def decay(self, examples: int, clock: Clock) -> float:
        """Weight of the old average after `examples` more examples."""
        half_life = self.half_life if self.rampup is None else min(self.half_life, self.rampup * clock.examples)
        return 0.5 ** (examples / max(half_life, 1e-8))


@dataclass(frozen=True)
class Player:
    """Parameters, and the rule that changes them."""

    modules: nn.Module | list[nn.Module]
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    ema: EMA | None = None
    schedule: Callable[[Clock], Mapping[str, Any]] | None = (
        None  # optimizer settings now, e.g. {"lr": ..., "betas": ...}
    )
    clip: float | None = None  # largest norm of the whole gradient
    after: Callable[[], None] | None = None  # runs after each step, e.g. weight clipping

    def owned(self) -> list[nn.Module]:
        return self.modules if isinstance(self.modules, list) else [self.modules]

    def parameters(self) -> list[nn.Parameter]:
        """Each parameter once, in a fixed order, however often it is shared."""
        return list(dict.fromkeys(p for m in self.owned() for p in m.parameters()))

    def renewal(self, examples: int, clock: Clock) -> float:
        """The share of what it is now in its average, after `examples` more examples."""
        assert self.ema is not None
        return 1 - self.ema.decay(examples, clock)


Objective = Callable[[Batch], Loss]


@dataclass(frozen=True)
class Move:
    """One player descends one objective. `times`, `every` and `when` are values or predicates of the clock."""

    player: str
    objective: Objective
    times: int | Callable[[Clock], int] = 1  # repeats in a round, each on fresh data
    every: int | Callable[[Clock], int] = 1  # lazy: played in every k-th round, with k times the gradient
    when: Callable[[Clock], bool] | None = None  # the phases in which it is played at all
    divisible: bool = True  # may its batch be split for gradient accumulation?

    @property
    def name(self) -> str:
        return getattr(self.objective, "__name__", type(self.objective).__name__)

    def gain(self, clock: Clock) -> int:
        """How many rounds one playing of it stands for."""
        return self.every(clock) if callable(self.every) else self.every

    def count(self, clock: Clock) -> int:
        """How often it is played in this round."""
        if clock.rounds % self.gain(clock) or (self.when is not None and not self.when(clock)):
            return 0
        return self.times(clock) if callable(self.times) else self.times

    def play(self, engine: Engine, batch: Batch) -> Terms:
        """The terms of the objective. A subclass may do something else than one step: evolution, search, sampling."""
        return engine.descend(
            self.player, self.objective, batch, gain=self.gain(engine.clock), divisible=self.divisible
        )


@dataclass_transform(kw_only_default=True, eq_default=False)
class Game(nn.Module):
    """Base class of every game.

    `needs` says which arrays the game reads, and of which kinds ("image", "vector", "label", "text"); `paired`, whether
    a and b must be pairs; `features`, in which of the coordinates of `zerosum.features` it wants scattering events.
    Beyond `sample`, a game says what it can do by the methods that it has: `encode(x)`, `translate(a)`,
    `translate_back(b)`, `joint(n)`, `classify(x)`, `score(x)`, `complete(prefix)`.
    """

    needs: ClassVar[dict[str, tuple[str, ...]]] = {"x": ("image", "vector")}
    paired: ClassVar[bool] = False
    features: ClassVar[str | None] = None  # of scattering events, where the user asks for none

    if TYPE_CHECKING:  # networks, priors and buffers that `build` makes

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        dataclass(cls, kw_only=True, eq=False, repr=False)

    def __post_init__(self) -> None:
        nn.Module.__init__(self)
        self.clock = Clock()

    # What a game writes.

    def build(self, spec: Spec) -> None:
        """Make networks and priors for data of this `spec`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to build its networks")

    def players(self) -> dict[str, Player]:
        raise NotImplementedError(f"{type(self).__name__} does not name its players")

    def moves(self) -> list[Move]:
        """The moves of one round, in order."""
        raise NotImplementedError(f"{type(self).__name__} does not name its moves")

    def latent(self, n: int) -> Tensor:
        """`n` latents, all that G is given besides a condition. Override where it is more than the prior's draws."""
        return self.prior(n)

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """What the model makes of latents. Override where that is not G(z), as in games that take a condition `y`."""
        return self.G(z)

    def sample(self, n: int) -> Tensor:
        """`n` draws from the model, `[n, *spec.x.shape]`."""
        return self.render(self.latent(n))

    # What every game has.

    def hyperparameters(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # pyright: ignore[reportArgumentType]

    def check(self, spec: Spec) -> None:
        """Raises InputError where the data does not hold what the game needs."""
        for name, kinds in self.needs.items():
            wanted = f"{type(self).__name__} needs {article(' or '.join(kinds))} array {name!r}"
            if name not in spec:
                raise InputError(f"{wanted}; this data has {spec}")
            if spec.fields[name].kind not in kinds:
                raise InputError(f"{wanted}; in this data {name!r} is {article(spec.fields[name].kind)}")

    @property
    def device(self) -> torch.device:
        """Where the game is played, and its noise must be drawn."""
        return next(self.parameters()).device

    def discriminators(self) -> list[nn.Module]:
        """Networks that judge pictures; differentiable augmentation is put in front of them."""
        named = [module for name, module in self.named_children() if name == "D" or name.startswith("D_")]
        return [m for module in named for m in (module if isinstance(module, nn.ModuleList) else [module])]


def article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def named_terms(loss: Loss, name: str) -> Terms:
    return loss if isinstance(loss, dict) else {name: loss}


@contextmanager
def only(mine: Iterable[nn.Parameter], everyone: Iterable[nn.Parameter]) -> Iterator[None]:
    """Freeze everyone's parameters but mine, so that objectives need no `detach`."""
    for p in everyone:
        p.requires_grad_(False)
    for p in mine:
        p.requires_grad_(True)
    try:
        yield
    finally:
        for p in everyone:
            p.requires_grad_(True)


def algorithm(game: Game) -> str:
    """The game's moves as pseudo-code, one line a move. The game must be built."""
    lines = ["repeat"]
    for move in game.moves():
        indent = "    "
        if move.when is not None:
            lines.append(f"{indent}while its phase lasts:")
            indent += "    "
        if callable(move.every):
            lines.append(f"{indent}in every so many rounds as the clock says:")
            indent += "    "
        elif move.every != 1:
            lines.append(f"{indent}every {move.every} rounds, with {move.every} times the gradient:")
            indent += "    "
        if callable(move.times):
            lines.append(f"{indent}as often as the clock says:")
            indent += "    "
        elif move.times != 1:
            lines.append(f"{indent}{move.times} times:")
            indent += "    "
        doc = inspect.getdoc(move.objective) or ""
        meaning = f"   # {doc.splitlines()[0]}" if doc else ""
        lines.append(f"{indent}{move.player} descends {move.name}(batch){meaning}")
    return "\n".join(lines)
