"""Signals of a game in play, measured from outside: fixed batches go through the objectives, and nothing is changed.

Every objective is evaluated once on the same training examples with the same noise, eagerly, whatever way the rounds
are played. Hooks see what the discriminators are given and what they say; gradients are asked for, not accumulated;
the random state, batch norm's statistics and whatever else a game keeps are put back afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import debug_unwrap  # what penalties see is wrapped by torch.func.grad

from ..draws import accelerators, draw
from ..engine import Engine
from ..game import Batch, Game, Move, named_terms, only
from ..nets import Discriminator
from ..spec import Field
from .samples import SEED, Looks

ROWS, PICTURES = 256, 64  # examples of a batch that is looked at
Signals = dict[str, Any]


class Call:
    """What a discriminator was given, and what it said of each example, `[n]`."""

    def __init__(self, name: str, given: Tensor, said: Tensor):
        self.name, self.given, self.said = name, given, said

    @property
    def bare(self) -> Tensor:
        return debug_unwrap(self.given, recurse=True)

    @property
    def logits(self) -> Tensor:
        return debug_unwrap(self.said, recurse=True).detach().float()


class Probe:
    """`probe()` gives the signals of an engine's game as it stands."""

    def __init__(self, engine: Engine):
        self.engine, data = engine, engine.data
        fields: dict[str, Field] = data.spec.fields
        pictures = any(f.kind == "image" for f in fields.values())
        n = PICTURES if pictures else ROWS
        size = max(min(engine.batch, n), min(32, n))
        self.batch, self.held = data.take(size, SEED), data.held_out.take(size, SEED)  # type: ignore[attr-defined]
        drawable = "x" in fields and fields["x"].kind in ("image", "vector")
        self.looks = Looks(data, fields["x"], PICTURES * 2 if pictures else ROWS) if drawable else None  # type: ignore[arg-type]
        self.discriminators = judges(engine.game)

    def __call__(self) -> Signals:
        engine, found = self.engine, {}
        with unchanged(engine.game, engine.device):
            for move in engine.moves:
                if type(move).play is Move.play and move.count(engine.clock):
                    for name, value in self.of_move(move).items():
                        found.setdefault(name, value)
        for name in engine.players:
            found |= self.of_player(name, found)
        if self.looks is not None:
            with unchanged(engine.game, engine.device), engine.averaged() as game, torch.no_grad():
                x = draw(game, self.looks.n, SEED, engine.device)
            if x.shape[1:] == tuple(self.looks.field.shape):
                found |= self.looks(x)
        return {"round": engine.clock.rounds, **{k: rounded(v) for k, v in found.items()}}

    # What moves tell.

    def of_move(self, move: Move) -> Signals:
        """Gradients of one objective, and what the discriminators said in it."""
        engine, player = self.engine, move.player
        parameters = engine.parameters[player]
        everyone = list(dict.fromkeys(p for owned in engine.parameters.values() for p in owned))
        batch = self.batch.to(engine.device)
        with only(parameters, everyone), listening(engine.game, self.discriminators) as heard:
            loss = self.loss(move, batch)
            real = [c for c in heard.calls if is_of(c, batch)]
            fakes = [c for c in heard.calls if heard.made(c)]
            inputs = [c.given for c in fakes if c.given.requires_grad and c.given is c.bare]
            wanted = [*parameters, *inputs]
            gradients = torch.autograd.grad(loss, wanted, allow_unused=True, retain_graph=True)
            found: Signals = {f"{player}/gradient": norm(gradients[: len(parameters)])}
            if inputs:
                pull = [g for g in gradients[len(parameters) :] if g is not None]
                slope = torch.autograd.grad([c.said.sum() for c in fakes if c.given.requires_grad], inputs)
                found[f"{player}/pull"] = (
                    float(torch.cat([len(g) * row_norms(g) for g in pull]).mean()) if pull else 0.0
                )
                found[f"{player}/slope"] = float(torch.cat([row_norms(g) for g in slope]).mean())
            dead = heard.dead()
        found |= {f"{k}/dead": v for k, v in dead.items()}
        if real and fakes:
            found |= self.of_judgement(move, real, fakes)
        return found

    def loss(self, move: Move, batch: Batch) -> Tensor:
        torch.manual_seed(SEED)  # the same noise at every probe
        engine = self.engine
        with torch.autocast(torch.device(engine.device).type, torch.bfloat16, enabled=engine.precision == "bf16"):
            terms = named_terms(move.objective(batch), move.name)
        return torch.stack([v.float() for v in terms.values()]).sum()

    def of_judgement(self, move: Move, real: list[Call], fakes: list[Call]) -> Signals:
        """How well each discriminator tells data, seen and unseen, from fakes."""
        engine, found = self.engine, {}
        held = self.held.to(engine.device)
        with listening(engine.game, self.discriminators) as heard:
            self.loss(move, held)
            unseen = [c for c in heard.calls if is_of(c, held)]
        for name in self.discriminators:
            a, b, c = (said(calls, name) for calls in (real, fakes, unseen))
            if not len(a) or not len(b):
                continue
            found |= {f"{name}/real": float(a.mean()), f"{name}/fake": float(b.mean()), f"{name}/tells": above(a, b)}
            found[f"{name}/right"] = (float((a > 0).float().mean()) + float((b < 0).float().mean())) / 2
            found[f"{name}/r_t"] = float(a.sign().mean())  # ADA, Karras et al. 2020, Eq. 1
            if len(c):
                gap = float(a.mean() - b.mean())
                found |= {f"{name}/held": float(c.mean()), f"{name}/tells_held": above(c, b)}
                found[f"{name}/knows"] = above(a, c)  # 0.5: training examples look like unseen ones to it
                found[f"{name}/r_v"] = float(a.mean() - c.mean()) / gap if gap else 0.0
        return found

    # What parameters tell.

    def of_player(self, name: str, found: Signals) -> Signals:
        """Size of the weights, of the next step beside it, and of the way to the average."""
        engine = self.engine
        parameters = [p.detach() for p in engine.parameters[name]]
        size = norm(parameters)
        signals: Signals = {f"{name}/weights": size}
        step = norm(steps(engine.optimizers[name]))
        if step:
            signals[f"{name}/update"] = step / max(size, 1e-12)
        if average := engine.averages.get(name):
            names = {engine.names[p]: p.detach() for p in engine.parameters[name]}
            signals[f"{name}/drift"] = norm([average[k] - p for k, p in names.items()]) / max(size, 1e-12)
        return signals


def steps(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """How far Adam would go without a new gradient: lr times the mean gradient over its root mean square."""
    out = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if "exp_avg" in state and float(state["step"]):
                t, (b1, b2) = float(state["step"]), group["betas"]
                root = (state["exp_avg_sq"] / (1 - b2**t)).sqrt() + group["eps"]
                out.append(float(group["lr"]) * state["exp_avg"] / (1 - b1**t) / root)
    return out


class Heard:
    """What hooks have seen while an objective was evaluated."""

    def __init__(self, owners: dict[nn.Module, str]):
        self.owners = owners
        self.calls: list[Call] = []
        self.outputs: list[Tensor] = []  # of everything that is not a discriminator; kept, so that addresses are theirs
        self.alive: dict[nn.Module, Tensor] = {}  # units of rectifiers that were ever on

    def made(self, call: Call) -> bool:
        """Was the discriminator given what another network made?"""
        return any(call.bare.data_ptr() == y.data_ptr() or beside(call.bare, y) for y in self.outputs)

    def dead(self) -> dict[str, float]:
        """Share of the rectifiers' units that were off for every example, for each network that has rectifiers."""
        units: dict[str, list[Tensor]] = {}
        for module, alive in self.alive.items():
            units.setdefault(self.owners[module], []).append(alive)
        return {k: 1 - float(torch.cat(v).float().mean()) for k, v in units.items()}


@contextmanager
def listening(game: Game, discriminators: dict[str, nn.Module]) -> Iterator[Heard]:
    """Inside, discriminators, generators and rectifiers are heard."""
    owners = {m: name for name, child in game.named_children() for m in child.modules()}
    heard, handles = Heard(owners), []
    inside: list[Tensor] = []  # what the discriminator that is at work was given, before augmentation

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        inside.append(args[0])

    def leave(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
            heard.calls.append(Call(name, inside.pop(), scores(out)))

        return hook

    def read(name: str) -> tuple[Callable[..., None], Callable[..., None]]:
        """Games that take D's features and head apart."""
        given: dict[int, tuple[Tensor, Tensor]] = {}

        def features(module: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
            if not inside:
                given[id(out)] = (args[0], out)

        def head(module: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
            if not inside and id(args[0]) in given:
                heard.calls.append(Call(name, given[id(args[0])][0], scores(out)))

        return features, head

    def made(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        heard.outputs += [debug_unwrap(v, recurse=True).detach() for v in tensors(out)]

    def rectified(module: nn.Module, args: tuple[Any, ...], out: Tensor) -> None:
        out = debug_unwrap(out, recurse=True).detach()
        on = (out > 0).transpose(0, 1).flatten(1).any(1) if out.ndim > 1 else out > 0
        heard.alive[module] = heard.alive[module] | on if module in heard.alive else on

    for name, module in discriminators.items():
        handles += [module.register_forward_pre_hook(enter, prepend=True), module.register_forward_hook(leave(name))]
        if isinstance(module, Discriminator):
            features, head = read(name)
            handles += [module.features.register_forward_hook(features), module.head.register_forward_hook(head)]
    for child in game.children():
        if child not in discriminators.values():
            handles.append(child.register_forward_hook(made))
    handles += [m.register_forward_hook(rectified) for m in game.modules() if isinstance(m, nn.ReLU | nn.ReLU6)]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def unchanged(game: Game, device: str) -> Iterator[None]:
    """Whatever happens inside, random state, buffers and plain values that a game keeps are as before."""
    buffers = [(b, b.detach().clone()) for b in game.buffers()]
    shared = [(m, vars(m).pop("forward")) for m in game.modules() if "forward" in vars(m)]  # statistics over processes
    kept = [(m, {k: copy.copy(v) for k, v in vars(m).items() if plain(k, v)}) for m in game.modules()]
    with torch.random.fork_rng(accelerators(device)):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)
            for module, values in kept:
                vars(module).update(values)
            for module, forward in shared:
                vars(module)["forward"] = forward


def judges(game: Game) -> dict[str, nn.Module]:
    """The game's discriminators, by their names."""
    modules: dict[str, nn.Module] = dict(game.named_modules())
    return {name: m for name, m in modules.items() if any(m is d for d in game.discriminators())}


def opinions(game: Game, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
    """What each discriminator, by its name, says of the examples of a batch and of fakes: logits `[n]` of both, heard
    while the objectives are evaluated as they stand, those of this round's moves first. Where it is asked more than
    once, the first time counts: later ones are penalties, or wrong captions. Who is given neither examples nor a
    network's output is left out."""
    found: dict[str, tuple[Tensor, Tensor]] = {}
    discriminators = judges(game)
    for move in sorted(game.moves(), key=lambda move: not move.count(game.clock)):
        if type(move).play is not Move.play or len(found) == len(discriminators):
            continue
        with unchanged(game, "cpu"), listening(game, discriminators) as heard:
            torch.manual_seed(SEED)
            move.objective(batch)
            for name in discriminators:
                own = [c for c in heard.calls if c.name == name]
                real, fake = ([c.logits for c in own if of(c)] for of in (lambda c: is_of(c, batch), heard.made))
                if real and fake:
                    found.setdefault(name, (real[0], fake[0]))
    return found


def plain(name: str, value: Any) -> bool:
    return not name.startswith("_") and isinstance(value, bool | int | float | list | dict | Tensor)


def is_of(call: Call, batch: Batch) -> bool:
    """Was the discriminator given examples of the batch, alone or as a pair?"""
    arrays = list(batch.tensors.values())
    pairs = [torch.cat(p, 1) for p in permutations(arrays, 2) if call.bare.ndim > 1 and fit(*p)]
    return any(call.bare.shape == v.shape and bool((call.bare == v).all()) for v in [*arrays, *pairs])


def fit(a: Tensor, b: Tensor) -> bool:
    """Can they be put side by side, channel after channel?"""
    return a.ndim == b.ndim > 1 and len(a) == len(b) and a.shape[2:] == b.shape[2:]


def beside(given: Tensor, made: Tensor) -> bool:
    """Is `made` one half of what a discriminator was given?"""
    if not (fit(given, made) and given.shape[1] > made.shape[1]):
        return False
    c = made.shape[1]
    return bool((given[:, :c] == made).all()) or bool((given[:, -c:] == made).all())


def said(calls: list[Call], name: str) -> Tensor:
    found = [c.logits for c in calls if c.name == name]
    return torch.cat(found).cpu() if found else torch.empty(0)


def scores(out: Any) -> Tensor:
    """One number an example, `[n]`: the mean over patches, of the first where there are several."""
    first = tensors(out)[0]
    return first.flatten(1).mean(1) if first.ndim > 1 else first


def tensors(out: Any) -> list[Tensor]:
    if isinstance(out, Tensor):
        return [out]
    return [v for v in out if isinstance(v, Tensor)] if isinstance(out, tuple | list) else []


def above(a: Tensor, b: Tensor) -> float:
    """P(a > b), ties half: the area under the ROC curve."""
    difference = a[:, None] - b[None, :]
    return float((difference > 0).float().mean() + (difference == 0).float().mean() / 2)


def norm(values: Any) -> float:
    found = [v.float().flatten() for v in values if v is not None]
    return float(torch.cat(found).norm()) if found else 0.0


def row_norms(g: Tensor) -> Tensor:
    return g.flatten(1).float().norm(dim=1)


def rounded(value: Any) -> Any:
    """Five digits, which is more than these figures are worth; None where it is not a number."""
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if value - value == 0 else None
    return value


__all__ = ["Probe", "Signals", "judges", "opinions", "unchanged"]
