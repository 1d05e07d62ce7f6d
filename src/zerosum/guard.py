"""No player moves after a gradient that is not finite, and the host waits for no device to see to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .game import Batch, Objective, Terms, named_terms, only
from .processes import all_say

if TYPE_CHECKING:
    from .engine import Engine

MOST = 1 << 20  # steps of a round
check = torch.ops.aten._amp_foreach_non_finite_check_and_unscale_
LARGE = 1 << 16  # numbers of a tensor beyond which a sum is the faster look


class NonFinite(ArithmeticError):
    """A term of the game, or a gradient, is no longer a number."""


def finite(tensors: Iterable[Tensor]) -> Tensor:
    """Are all numbers in all of them finite? A bool on their device; a pure function, for compiled rounds too.

    One pass: a sum is finite only where all that is summed is. Numbers whose sum passes 3e38 count as not finite.
    """
    return torch.stack([t.sum(dtype=torch.float32) for t in tensors]).sum().isfinite()


class Guard:
    """Remembers the first step whose gradient was not finite, and lets no step pass from there on."""

    def __init__(self, device: str):
        self.waits = torch.device(device).type == "cpu"  # there a look at a flag costs nothing
        self.good = torch.ones((), dtype=torch.bool, device=device)
        self._where = torch.zeros((), dtype=torch.int64, device=device)
        self._examples = torch.zeros((), dtype=torch.int64, device=device)
        single = {"dtype": torch.float32, "device": device}  # whatever the default
        self._found, self._one = torch.zeros((), **single), torch.ones((), **single)

    def allows(self, gradients: list[Tensor], at: Sequence[int | Tensor]) -> Tensor:
        """May a step be taken, by its gradients and by all before? It is the k-th of (round, examples before it, k)."""
        round, examples, k = at
        if self.waits:
            if self.good and not self._sees(gradients):
                self._where.fill_(round * MOST + k)
                self._examples.fill_(examples)
                self.good.fill_(False)
        else:
            good = finite(gradients)
            first = self.good & ~good
            self._where.copy_(torch.where(first, round * MOST + k, self._where))
            self._examples.copy_(torch.where(first, examples, self._examples))
            self.good.logical_and_(good)
        return self.good

    def _sees(self, gradients: list[Tensor]) -> bool:
        """`finite`, for many small tensors in one call of the kernel that torch's gradient scaler uses."""
        small = [g for g in gradients if g.numel() < LARGE]
        if small:
            self._found.zero_()
            check(small, self._found, self._one)
            if self._found.item():
                return False
        return all(math.isfinite(g.sum(dtype=torch.float32).item()) for g in gradients if g.numel() >= LARGE)

    def first(self) -> tuple[int, int, int] | None:
        """The step that was not let pass: (round, examples before it, k). Waits for the device."""
        if self.good:
            return None
        where = int(self._where)
        return where // MOST, int(self._examples), where % MOST


def guarded(optimizer: torch.optim.Optimizer, good: Tensor) -> None:
    """One step of the optimizer, or none, weights and state untouched, where `good` is false."""
    if good.device.type == "cpu":
        if good:
            optimizer.step()
    elif isinstance(optimizer, torch.optim.Adam) and optimizer.defaults.get("fused"):
        optimizer.found_inf = (~good).float()  # type: ignore[attr-defined]  # read by its kernel
        optimizer.step()
    else:
        undoing(optimizer, good)


@torch.no_grad()
def undoing(optimizer: torch.optim.Optimizer, good: Tensor) -> None:
    """A step that is taken back where `good` is false; for optimizers that cannot be told."""

    def tensors() -> dict[tuple[int, str], Tensor]:
        owned = [p for group in optimizer.param_groups for p in group["params"]]
        found = {(i, ""): p for i, p in enumerate(owned)}
        for i, p in enumerate(owned):
            found |= {(i, k): v for k, v in optimizer.state.get(p, {}).items() if isinstance(v, Tensor)}
        return found

    before = {k: v.clone() for k, v in tensors().items()}
    optimizer.step()
    for key, tensor in tensors().items():
        old = before.get(key, torch.zeros_like(tensor))
        tensor.copy_(torch.where(good.to(tensor.device), tensor, old.to(tensor.device)))


# Naming it: the round is played once more up to that step. Its randomness is a function of (seed, round), and no
# parameter has changed since, so what was not finite is so again.


def explain(engine: Engine, step: tuple[int, int, int]) -> str:
    """What was not finite in that step. In all processes at once; each tells what it saw in its part of the batch."""
    replay = Replay(engine, step[2])
    try:
        engine.restart()
        replay.round()
    except Here as found:
        whys = [f"{f'rank {r}: ' if engine.world > 1 else ''}{w}" for r, w in enumerate(all_say(found.why)) if w]
        why = "; ".join(whys) or "played again, it is finite: a fault of the machine, or of something not reproducible"
        where = f"{found.player}'s move {found.move!r}"
        return f"in round {step[0] + 1} the gradient of {where} is not finite ({why}). It was not used"
    return f"in round {step[0] + 1} the gradient of move {step[2] + 1} is not finite. It was not used"


def rewind(engine: Engine, k: int) -> None:
    """Random numbers as they were before the k-th step of the round that is being played, examples too."""
    now = engine.clock.examples
    engine.clock.examples = engine.began
    try:
        engine.restart()
        Replay(engine, k, look=False).round()
    except Here:
        engine.clock.examples = now
        engine.restart_data()


class Here(Exception):
    """The step that was looked for."""

    def __init__(self, player: str, move: str, why: str):
        super().__init__(why)
        self.player, self.move, self.why = player, move, why


class Replay:
    """Stands in for the engine in its moves, and changes nothing. Everything else is the engine's."""

    def __init__(self, engine: Engine, last: int, look: bool = True):
        self.engine, self.last, self.look, self.now = engine, last, look, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def round(self) -> None:
        batches: list[Batch] = []
        for move in self.engine.moves:
            for i in range(move.count(self.engine.clock)):
                if i == len(batches):
                    batches.append(self.engine.next_batch())
                move.play(self, batches[i])  # type: ignore[arg-type]

    def descend(
        self, name: str, objective: Objective, batch: Batch, *, gain: float = 1.0, divisible: bool = True
    ) -> Terms:
        engine, found = self.engine, {}
        if self.now == self.last and not self.look:
            raise Here(name, "", "")
        with only(engine.parameters[name], engine.everyone):
            whys = []
            for part, noise in engine.parts(batch, divisible):
                with noise, engine.cast():
                    if self.now == self.last:
                        owned = {engine.names[p]: p for p in engine.parameters[name]}
                        whys.append(blame(engine.game, objective, part, owned))
                    else:
                        found = named_terms(objective(part), "loss")
            if whys:
                raise Here(name, getattr(objective, "__name__", "loss"), next(filter(None, whys), ""))
        self.step(name)
        return {k: v.detach() for k, v in found.items()}

    def step(self, name: str) -> None:
        self.now += 1


def blame(game: nn.Module, objective: Objective, batch: Batch, owned: dict[str, nn.Parameter]) -> str:
    """Which term, and which layer, is not finite when a player that has these parameters descends the objective; ""
    where all is finite.

    Every term is differentiated, whatever was found before, so that processes that share statistics stay in step.
    """
    broken = [k for k, v in batch.tensors.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        origin = f"{', '.join(broken)} of the batch"
    else:
        weights = [k for k, p in game.named_parameters() if not p.isfinite().all()]
        origin = f"weights {', '.join(weights[:3])}" if weights else ""
    with first_bad_layer(game) as layer:
        terms = named_terms(objective(batch), getattr(objective, "__name__", "loss"))
    found = []
    for name, term in terms.items():
        value = bool(term.isfinite())
        gradients = (
            torch.autograd.grad(term, list(owned.values()), retain_graph=True, allow_unused=True)
            if term.requires_grad
            else []
        )
        bad = [k for k, g in zip(owned, gradients, strict=False) if g is not None and not g.isfinite().all()]
        if not value:
            where = f", first in {layer[0]}" if layer else ""
            found.append(f"term {name!r} is {term.item()}{where}")
        elif bad:
            found.append(f"term {name!r} is {term.item():.3g}, but its gradient is not finite in {', '.join(bad[:3])}")
    return "; ".join([*found[:2], *([f"not finite already: {origin}"] if origin else [])])


@contextmanager
def first_bad_layer(game: nn.Module) -> Iterator[list[str]]:
    """Inside, the layers that give what is not finite for what is, in order."""
    found: list[str] = []

    def good(values: Any) -> bool:
        values = values if isinstance(values, tuple | list) else (values,)
        return all(bool(v.isfinite().all()) for v in values if isinstance(v, Tensor) and v.is_floating_point())

    def watch(name: str, kind: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
            if not good(out) and good(args):
                found.append(f"layer {name} ({kind})")

        return hook

    leaves = [(k, m) for k, m in game.named_modules() if k and not list(m.children())]
    handles = [m.register_forward_hook(watch(k, type(m).__name__)) for k, m in leaves]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
