"""Random numbers belong to examples: whoever plays a part of a batch draws for the whole of it, and keeps its rows.

Objectives draw latents, positions and dropout for the examples that they are shown, `torch.randn(batch.n, ...)`. Played
by two processes with half the batch each, or in two parts for gradient accumulation, they shall draw what they would
have drawn in one piece. Inside `Rows` they do, and know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .game import Batch, Game
from .seeds import mix

INIT, ROUND, SAMPLE = range(3)  # what a derived seed is for
BLOCK, MANY = 64, 8192  # samples that are drawn at once; rows of numbers, where there are many


class Rows(TorchDispatchMode):
    """Inside, what is random in `part` examples is drawn for all `n * world` of them, and theirs is kept.

    `part` are positions in this process's share of `n`: the examples `rank`, `rank + world`, ... of the batch.
    Whatever has as many rows as the part, or several times as many, is drawn by rows; so is each row's choice by
    `multinomial`. Everything else (a number, a matrix, a permutation) is drawn as it is, alike in every process.
    """

    def __init__(self, part: range, n: int, rank: int = 0, world: int = 1):
        super().__init__()
        self.size, self.n = len(part), n * world
        self.rows = slice(rank + part.start * world, rank + (part.stop - 1) * world + 1, world)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        if func.overloadpacket is torch.ops.aten.multinomial and args[0].ndim == 1:
            times, rest = divmod(args[1], self.size)
            return func(*args, **kwargs) if rest else self.kept(func(args[0], times * self.n, *args[2:], **kwargs))
        if not any(map(self.by_rows, args)):
            return func(*args, **kwargs)
        drawn = func(*map(self.whole, args), **kwargs)
        if func._schema.is_mutable:
            return args[0].copy_(self.kept(drawn))
        return tuple(map(self.kept, drawn)) if isinstance(drawn, tuple) else self.kept(drawn)

    def by_rows(self, argument: Any) -> bool:
        shape = argument.shape if isinstance(argument, Tensor) else argument
        return isinstance(shape, list | tuple) and len(shape) > 0 and shape[0] > 0 and shape[0] % self.size == 0

    def whole(self, argument: Any) -> Any:
        """The same argument for all rows; where it is a tensor, of the others' rows only the shape matters."""
        if not self.by_rows(argument):
            return argument.clone() if isinstance(argument, Tensor) else argument
        if not isinstance(argument, Tensor):
            return [argument[0] // self.size * self.n, *argument[1:]]
        shape = (argument.shape[0] // self.size * self.n, *argument.shape[1:])
        out = argument.new_empty_strided(shape, argument.stride()).fill_(1)
        self.kept_view(out).copy_(argument.unflatten(0, (-1, self.size)))
        return out

    def kept_view(self, whole: Tensor) -> Tensor:
        return whole.unflatten(0, (-1, self.n))[:, self.rows]

    def kept(self, whole: Tensor) -> Tensor:
        return self.kept_view(whole).flatten(0, 1)


def parts(batch: Batch, size: int, rank: int = 0, world: int = 1) -> Iterator[tuple[Batch, AbstractContextManager]]:
    """Parts of at most `size` examples of this process's share of a batch, each with the context that draws for it."""
    if world == 1 and size >= batch.n:
        yield batch, nullcontext()
        return
    device = next(iter(batch.tensors.values())).device
    state = random_state(device) if size < batch.n else None
    for i, part in zip(range(0, batch.n, size), batch.split(size), strict=True):
        if i and state is not None:
            set_random_state(state, device)
        yield part, Rows(range(i, i + part.n), batch.n, rank, world)


def random_state(device: torch.device) -> list[Tensor]:
    """Of the generators that an objective draws from."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def set_random_state(state: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[1], device)


def sow(seed: int, device: str) -> None:
    """Seed the generators that are drawn from; `torch.manual_seed` takes 0.2 ms, for it visits all kinds of devices."""
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device != "cpu":
        torch.manual_seed(seed)
    torch.default_generator.manual_seed(seed)


def accelerators(device: str) -> list[int]:
    """Devices whose random state `torch.random.fork_rng` is to keep, beside the CPU's."""
    return list(range(torch.cuda.device_count())) if device.startswith("cuda") else []


@torch.no_grad()
def draw(game: Game, n: int, seed: int = 0, device: str = "cpu", y: Tensor | None = None) -> Tensor:
    """`n` samples of a game as it stands, on the CPU; the global random state is left as it was.

    They are drawn in blocks, each with a seed of its own, so that the first k of them do not depend on n: of BLOCK
    pictures or rows, and of MANY rows once there are 1,000. `y` `[n, ...]` are the conditions of the samples, for games
    whose `sample` takes them.
    """
    blocks: list[Tensor] = []
    i, size = 0, BLOCK
    asked = None if y is None else torch.cat([y, y.new_zeros(MANY, *y.shape[1:])]).to(device)
    with torch.random.fork_rng(accelerators(device)):
        while i < max(n, 1):
            torch.manual_seed(mix(seed, SAMPLE, i))
            given = {} if asked is None else {"y": asked[i : i + size]}
            blocks.append(game.sample(size, **given).float().cpu())
            i += size
            if blocks[0].ndim == 2 and i >= 1000:
                size = MANY
    return torch.cat(blocks)[:n]
