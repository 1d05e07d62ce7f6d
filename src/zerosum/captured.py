"""Steps on a GPU as CUDA graphs: what took a hundred launches takes one.

On small networks a GPU waits for Python, which launches its kernels one by one. Here a player's whole step (gradients,
the guard against numbers that are not finite, clipping, optimizer) is captured once, and launched at once from then on.
Random numbers stay those of torch's generator, whose state a graph reads at every launch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .game import Batch, Terms

if TYPE_CHECKING:
    from .engine import Engine
    from .ensemble import Ensemble
    from .fused import Graph

Function = Callable[..., list[Tensor]]  # of tensors
KNOWN = (torch.optim.Adam, torch.optim.RMSprop, torch.optim.SGD)  # whose steps do not wait for the device


class Uncapturable(RuntimeError):
    """Why a step cannot be captured."""


class Captured:
    """One step of player `name`: `graph` gives its gradients, the engine (or an ensemble) uses them.

    The first call plays it kernel by kernel, which makes the optimizer's state and warms libraries up; the second
    captures it. A schedule sets numbers that a capture would hold as constants, so a player who has one, like one whose
    optimizer is not KNOWN, takes the gradients from the capture and steps as ever.
    """

    def __init__(self, engine: Engine | Ensemble, name: str, graph: Graph, pool: Any):
        self.engine, self.name, self.graph, self.pool = engine, name, graph, pool
        player, optimizer = engine.players[name], engine.optimizers[name]
        self.whole = not player.schedule and isinstance(optimizer, KNOWN)
        self.guard: Any = self  # the engine's that is captured, none as yet; a load puts another into it
        self.replay: Function | None = None
        self.gradients: list[Tensor | None] = []  # where a launch writes them

    def __call__(self, batch: Batch, now: Tensor) -> Terms:
        engine = self.engine
        if self.guard is not engine.guard:
            self.guard, self.replay = engine.guard, None
            terms = self.graph(batch, now.to(engine.device, non_blocking=True))
            engine.step(self.name)
            return terms
        given = [now, *batch.tensors.values()]
        if self.replay is None:
            arrays = list(batch.tensors)
            self.replay = captured(
                lambda now, *tensors: self.play(Batch(**dict(zip(arrays, tensors, strict=True))), now),
                [t.to(engine.device, copy=True) for t in given],
                self.pool,
            )
        (values,) = self.replay(*given)
        for p, gradient in zip(engine.parameters[self.name], self.gradients, strict=True):
            p.grad = gradient
        if self.whole:
            engine.count()
        else:
            engine.step(self.name)
        return dict(zip(self.graph.terms, values.clone().unbind(), strict=True))

    def play(self, batch: Batch, now: Tensor) -> list[Tensor]:
        """What is captured."""
        terms = self.graph(batch, now)
        self.gradients = [p.grad for p in self.engine.parameters[self.name]]
        if self.whole:
            self.engine.use(self.name, now[3:].unbind())
        return [torch.stack([*terms.values()])]


class Averages:
    """A player's exponential moving average, in one launch."""

    def __init__(self, engine: Engine | Ensemble, name: str, pool: Any):
        self.engine, self.name, self.pool = engine, name, pool
        self.guard: Any = self
        self.replay: Function | None = None

    def __call__(self, weight: float) -> None:
        engine = self.engine
        given = torch.tensor(weight)
        if self.replay is None or self.guard is not engine.guard:
            self.guard = engine.guard
            self.replay = captured(self.play, [given.to(engine.device)], self.pool)
        self.replay(given)

    def play(self, weight: Tensor) -> list[Tensor]:
        self.engine.average(self.name, weight)
        return []


def captured(function: Function, inputs: list[Tensor], pool: Any) -> Function:
    """The function's kernels as one launch. What is given is copied to `inputs`; what it returns is overwritten by the
    next call. Capturing runs nothing. Raises Uncapturable where the function waits for the device, or memory does not
    suffice."""
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"), torch.no_grad():
            out = function(*inputs)
    except RuntimeError as error:
        raise Uncapturable(str(error).splitlines()[0]) from error

    def replay(*given: Tensor) -> list[Tensor]:
        for mine, t in zip(inputs, given, strict=True):
            mine.copy_(t, non_blocking=True)
        graph.replay()
        return out

    return replay
