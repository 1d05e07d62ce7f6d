"""Batches read ahead by worker processes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset, Sampler

from ..errors import InputError

if TYPE_CHECKING:
    from .arrays import Data


class _Positions(Sampler[int]):
    def __init__(self, start: int, step: int):
        self.start, self.step = start, step

    def __iter__(self) -> Iterator[int]:
        position = self.start
        while True:
            yield position
            position += self.step


class _Batches(Dataset):
    """Maps a position to the stored examples of its batch."""

    def __init__(self, data: Data, n: int, seed: int, rank: int, world: int):
        self.data, self.how = data, (n, seed, rank, world)

    def __getitem__(self, position: int) -> Any:
        try:
            return self.data._stored(position, *self.how, "cpu")
        except InputError as error:  # told by the parent, without the worker's traceback
            return error


def read_ahead(data: Data, position: int, n: int, seed: int, rank: int, world: int, workers: int) -> Iterator[Any]:
    """What `data._stored` gives at position, position + n, ..., in that order, whatever the number of workers."""
    loader = DataLoader(
        _Batches(data, n, seed, rank, world),
        batch_size=None,
        sampler=_Positions(position, n),
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_signals_to_the_parent,
    )
    for stored in loader:
        if isinstance(stored, InputError):
            raise stored
        yield stored


def _as_it_is(value: Any) -> Any:
    return value


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C and SIGTERM reach the whole process group; the parent finishes its round, and needs its workers for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
