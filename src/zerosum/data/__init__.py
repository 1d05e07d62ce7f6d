"""The data door: anything that people have -> named arrays with a spec, in an endless order of examples.

`zerosum.data("digits")`, `data("ring8")`, `data("cats/")`, `data("table.csv", labels="kind")`, `data(array)`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..errors import InputError
from .arrays import Data, Group
from .door import open

__all__ = ["Data", "Group", "InputError", "open"]


class _Door(ModuleType):
    """This module, callable: `zerosum.data(source)` is `zerosum.data.open(source)`."""

    def __call__(self, source: Any, **options: Any) -> Data:
        return open(source, **options)


sys.modules[__name__].__class__ = _Door
