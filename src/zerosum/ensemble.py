"""One game under several seeds, played at once.

Every engine keeps its own weights, averages, optimizer's state and data order, but their tensors are slices of common
ones: what an engine can do between rounds, sampling and saving say, it does as ever. A step is taken by all of them
together: gradients under `torch.func.vmap`, and one optimizer over the common tensors, element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .draws import ROUND, accelerators, sow
from .engine import Engine
from .errors import InputError
from .fused import (
    Compiler,
    Fused,
    Graph,
    LossOf,
    Objective,
    Step,
    Unfusable,
    as_recorded,
    by_autograd,
    compare,
    inductor,
    like,
    moment,
    obstacle,
    recorded,
)
from .game import Batch, Move, Terms
from .optim import set_now
from .seeds import mix


class Ensemble:
    """Engines in play together, alike but for their seeds. In play they draw random numbers from one stream, so a seed
    plays another game in an ensemble than alone; an ensemble of one plays the very same."""

    def __init__(self, engines: list[Engine]):
        self.engines, self.first = engines, engines[0]
        own = [m.name for m in self.first.moves if type(m).play is not Move.play]
        if own or self.first.world > 1:
            why = f"its move {own[0]} is played in a way of its own" if own else "that is the work of one process"
            raise InputError(f"{type(self.first.game).__name__} does not play several seeds at once: {why}")
        named = [{name: t for t, name in engine.names.items()} for engine in engines]
        self.tensors = {name: common([tensors[name] for tensors in named]) for name in named[0]}
        self.averages = {
            player: {name: common([e.averages[player][name] for e in engines]) for name in average}
            for player, average in self.first.averages.items()
        }
        self.parameters = {
            player: [nn.Parameter(self.tensors[self.first.names[p]], requires_grad=False) for p in owned]
            for player, owned in self.first.parameters.items()
        }
        self.optimizers = {k: p.optimizer(self.parameters[k]) for k, p in self.first.players.items()}
        for player, optimizer in self.optimizers.items():
            for group, own in zip(optimizer.param_groups, self.first.optimizers[player].param_groups, strict=True):
                group.update({k: v for k, v in own.items() if k != "params"})
        self.players, self.guard, self.device = self.first.players, None, self.first.device
        self.fused = self._recorder(as_recorded)
        self._sums: Terms = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.engines)

    # Playing.

    def play(self, rounds: int) -> Ensemble:
        """Rounds, until the clocks show `rounds` of them."""
        while self.first.clock.rounds < rounds:
            self.round()
        return self

    def round(self) -> None:
        """One round of every engine. Raises Unfusable where a step cannot be recorded."""
        clock = self.first.clock
        sow(mix(self.first.seed, ROUND, clock.rounds, 0), self.first.device)
        batches: list[Batch] = []
        for move in self.first.moves:
            for i in range(move.count(clock)):
                if i == len(batches):
                    batches.append(together([engine.next_batch() for engine in self.engines]))
                self._descend(move, batches[i])
        for player in self.averages:
            self.fused.average(player, self.players[player].renewal(self.first.batch * len(batches), clock))
        for engine in self.engines:
            engine.clock.rounds += 1

    def prepare(self, compiler: Compiler = as_recorded) -> None:
        """Make the graphs of all steps. Raises Unfusable where one cannot be recorded."""
        fused = self._recorder(compiler)
        batch = together([next(iter(engine.stream())) for engine in self.engines])
        for move in self.first.moves:
            fused.prepare(move.player, move.objective, batch, move.divisible)
        self.fused = fused

    def compile(self, compiler: Compiler = inductor) -> list[str]:
        """Compile the steps, which are played operation by operation until then. Raises Unfusable."""
        if compiler is inductor and (why := obstacle(self.first.device)):
            raise Unfusable(why)
        self.prepare(compiler)
        return []

    def hand_out(self) -> None:
        """Give every engine the terms since the last time and its part of the optimizers' state, as it would have them
        had it played alone."""
        for i, engine in enumerate(self.engines):
            for key, total in self._sums.items():
                engine.tally(key, total[i], self._counts[key])
            for player, optimizer in self.optimizers.items():
                own = engine.optimizers[player]
                for p, shared in zip(engine.parameters[player], self.parameters[player], strict=True):
                    entries = optimizer.state.get(shared, {})
                    own.state[p] = {k: v[i] if v.shape == shared.shape else v.clone() for k, v in entries.items()}
                for group, common_group in zip(own.param_groups, optimizer.param_groups, strict=True):
                    group.update({k: v for k, v in common_group.items() if k != "params"})
        self._sums, self._counts = {}, {}

    # What it is made of.

    def _recorder(self, compiler: Compiler) -> Fused:
        return Fused(self.first, compiler, strict=True, make=self._together, user=self)

    def _descend(self, move: Move, batch: Batch) -> None:
        terms = self.fused(move.player, move.objective, batch, move.gain(self.first.clock), move.divisible)
        assert terms is not None  # strict
        for name, value in terms.items():
            key = f"{move.player}/{name}"
            self._sums[key] = self._sums[key] + value if key in self._sums else value
            self._counts[key] = self._counts.get(key, 0) + 1

    def step(self, name: str) -> None:
        """All engines' optimizers of player `name` use their gradients."""
        if schedule := self.players[name].schedule:
            set_now(self.optimizers[name], schedule(self.first.clock), name)
        self.use(name)

    def use(self, name: str, at: Sequence[int | Tensor] = ()) -> None:
        """What of a step happens on the device."""
        player, optimizer = self.players[name], self.optimizers[name]
        if player.clip:
            clip(self.parameters[name], player.clip)
        optimizer.step()
        for engine in self.engines:
            if after := engine.players[name].after:
                with torch.no_grad():
                    after()

    def count(self) -> None:
        """Steps are numbered for the guard, which an ensemble has none of."""

    @torch.no_grad()
    def average(self, player: str, weight: float | Tensor) -> None:
        """Move a player's averages by `weight` of the way to what they are now."""
        for name, tensor in self.averages[player].items():
            if tensor.is_floating_point():
                tensor.lerp_(self.tensors[name], weight)
            else:
                tensor.copy_(self.tensors[name])

    def _together(self, engine: Engine, name: str, objective: Objective, batch: Batch, compiler: Compiler) -> Graph:
        """The graph of one step of player `name` in all engines."""
        mine = [engine.names[p] for p in engine.parameters[name]]
        names = [*mine, *(n for n in self.tensors if n not in set(mine))]
        arrays, now = list(batch.tensors), moment(engine.clock, 1.0).to(engine.device)
        alone = Step(engine, objective, names, len(mine), arrays, by_autograd)
        inputs = [*(self.tensors[n] for n in names), *batch.tensors.values()]
        with torch.random.fork_rng(accelerators(engine.device)):
            alone(*(t[0].clone() for t in inputs), now)  # tells which gradients there are
        step = Step(engine, objective, names, len(mine), arrays, by_function, alone.used)
        dims = (*(0 for _ in inputs), None)
        mapped = torch.func.vmap(step, in_dims=dims, randomness="different")

        def contiguous(*given: Tensor) -> list[Tensor]:
            moved = [t for t, used in zip(given, alone.used, strict=False) if used]
            out = mapped(*given)
            return [*map(like, out, moved), *out[len(moved) :]]

        inputs.append(now)
        run = compiler(recorded(contiguous, inputs), inputs)
        compare(contiguous, run, inputs, engine)
        parameters = self.parameters[name]
        moved = [p for p, used in zip(parameters, alone.used, strict=True) if used]
        still = [p for p, used in zip(parameters, alone.used, strict=True) if not used]
        return Graph(run, inputs[: len(names)], moved, still, step.terms)


def common(tensors: list[Tensor]) -> Tensor:
    """One tensor `[n, ...]`, of which the given ones are slices from now on."""
    whole = torch.stack([t.detach() for t in tensors])
    for t, part in zip(tensors, whole, strict=True):
        t.data = part
    return whole


def together(batches: list[Batch]) -> Batch:
    return Batch(**{name: torch.stack([b.tensors[name] for b in batches]) for name in batches[0].tensors})


def by_function(loss: LossOf, theta: list[Tensor], rest: list[Tensor]) -> tuple[Any, Terms]:
    """Gradients under `torch.func`, which writes buffers in place only where they are arguments."""
    return torch.func.grad(loss, has_aux=True)(theta, rest)


@torch.no_grad()
def clip(parameters: list[nn.Parameter], most: float) -> None:
    """Each seed's whole gradient is at most so long, as `clip_grad_norm_` does it."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    lengths = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
    factors = (most / (lengths + 1e-6)).clamp(max=1.0)
    for g in gradients:
        g.mul_(factors.view(-1, *[1] * (g.ndim - 1)))
