"""zerosum: every GAN of the literature, trainable on anybody's data.

    import zerosum as zs
    run = zs.train("dcgan", "digits", rounds=2000)
    run.sample(64)

Names are imported when they are first used, so that `import zerosum` costs nothing.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Teams of threads that spin while they wait made steps on busy cores 30 to 65 times slower. OpenMP reads it at start.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from .data import open as data
    from .engine import Engine
    from .errors import InputError
    from .game import EMA, Batch, Clock, Game, Loss, Move, Player
    from .optim import SGD, Adam, RMSprop
    from .priors import Categorical, Normal, Uniform
    from .runs import Run
    from .runs import find as load
    from .settings import Settings
    from .spec import Field, Spec
    from .training import resume, train

_HOMES = {
    "train": "training:train",
    "resume": "training:resume",
    "load": "runs:find",
    "Run": "runs:Run",
    "Settings": "settings:Settings",
    "Engine": "engine:Engine",
    "InputError": "errors:InputError",
    **{name: f"game:{name}" for name in ("EMA", "Batch", "Clock", "Game", "Loss", "Move", "Player")},
    **{name: f"optim:{name}" for name in ("SGD", "Adam", "RMSprop")},
    **{name: f"priors:{name}" for name in ("Categorical", "Normal", "Uniform")},
    **{name: f"spec:{name}" for name in ("Field", "Spec")},
}

__all__ = [
    "EMA", "SGD", "Adam", "Batch", "Categorical", "Clock", "Engine", "Field", "Game", "InputError", "Loss", "Move",
    "Normal", "Player", "RMSprop", "Run", "Settings", "Spec", "Uniform", "data", "load", "resume", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "data":
        return import_module(".data", __name__)  # a module that can be called
    if name in _HOMES:
        module, attribute = _HOMES[name].split(":")
        return getattr(import_module(f".{module}", __name__), attribute)
    raise AttributeError(f"module 'zerosum' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
