"""The order in which examples are drawn: pure functions of a position, so that a run resumes by three integers.

Position p of a set of N examples belongs to epoch e = p // N and shows example P_e(p mod N), where P_e is a permutation
of 0..N-1. P_e is never stored. It is a Feistel network on b = ceil(log2 N) bits (at least 6: fewer mix badly):
the b bits are cut into two parts, and in each round each part is xor-ed with a hash of the other part, of the round and
of the key (seed, group, epoch). That permutes 0..2^b-1; results of N or more are sent through again until they fall
below N ("cycle walking", fewer than two passes on average for N > 32), which permutes 0..N-1. Hashes are SplitMix64
(Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..seeds import mix as key

ROUNDS = 4
CHUNK = 4096  # positions that are computed together and kept
SHUFFLE, DRAW, FLIP, SPLIT, TAKE, LIMIT, CROP, CHANGE, APART = range(1, 10)  # purposes: no two share their randomness

_GOLDEN = 0x9E3779B97F4A7C15


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, on arrays of uint64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def permuted(index: np.ndarray, size: int, keys: np.ndarray) -> np.ndarray:
    """Where the permutation of 0..size-1 with its key sends each index.

    `index` and `keys` are uint64 `[n]`, each index below `size`; equal keys make one permutation. -> int64 `[n]`.
    """
    out, todo = index.astype(np.uint64), np.arange(len(index))
    while len(todo):
        out[todo] = _feistel(out[todo], max(6, (size - 1).bit_length()), keys[todo])
        todo = todo[out[todo] >= size]
    return out.astype(np.int64)


def _feistel(x: np.ndarray, bits: int, keys: np.ndarray) -> np.ndarray:
    low = np.uint64(bits // 2)
    low_mask, high_mask = np.uint64((1 << bits // 2) - 1), np.uint64((1 << bits - bits // 2) - 1)
    high_part, low_part = x >> low, x & low_mask
    for _ in range(ROUNDS):
        keys = keys + np.uint64(_GOLDEN)
        high_part = high_part ^ (mix(low_part ^ keys) & high_mask)
        keys = keys + np.uint64(_GOLDEN)
        low_part = low_part ^ (mix(high_part ^ keys) & low_mask)
    return high_part << low | low_part


def _random(start: int, stop: int, *keys: int) -> np.ndarray:
    """64 random bits for each position from `start` up to `stop`."""
    return mix(np.arange(start, stop, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(key(*keys)))


@lru_cache(maxsize=256)
def _chunk(seed: int, group: int, size: int, number: int) -> np.ndarray:
    positions = np.arange(number * CHUNK, (number + 1) * CHUNK, dtype=np.uint64)
    epochs = positions // np.uint64(size)
    keys = mix(epochs * np.uint64(_GOLDEN) + np.uint64(key(SHUFFLE, seed, group)))
    out = permuted(positions % np.uint64(size), size, keys)
    out.flags.writeable = False
    return out


def shuffled(seed: int, group: int, size: int, start: int, stop: int) -> np.ndarray:
    """The examples at positions `start`..`stop`-1 of the endless shuffled order, int64 `[stop - start]`."""
    first, last = start // CHUNK, max(start, stop - 1) // CHUNK
    chunks = [_chunk(seed, group, size, number) for number in range(first, last + 1)]
    return np.concatenate(chunks)[start - first * CHUNK : stop - first * CHUNK]


def drawn(seed: int, group: int, cumulative: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Examples drawn with replacement by their probabilities, whose running sum is `cumulative`."""
    uniform = (_random(start, stop, DRAW, seed, group) >> np.uint64(11)) * 2.0**-53
    below = np.nextafter(cumulative[-1], 0)
    return np.searchsorted(cumulative, np.minimum(uniform * cumulative[-1], below), side="right")


def coins(seed: int, group: int, start: int, stop: int) -> np.ndarray:
    """A fair coin for each position, bool."""
    return _random(start, stop, FLIP, seed, group) >> np.uint64(63) == 1


def places(seed: int, group: int, start: int, stop: int) -> np.ndarray:
    """Two numbers in [0, 1) for each position, `[stop - start, 2]`."""
    bits = np.stack([_random(start, stop, CROP, seed, group, axis) for axis in range(2)], 1)
    return (bits >> np.uint64(11)) * 2.0**-53


def chosen(n: int, size: int, *keys: int) -> np.ndarray:
    """`n` distinct numbers below `size` at random; a longer choice begins with the shorter one."""
    n = min(n, size)
    return permuted(np.arange(n, dtype=np.uint64), size, np.full(n, key(*keys), np.uint64))
