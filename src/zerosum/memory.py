"""Out of memory in a move: half as many examples a backward pass, where that changes nothing else."""

from __future__ import annotations

import gc

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def out_of_memory(error: BaseException) -> bool:
    """torch raises a RuntimeError of no kind of its own on the CPU."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)
    )


def halved(game: nn.Module, what: str, examples: int, divisible: bool) -> int:
    """How many examples at a time to try next. Raises MemoryError, with what to do, where halving is not safe."""
    said = f"out of memory in {what} with {examples} examples at a time"
    if examples == 1:
        raise MemoryError(f"{said}; a smaller --width is left, or a smaller picture: --size")
    if not divisible:
        raise MemoryError(f"{said}, and its batch may not be divided; take a smaller --batch or --width")
    if any(isinstance(m, _BatchNorm) and m.training for m in game.modules()):
        raise MemoryError(
            f"{said}. Half as many would change what its batch norms see; if that is all right, --micro {examples // 2}"
        )
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return (examples + 1) // 2
