"""Plays games: moves, gradients, averages, precision, many processes. Knows no GAN by name."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from . import processes
from .draws import INIT, ROUND, draw, parts, sow
from .errors import InputError
from .game import EMA, Batch, Clock, Game, Move, Objective, Player, Terms, named_terms, only
from .guard import Guard, NonFinite, explain, guarded, rewind
from .memory import halved, out_of_memory
from .optim import set_now
from .seeds import mix


class Source(Protocol):
    """What the engine asks of data."""

    @property
    def spec(self) -> Any: ...

    def stream(
        self, position: int, n: int, *, seed: int, rank: int, world: int, device: str, workers: int
    ) -> Iterator[Batch]: ...


class Descent(Protocol):
    """Plays one step in the engine's place, by faster means; None where it cannot. See fused.py."""

    def __call__(self, name: str, objective: Objective, batch: Batch, gain: float, divisible: bool) -> Terms | None: ...

    def average(self, name: str, weight: float) -> None: ...


class Engine:
    """A game in play.

    batch       examples a move, over all processes
    micro       examples a backward pass and process; less than the batch accumulates gradients
    precision   "fp32"; "tf32" for matrices on a GPU (torch convolves in it there anyway); "bf16" for autocast
    ema         half-life in examples of an average for every player that declares none of its own
    augment     put in front of every discriminator, on data and fakes alike, in training only
    lr_scale    all learning rates are multiplied by it
    added       moves that are played after the game's own
    workers     processes that decode data that does not fit in memory
    """

    def __init__(
        self,
        game: Game,
        data: Source,
        *,
        batch: int = 64,
        micro: int | None = None,
        seed: int = 0,
        device: str = "cpu",
        precision: str = "fp32",
        ema: float | None = None,
        augment: nn.Module | None = None,
        workers: int = 0,
        lr_scale: float = 1.0,
        added: Callable[[Game], list[Move]] = lambda game: [],
    ):
        self.rank, self.world = processes.here()
        if batch < 1 or batch % self.world:
            raise InputError(f"batch {batch} does not divide evenly over {self.world} processes")
        if precision not in ("fp32", "tf32", "bf16"):
            raise InputError(f"precision {precision!r} is none of 'fp32', 'tf32', 'bf16'")
        if device.startswith("cuda"):
            torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        self.game, self.data, self.batch, self.seed, self.device = game, data, batch, seed, device
        self.micro, self.precision, self.workers = micro or batch // self.world, precision, workers
        game.check(data.spec)
        torch.manual_seed(mix(seed, INIT))  # the same first weights in every process
        game.build(data.spec)
        game.to(device)
        if self.world > 1:
            processes.share_statistics(game)
        self.players = {k: p if p.ema or not ema else replace(p, ema=EMA(ema)) for k, p in game.players().items()}
        self.moves = [*game.moves(), *added(game)]
        for move in self.moves:
            if move.player not in self.players:
                raise InputError(
                    f"{type(game).__name__}: a move of {move.player!r}, but the players are {list(self.players)}"
                )
        # What a game froze in `build` stays so, and what no player owns, too.
        self.parameters = {k: [p for p in v.parameters() if p.requires_grad] for k, v in self.players.items()}
        self.everyone = list(dict.fromkeys(p for owned in self.parameters.values() for p in owned))
        game.requires_grad_(False)
        for p in self.everyone:
            p.requires_grad_(True)
        self._train()
        self.optimizers = {k: p.optimizer(self.parameters[k]) for k, p in self.players.items()}
        if lr_scale != 1:
            self.slow(lr_scale)
        self.names = {tensor: name for name, tensor in _tensors(game).items()}
        self._averaged = {k: self._owned(p) for k, p in self.players.items() if p.ema}
        self.averages = {k: {n: t.detach().clone() for n, t in v.items()} for k, v in self._averaged.items()}
        self.augment: nn.Sequential | None = None
        if augment is not None:
            self.put_in_front(augment)
        self.fused: Descent | None = None
        self._worn = False  # are the averages in the place of the weights?
        self._stream: Iterator[Batch] | None = None
        self._sums: Terms = {}
        self._counts: dict[str, int] = {}
        self.guard, self._step, self.began = Guard(device), 0, 0
        self.notes: list[str] = []  # what happened that whoever plays should say
        self.asked: set[int] = set()  # signals that this process was sent
        self.heard: set[int] = set()  # signals that any process was sent, known to all at the end of the same round

    @property
    def clock(self) -> Clock:
        return self.game.clock

    @property
    def at(self) -> tuple[int, int, int]:
        """Which step comes next: (round, examples before the round, number in the round)."""
        return self.clock.rounds, self.began, self._step

    # Playing.

    def play(self, rounds: int) -> Engine:
        """Rounds, until the clock shows `rounds` of them."""
        while self.clock.rounds < rounds:
            self.round()
        return self

    def round(self) -> None:
        """The game's moves, in order. The i-th repeat of every move sees the i-th batch of the round.

        All randomness of a round derives from (seed, round), so resuming needs no random state; every process draws
        for the whole batch and keeps what belongs to its examples (`draws`). Raises NonFinite where a gradient was
        not finite; weights, averages and clock are then as they were before it.
        """
        self._seed_round()
        self._step, self.began = 0, self.clock.examples
        batches: list[Batch] = []
        for move in self.moves:
            for i in range(move.count(self.clock)):
                if i == len(batches):
                    batches.append(self.next_batch())
                for name, value in move.play(self, batches[i]).items():
                    self.tally(f"{move.player}/{name}", value)
        if self.guard.waits:
            self.check()
        for name in self.averages:
            weight = self.players[name].renewal(self.batch * len(batches), self.clock)
            (self.fused.average if self.fused else self.average)(name, weight)
        self.heard |= self.asked if self.world == 1 else set()
        self.clock.rounds += 1

    def check(self) -> None:
        """Raises NonFinite, with the move, the term and the layer, where a gradient was not finite. Waits for the
        device."""
        if (step := self.guard.first()) is not None:
            self.clock.rounds, self.clock.examples = step[:2]
            why = explain(self, step)
            self.clock.examples, self._stream = step[1], None
            raise NonFinite(why)

    def descend(
        self, name: str, objective: Objective, batch: Batch, *, gain: float = 1.0, divisible: bool = True
    ) -> Terms:
        """One optimizer step of player `name` on `gain` times the objective; the objective's terms, detached.

        Where memory does not suffice for that many examples at a time, it goes on with half as many.
        """
        if self.fused and (done := self.fused(name, objective, batch, gain, divisible)) is not None:
            return done
        with only(self.parameters[name], self.everyone):
            while True:
                try:
                    terms = self._differentiate(name, objective, batch, gain, divisible)
                    break
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                what = f"{name}'s move {getattr(objective, '__name__', 'loss')!r}"
                self.optimizers[name].zero_grad(set_to_none=True)
                self.micro = halved(self.game, what, min(self.micro, batch.n), divisible)
                self.notes.append(f"out of memory in {what}: going on with {self.micro} examples a backward pass")
                rewind(self, self._step)
            self.step(name)
        return terms

    def _differentiate(self, name: str, objective: Objective, batch: Batch, gain: float, divisible: bool) -> Terms:
        """Gradients of a player's parameters, part by part; the terms."""
        terms: Terms = {}
        self.optimizers[name].zero_grad(set_to_none=True)
        for part, noise in self.parts(batch, divisible):
            share = part.n / batch.n
            with noise:
                found, loss = self.loss(objective, part)
            if not loss.requires_grad:
                raise InputError(f"player {name!r}: {', '.join(found)} does not depend on any of its parameters")
            (loss * (share * gain)).backward()
            for key, value in found.items():
                value = value.detach().float() * share
                terms[key] = terms[key] + value if key in terms else value
        return terms

    def loss(self, objective: Objective, batch: Batch) -> tuple[Terms, Tensor]:
        """The objective's terms by name, and their sum."""
        with self.cast():
            found = named_terms(objective(batch), getattr(objective, "__name__", "loss"))
            return found, torch.stack([v.float() for v in found.values()]).sum()

    def step(self, name: str) -> None:
        """Average the gradients of player `name` over processes, and let its optimizer use them if they are finite."""
        if schedule := self.players[name].schedule:
            set_now(self.optimizers[name], schedule(self.clock), name)
        self.use(name, self.at)
        self.count()

    def use(self, name: str, at: Sequence[int | Tensor]) -> None:
        """What of a step happens on the device; `at` as the property, or as tensors there."""
        player, optimizer = self.players[name], self.optimizers[name]
        good = self.guard.allows(self._reduce(self.parameters[name]), at)
        if player.clip:
            nn.utils.clip_grad_norm_(self.parameters[name], player.clip)
        guarded(optimizer, good)
        if player.after:
            with torch.no_grad():
                player.after()

    def count(self) -> None:
        """One more step of this round is taken."""
        self._step += 1

    def slow(self, by: float) -> None:
        """Multiply all learning rates, those of schedules too, from here on."""
        for name, player in self.players.items():
            for group in self.optimizers[name].param_groups:
                group["lr"] *= by
            if player.schedule:
                self.players[name] = replace(player, schedule=partial(_scaled, player.schedule, by))

    def tally(self, term: str, value: Tensor, times: int = 1) -> None:
        """Add to the sum of a term, of which `read` gives the mean."""
        self._sums[term] = self._sums[term] + value if term in self._sums else value
        self._counts[term] = self._counts.get(term, 0) + times

    def put_in_front(self, augment: nn.Module) -> None:
        """Of every discriminator, behind what is there already, from here on."""
        if self.augment is None:
            self.augment = nn.Sequential()
            _put_in_front(self.augment, self.game.discriminators())
        self.augment.append(augment.to(self.device))

    def forget(self) -> None:
        """Terms that were not read yet."""
        self._sums, self._counts = {}, {}

    def read(self) -> dict[str, float]:
        """Mean of every term since the last reading, over all processes. The one place that waits for the device.

        Raises NonFinite where a term or a gradient was not a number in any of those rounds.
        """
        self.check()
        if not self._sums:
            return {}
        means = torch.stack([self._sums[k] / self._counts[k] for k in self._sums])
        if self.world > 1:
            means = processes.total(means) / self.world
        out = dict(zip(self._sums, means.tolist(), strict=True))
        self._sums, self._counts = {}, {}
        bad = [k for k, v in out.items() if not math.isfinite(v)]
        if bad:
            raise NonFinite(f"by round {self.clock.rounds} {', '.join(bad)} is no longer a finite number")
        return out

    # Sampling.

    @contextmanager
    def averaged(self) -> Iterator[Game]:
        """Inside, players that have an average wear it, and the game is in evaluation mode. May be nested."""
        if self._worn:
            yield self.game
            return
        pairs = [(a[k], t) for name, a in self.averages.items() for k, t in self._averaged[name].items()]
        _swap(pairs)
        self._worn = True
        self.game.eval()
        try:
            yield self.game
        finally:
            self._train()
            self._worn = False
            _swap(pairs[::-1])  # backwards, for a tensor that two players share was swapped twice

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """`n` samples of the averaged game, in model space, on the CPU. The first k of n samples do not depend on n."""
        with self.averaged() as game:
            return draw(game, n, seed, self.device)

    # State: all that a bit-exact resume needs.

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Named tensors, and plain values that JSON holds exactly."""
        tensors = {f"game/{name}": tensor for tensor, name in self.names.items()}
        values: dict[str, Any] = {
            "game": type(self.game).__name__,
            "clock": vars(self.clock).copy(),
            "optimizers": {},
        }
        for player, average in self.averages.items():
            tensors |= {f"ema/{player}/{k}": v for k, v in average.items()}
        for player, optimizer in self.optimizers.items():
            state = optimizer.state_dict()
            names = [self.names[p] for p in self.parameters[player]]
            for i, entries in state["state"].items():
                tensors |= {f"optimizer/{player}/{names[i]}/{k}": v for k, v in entries.items() if v is not None}
            values["optimizers"][player] = [
                {k: v for k, v in g.items() if k != "params"} for g in state["param_groups"]
            ]
        return {k: v.detach() for k, v in tensors.items()}, values

    def load(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """The inverse of `state`. Raises InputError where the saved game is not this one."""
        own, here = self.state()
        if values["game"] != here["game"]:
            raise InputError(f"the checkpoint is of the game {values['game']}, this is {here['game']}")
        saved = {k for k in tensors if not k.startswith("optimizer/")}
        expected = {k for k in own if not k.startswith("optimizer/")}
        wrong = sorted(saved ^ expected) or sorted(k for k in saved if tensors[k].shape != own[k].shape)
        if wrong:
            raise InputError(f"the checkpoint is of another game or size: {', '.join(wrong[:5])}")
        for key in expected:
            own[key].copy_(tensors[key])
        for player, optimizer in self.optimizers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for i, p in enumerate(self.parameters[player]):
                prefix = f"optimizer/{player}/{self.names[p]}/"
                entries = {k.removeprefix(prefix): v.clone() for k, v in tensors.items() if k.startswith(prefix)}
                if entries:
                    state[i] = entries
            groups = copy.deepcopy(values["optimizers"][player])
            for group, own_group in zip(groups, optimizer.state_dict()["param_groups"], strict=True):
                group |= {k: own_group[k] for k in ("params", "capturable") if k in own_group}
                if isinstance(group.get("betas"), list):
                    group["betas"] = tuple(group["betas"])
            optimizer.load_state_dict({"state": state, "param_groups": groups})
        vars(self.clock).update(values["clock"])
        self._stream, self.guard = None, Guard(self.device)

    # What it is made of.

    def stream(self) -> Iterator[Batch]:
        """The batches that are still to come."""
        return self.data.stream(
            self.clock.examples,
            self.batch,
            seed=self.seed,
            rank=self.rank,
            world=self.world,
            device=self.device,
            workers=self.workers,
        )

    def next_batch(self) -> Batch:
        if self._stream is None:
            self._stream = self.stream()
        self.clock.examples += self.batch
        return next(self._stream)

    def _seed_round(self) -> None:
        sow(mix(self.seed, ROUND, self.clock.rounds, 0), self.device)

    def restart(self) -> None:
        """Data and random numbers as at the beginning of the clock's round."""
        self.restart_data()
        self._seed_round()

    def restart_data(self) -> None:
        """The next batch is that of the clock's position."""
        self._stream = None

    def _train(self) -> None:
        """Training mode, but for networks that no player owns: their batch norms stay as they are."""
        owned = {p for player in self.players.values() for p in player.parameters()}
        self.game.train()
        for child in self.game.children():
            theirs = set(child.parameters())
            if theirs and owned.isdisjoint(theirs):
                child.eval()

    def parts(self, batch: Batch, divisible: bool = True) -> Iterator[tuple[Batch, AbstractContextManager]]:
        """Parts of a batch for gradient accumulation, each with the context that draws its random numbers."""
        return parts(batch, self.micro if divisible else batch.n, self.rank, self.world)

    def cast(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.precision == "bf16")

    def _reduce(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        """Mean gradient over processes, in one flat message; what of it must be finite.

        DDP's wrapper would synchronise only what passes through its `forward`, and objectives call parts of networks:
        `D.features`, `G.synthesis`. The message also tells which gradients there are, and which signals came.
        """
        grads = [p.grad for p in parameters if p.grad is not None]
        if self.world == 1:
            return grads
        there = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        signals = torch.tensor([float(s in self.asked) for s in processes.SIGNALS], device=self.device)
        pieces = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(piece.flatten() for piece in pieces), there, signals])
        processes.total(flat)
        *sums, there, signals = flat.split([*(p.numel() for p in parameters), len(parameters), len(signals)])
        if ((there > 0) & (there < self.world)).any():
            raise RuntimeError(
                "processes disagree about which parameters have a gradient; an objective branches on its data"
            )
        self.heard |= {s for s, n in zip(processes.SIGNALS, signals.tolist(), strict=True) if n}
        for p, part in zip(parameters, sums, strict=True):
            if p.grad is not None:
                p.grad.copy_(part.view_as(p)).div_(self.world)
        return [flat]

    def _owned(self, player: Player) -> dict[str, Tensor]:
        """A player's parameters and persistent buffers by their names in the game."""
        found = {t: None for m in player.owned() for t in _tensors(m).values()}
        return {self.names[t]: t for t in found}

    @torch.no_grad()
    def average(self, player: str, weight: float | Tensor) -> None:
        """Move a player's average by `weight` of the way to what it is now."""
        average = self.averages[player]
        for name, tensor in self._averaged[player].items():
            if not self.guard.waits:
                tensor = torch.where(self.guard.good, tensor, average[name])
            if tensor.is_floating_point():
                average[name].lerp_(tensor, weight)
            else:
                average[name].copy_(tensor)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers, the very tensors, by name."""
    return {k: v for k, v in module.state_dict(keep_vars=True).items() if isinstance(v, Tensor)}


def _swap(pairs: list[tuple[Tensor, Tensor]]) -> None:
    for a, b in pairs:
        a.data, b.data = b.data, a.data


def _scaled(schedule: Callable[[Clock], Mapping[str, Any]], by: float, clock: Clock) -> dict[str, Any]:
    return {k: v * by if k == "lr" else v for k, v in schedule(clock).items()}


def _put_in_front(augment: nn.Module, discriminators: list[nn.Module]) -> None:
    def hook(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return (augment(args[0]), *args[1:]) if module.training else None

    for module in discriminators:
        below = getattr(module, "features", None)  # games that have a second head call it by itself
        (below if isinstance(below, nn.Module) else module).register_forward_pre_hook(hook)
