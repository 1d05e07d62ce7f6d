"""The one error that a user can cause, and the one that other processes can."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong. The message says what, where, and what would be right; the command line
    prints it without a traceback and exits with status 2."""


class Lost(RuntimeError):
    """Another process of the same run died, or does not answer."""


def nearest(word: str, known: Iterable[str]) -> str:
    """What to put behind "no game 'x'": the known word most like it as a question, or a full stop."""
    match = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {match[0]!r}?" if match else "."
