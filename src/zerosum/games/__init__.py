"""The zoo: one file a GAN. A file that is here is registered; nothing else lists it."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from ..errors import InputError, nearest
from ..game import Game


def names() -> list[str]:
    """All games, by the names of their files."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def find(name: str) -> type[Game]:
    """The game of this name, or the one that a Python file of the user's defines. Raises InputError for neither."""
    if name.endswith(".py"):
        return _only_game(_load(Path(name)), name)
    known = name.replace("-", "_")
    if known not in names():
        raise InputError(f"no game {name!r}{nearest(known, names())} The games are: {', '.join(names())}")
    return _only_game(importlib.import_module(f"{__name__}.{known}"), name)


def _only_game(module: ModuleType, name: str) -> type[Game]:
    """The last game that a module itself defines."""
    own = [
        v
        for v in vars(module).values()
        if isinstance(v, type) and issubclass(v, Game) and v.__module__ == module.__name__
    ]
    if not own:
        raise InputError(f"{name} defines no subclass of zerosum.Game")
    return own[-1]


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"no file {path}")
    module_name = f"zerosum_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look a class's module up by name
    spec.loader.exec_module(module)
    return module
