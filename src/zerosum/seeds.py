"""Seeds derived from seeds."""

_MASK = (1 << 64) - 1


def mix(*values: int) -> int:
    """A 63-bit seed from any integers, e.g. (seed, round, rank).

    Each value is absorbed by adding it to the state times an odd constant and applying the finaliser of splitmix64
    (Steele, Lea, Flood 2014), so neighbouring inputs give unrelated seeds, the same on every machine and version.
    """
    state = 0
    for value in values:
        state = (state * 0x9E3779B97F4A7C15 + (value & _MASK) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1
