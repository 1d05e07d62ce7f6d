"""From one domain to the other, by what games can do: `translate(a)`, `translate_back(b)`, `joint(n)`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .draws import BLOCK, accelerators
from .errors import InputError
from .game import Game
from .seeds import mix

TRANSLATE, JOINT = range(100, 102)  # what a derived seed is for
DIRECTIONS = {"a2b": "translate", "b2a": "translate_back"}


def directions(game: Game) -> list[str]:
    """Of "a2b" and "b2a" those that the game can go."""
    return [way for way, method in DIRECTIONS.items() if hasattr(game, method)]


def check_direction(game: Game, way: str) -> None:
    """Raises InputError where the game cannot go this way."""
    ways, name = directions(game), type(game).__name__
    if not ways:
        raise InputError(f"{name} does not translate")
    if way not in ways:
        raise InputError(f"{name} goes {' and '.join(ways)} only, not {way!r}")


@torch.no_grad()
def translate(game: Game, x: Tensor, way: str = "a2b", seed: int = 0, device: str = "cpu") -> Tensor:
    """Examples `[n, ...]` of one domain in the other, on the CPU; the global random state is left as it was.

    Noise, where the game has any, depends on the seed and the example's place.
    """
    check_direction(game, way)
    move = getattr(game, DIRECTIONS[way])

    def part(i: int) -> Tensor:
        return move(x[i : i + BLOCK].to(device)).float().cpu()

    return torch.cat(_seeded(part, max(len(x), 1), (seed, TRANSLATE), device))


@torch.no_grad()
def joint(game: Game, n: int, seed: int = 0, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """`n` joint draws of a and b, on the CPU. The first k of them do not depend on n."""

    def part(i: int) -> tuple[Tensor, Tensor]:
        a, b = game.joint(BLOCK)
        return a.float().cpu(), b.float().cpu()

    a, b = zip(*_seeded(part, max(n, 1), (seed, JOINT), device), strict=True)
    return torch.cat(a)[:n], torch.cat(b)[:n]


def _seeded(part: Callable, n: int, keys: tuple[int, ...], device: str) -> list:
    parts = []
    with torch.random.fork_rng(accelerators(device)):
        for i in range(0, n, BLOCK):
            torch.manual_seed(mix(*keys, i))
            parts.append(part(i))
    return parts


def tiled(f: Callable[[Tensor], Tensor], x: Tensor, tile: int, overlap: int) -> Tensor:
    """`f` of a large picture `[1, c, h, w]`, in tiles of `tile` pixels that overlap by `overlap` and fade into one
    another. `f` may enlarge by a whole number."""
    h, w = x.shape[2:]
    if max(h, w) <= tile:
        return f(x)
    if not 0 <= overlap < tile:
        raise InputError(f"overlap must be 0 or more and less than the tile, {tile} pixels; not {overlap}")
    total = weight = torch.zeros(())
    scale = 1
    for top in _starts(h, tile, overlap):
        for left in _starts(w, tile, overlap):
            out = f(x[..., top : top + tile, left : left + tile])
            if not weight.ndim:
                scale = out.shape[2] // min(tile, h)
                total = out.new_zeros(1, out.shape[1], h * scale, w * scale)
                weight = out.new_zeros(1, 1, h * scale, w * scale)
            rows, columns = out.shape[2:]
            fade = _ramp(rows, overlap * scale)[:, None] * _ramp(columns, overlap * scale)
            y, z = top * scale, left * scale
            total[..., y : y + rows, z : z + columns] += out * fade
            weight[..., y : y + rows, z : z + columns] += fade
    return total / weight


def _starts(size: int, tile: int, overlap: int) -> list[int]:
    if size <= tile:
        return [0]
    return [*range(0, size - tile, tile - overlap), size - tile]


def _ramp(size: int, overlap: int) -> Tensor:
    """1 inside, falling towards both ends over the overlap, never 0."""
    near = torch.arange(1, size + 1).float()
    return torch.minimum(near, near.flip(0)).clamp(max=overlap + 1) / (overlap + 1)
