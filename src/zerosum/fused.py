"""Steps of players as compiled functions, without a change to any game.

The gradients of one step are a function of tensors: parameters, buffers, the batch and the clock go in; gradients and
terms come out, and buffers are written in place. Its operations, random numbers and penalties included, are recorded
once, below autograd, and compiled into one graph. Optimizers, and what else `Engine.step` does, stay the engine's, so
that a checkpoint does not depend on how it was played.

Python is gone from the record. An objective that reads the clock gets tensors, and numbers that a game keeps in its
attributes belong to the key under which its graph is kept. A value that leads to a branch cannot be recorded; such
steps are played by the engine as before.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.modules.conv import _ConvNd

from .captured import Averages, Captured, Uncapturable
from .draws import accelerators
from .engine import Engine
from .game import Batch, Clock, Game, Objective, Terms

if TYPE_CHECKING:
    from .ensemble import Ensemble

Compiler = Callable[[GraphModule, list[Tensor]], Callable[..., Any]]
LossOf = Callable[[Sequence[Tensor], Sequence[Tensor]], tuple[Tensor, Terms]]
Differentiate = Callable[[LossOf, list[Tensor], list[Tensor]], tuple[Sequence[Tensor | None], Terms]]
Make = Callable[[Engine, str, Objective, Batch, Compiler], "Graph"]
VARIANTS = 4  # graphs of one objective, for numbers that a game changes as it plays
LOOK = 8  # rounds between looks for such numbers inside its networks
START = 20  # rounds that a run plays before it may switch
CAPTURE = 1000  # rounds that repay a capture on a GPU: a second or two, and 4 ms a round (docs/bench.md)
REPAY = 13_000  # steps of an objective that repay its compilation twice: 8 s, and 1.2 ms a step (docs/speed.md)
TOLERANCE = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 0.1}  # of each of a graph's gradients, in shares of its largest number
CANCELLED = 0.1  # the least they are held against, in shares of all: a bias before a batch norm has but rounding


class Unfusable(ValueError):
    """Why a step of a game cannot be compiled."""


# Compilers.


def inductor(graph: GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """Compiled. Random numbers are those that torch draws without compiling."""
    import torch._inductor

    with warnings.catch_warnings():  # of what torch itself does, and of `--precision tf32`, which is the user's choice
        warnings.simplefilter("ignore")
        return torch._inductor.compile(graph, inputs, options={"fallback_random": True})  # type: ignore[return-value, arg-type]


def as_recorded(graph: GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """Not compiled: the record is played operation by operation."""
    return graph


def obstacle(device: str) -> str | None:
    """Why nothing can be compiled for this device; None where it can."""
    name = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if device == "cpu" and shutil.which(name) is None:
        return f"there is no C++ compiler {name!r} here; install one, or name another by the variable CXX"
    if device.startswith("cuda") and find_spec("triton") is None:
        return "torch compiles for a GPU by triton, which is not installed: pip install triton"
    return None


def usual(device: str) -> Compiler:
    """What repays itself soonest. On a GPU a record is captured as CUDA graphs, compiled or not: most is gained there
    by launching once, and a record is made in half a second."""
    return as_recorded if device.startswith("cuda") else inductor


# When to compile.


def pays(engine: Engine, rounds: int, seeds: int = 1) -> bool:
    """Whether a run of so many rounds, of so many seeds at once, repays `usual`. A rule, not a measurement, so that
    a run done again switches at the same round. Convolutions gain nothing on a CPU."""
    if engine.device.startswith("cuda"):
        return rounds >= CAPTURE
    if engine.device != "cpu" or convolves(engine.game):
        return False
    clock = replace(engine.clock, rounds=rounds // 2)
    steps = [(m.times(clock) if callable(m.times) else m.times) / m.gain(clock) for m in engine.moves]
    return seeds * rounds * sum(steps) >= REPAY * len(steps)


def convolves(game: Game) -> bool:
    return any(isinstance(m, _ConvNd) for m in game.modules())


def fuse(engine: Engine, strict: bool = False, compiler: Compiler = inductor) -> list[str]:
    """Compile all steps of an engine's moves; returns a note for each that stays as it is. Raises Unfusable for the
    first of them where `strict`, and where nothing can be compiled."""
    if compiler is inductor and (why := obstacle(engine.device)):
        raise Unfusable(why)
    fused = Fused(engine, compiler, strict)
    batch = next(iter(engine.stream()))
    for move in engine.moves:
        fused.prepare(move.player, move.objective, batch, move.divisible)
    engine.fused = fused
    return [f"{name} is not compiled: {why}" for name, why in fused.reasons.items()]


# Graphs.


@dataclass(frozen=True, eq=False)
class Graph:
    """One compiled step: what goes in before the batch and the clock, and what comes out."""

    run: Callable[..., Any]
    state: list[Tensor]
    moved: list[nn.Parameter]  # parameters whose gradients come out first
    still: list[nn.Parameter]  # parameters that the objective does not depend on
    terms: list[str]  # what comes out after the gradients

    def __call__(self, batch: Batch, now: Tensor) -> Terms:
        """Sets the gradients; returns the terms."""
        with torch.no_grad():
            out = self.run(*self.state, *batch.tensors.values(), now)
        for p, gradient in zip(self.moved, out, strict=False):
            p.grad = gradient
        for p in self.still:
            p.grad = None
        return dict(zip(self.terms, out[len(self.moved) :], strict=True))


class Fused:
    """Plays an engine's steps as graphs, made as they are needed.

    Steps that cannot be compiled are left to the engine, and `reasons` says why; with `strict` they raise Unfusable.
    """

    def __init__(
        self,
        engine: Engine,
        compiler: Compiler = inductor,
        strict: bool = False,
        make: Make | None = None,
        user: Engine | Ensemble | None = None,  # of the gradients, if not the engine
    ):
        self.engine, self.compiler, self.strict, self.make = engine, compiler, strict, make or compiled
        self.user = user or engine
        self.graphs: dict[Any, Graph | None] = {}
        self.pool = torch.cuda.graph_pool_handle() if engine.device.startswith("cuda") else None  # memory of captures
        self.captured: dict[Graph, Captured] = {}
        self.averages: dict[str, Averages] = {}
        self.reasons: dict[str, str] = {}  # by objective
        self._inside: tuple[Any, ...] = ()

    def __call__(self, name: str, objective: Objective, batch: Batch, gain: float, divisible: bool) -> Terms | None:
        graph = self.prepare(name, objective, batch, divisible)
        if graph is None:
            return None
        now = moment(self.engine.clock, gain, self.engine.at)
        if self.pool is None:
            terms = graph(batch, now.to(self.engine.device))
            self.user.step(name)
            return terms
        if graph not in self.captured:
            self.captured[graph] = Captured(self.user, name, graph, self.pool)
        try:
            return self.captured[graph](batch, now)
        except Uncapturable as error:
            self._leave(objective, f"it cannot be captured ({error})", error)
            self.graphs = {k: None if g is graph else g for k, g in self.graphs.items()}
            return None

    def average(self, name: str, weight: float) -> None:
        """Move the average of player `name` by `weight` of the way to what it is now."""
        if self.pool is None:
            self.user.average(name, weight)
            return
        if name not in self.averages:
            self.averages[name] = Averages(self.user, name, self.pool)
        self.averages[name](weight)

    def prepare(self, name: str, objective: Objective, batch: Batch, divisible: bool) -> Graph | None:
        """The graph of this step, compiled if it is new; None where it cannot be."""
        engine = self.engine
        if not self._inside or engine.clock.rounds % LOOK == 0:
            self._inside = tuple(n for module in engine.game.children() for n in numbers(*module.modules()))
        key = (name, objective, divisible, *shapes(batch), numbers(engine.game), self._inside)
        if key not in self.graphs:
            self.graphs[key] = self._make(name, objective, batch, divisible)
        return self.graphs[key]

    def _make(self, name: str, objective: Objective, batch: Batch, divisible: bool) -> Graph | None:
        try:
            if sum(key[:2] == (name, objective) for key in self.graphs) >= VARIANTS:
                raise Unfusable("the game changes its own numbers again and again")
            if self.engine.world > 1 or (divisible and self.engine.micro < self.engine.batch):
                raise Unfusable("a batch that is played in parts draws its random numbers part by part")
            return self.make(self.engine, name, objective, batch, self.compiler)
        except (Unfusable, torch.OutOfMemoryError) as error:
            self._leave(objective, str(error), error)
            return None

    def _leave(self, objective: Objective, why: str, error: Exception) -> None:
        """A step is left to the engine; where `strict` that is an error."""
        title = getattr(objective, "__name__", type(objective).__name__)
        if self.strict:
            raise Unfusable(f"{type(self.engine.game).__name__}.{title} cannot be recorded: {why}") from error
        self.reasons[title] = why


def shapes(batch: Batch) -> tuple[Any, ...]:
    return tuple((k, t.shape, t.dtype) for k, t in batch.tensors.items())


def numbers(*modules: nn.Module) -> tuple[Any, ...]:
    """Numbers and words in the modules' attributes, which a record holds as constants."""
    return tuple(v for m in modules for v in vars(m).values() if isinstance(v, int | float | str))


def moment(clock: Clock, gain: float, at: tuple[int, int, int] = (0, 0, 0)) -> Tensor:
    """What changes from step to step besides tensors, as one tensor; the last three say `at` which step it is."""
    return torch.tensor([clock.rounds, clock.examples, gain, *at], dtype=torch.float64)


def compiled(engine: Engine, name: str, objective: Objective, batch: Batch, compiler: Compiler) -> Graph:
    """The graph of one step of player `name`, held once against the step as Python plays it."""
    mine = engine.parameters[name]
    names = {t: n for n, t in [*engine.game.named_parameters(), *engine.game.named_buffers()]}
    state: list[Tensor] = [*mine, *(t for t in names if t not in set(mine))]
    step = Step(engine, objective, [names[t] for t in state], len(mine), list(batch.tensors), by_autograd)
    inputs = [t.detach() for t in (*state, *batch.tensors.values(), moment(engine.clock, 1.0).to(engine.device))]
    run = compiler(recorded(step, inputs), inputs)
    compare(step, run, inputs, engine)
    moved = [p for p, used in zip(mine, step.used, strict=True) if used]
    return Graph(run, state, moved, [p for p in mine if p not in set(moved)], step.terms)


class Step:
    """One step's gradients and terms as a function of tensors: state, the mover's parameters first, then the batch's
    arrays, then the moment. Gradients that there are not are left out; calling it says which (`used`), and how the
    terms are called (`terms`)."""

    def __init__(
        self,
        engine: Engine,
        objective: Objective,
        names: list[str],  # of the state, in the game
        mine: int,  # how much of it is the mover's
        arrays: list[str],
        differentiate: Differentiate,
        wanted: list[bool] | None = None,  # gradients to give, where it is known; else those that there are
    ):
        self.engine, self.objective, self.mine, self.arrays = engine, objective, mine, arrays
        self.names = [f"game.{name}" for name in names]
        self.differentiate, self.wanted = differentiate, wanted
        self.held = Held(engine.game)
        self.used: list[bool] = []
        self.terms: list[str] = []

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        theta, rest = list(inputs[: self.mine]), list(inputs[self.mine : len(self.names)])
        batch, now = Batch(**dict(zip(self.arrays, inputs[len(self.names) : -1], strict=True))), inputs[-1]

        def loss(theta: Sequence[Tensor], rest: Sequence[Tensor]) -> tuple[Tensor, Terms]:
            state = dict(zip(self.names, [*theta, *rest], strict=True))
            terms, total = functional_call(self.held, state, (self.engine.loss, self.objective, batch))
            return total * now[2], {k: v.detach().float() for k, v in terms.items()}

        game = self.engine.game
        clock, game.clock = game.clock, replace(game.clock, rounds=now[0], examples=now[1])
        try:
            gradients, terms = self.differentiate(loss, theta, rest)
        finally:
            game.clock = clock
        self.used, self.terms = self.wanted or [g is not None for g in gradients], list(terms)
        kept = [(g, t) for g, t, used in zip(gradients, theta, self.used, strict=True) if used and g is not None]
        return [*(like(g, t) for g, t in kept), *terms.values()]


def like(gradient: Tensor, t: Tensor) -> Tensor:
    """In the memory layout of its parameter, as `backward` leaves it; torch's fused optimizers read the memory."""
    return gradient if gradient.stride() == t.stride() else torch.empty_like(t).copy_(gradient)


def by_autograd(loss: LossOf, theta: list[Tensor], rest: list[Tensor]) -> tuple[Sequence[Tensor | None], Terms]:
    with torch.enable_grad():
        leaves = [t.detach().requires_grad_() for t in theta]
        total, terms = loss(leaves, rest)
        return torch.autograd.grad(total, leaves, allow_unused=True), terms


class Held(nn.Module):
    """Lets `functional_call` put tensors into a game while any function of it runs."""

    def __init__(self, game: Game):
        super().__init__()
        self.game = game

    def forward(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def recorded(function: Callable[..., Any], inputs: list[Tensor]) -> GraphModule:
    """The operations of a function of tensors. Raises Unfusable where they depend on values."""
    try:
        return make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*inputs)
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unfusable(f"what it computes depends on values ({said})") from error


def compare(step: Callable[..., list[Tensor]], run: Callable[..., Any], inputs: list[Tensor], engine: Engine) -> None:
    """Raises Unfusable where the compiled step and the step give different gradients or buffers."""
    results, largest = [], 0.0
    for function in (step, run):
        copies = [t.clone() for t in inputs]
        with exactly(), torch.random.fork_rng(accelerators(engine.device)), torch.no_grad():
            torch.manual_seed(engine.seed)
            out = function(*copies)
        largest = max([largest, *(float(t.abs().max()) for t in out if t.numel() and t.isfinite().all())])
        results.append([*out, *copies])
    for a, b in zip(*results, strict=True):
        if a.is_floating_point():
            least = 1e-6 + CANCELLED * largest
            off = float((a - b).abs().max() / a.abs().max().clamp(min=least)) if a.numel() else 0.0
            if not off <= TOLERANCE[engine.precision] and bool(a.isfinite().all()):
                raise Unfusable(f"compiled, it computes something else (off by {off:.1g} of the largest value)")


@contextmanager
def exactly() -> Iterator[None]:
    """Inside, a GPU convolves in float32 and adds in a fixed order; by default torch does neither."""
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    cudnn.allow_tf32, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.allow_tf32, cudnn.deterministic = before
