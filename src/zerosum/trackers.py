"""TensorBoard, Weights & Biases, MLflow: told what happens where they are installed, and never able to break a run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from .errors import InputError, nearest


class Tracker(Protocol):
    """What a tracker is told."""

    def terms(self, values: dict[str, float], round: int) -> None: ...
    def picture(self, path: Path, round: int) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Event files in the run folder."""

    def __init__(self, folder: Path, config: dict[str, Any]):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def terms(self, values: dict[str, float], round: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, round)

    def picture(self, path: Path, round: int) -> None:
        import numpy as np
        from PIL import Image

        with Image.open(path) as picture:
            self.writer.add_image("samples", np.asarray(picture.convert("RGB")), round, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class WandB:
    """A Weights & Biases run; `WANDB_MODE=offline` keeps it local."""

    def __init__(self, folder: Path, config: dict[str, Any]):
        import wandb  # pyright: ignore[reportMissingImports]

        self.wandb = wandb
        self.run = wandb.init(project="zerosum", name=folder.name, dir=str(folder), config=config)

    def terms(self, values: dict[str, float], round: int) -> None:
        self.run.log(values, step=round)

    def picture(self, path: Path, round: int) -> None:
        self.run.log({"samples": self.wandb.Image(str(path))}, step=round)

    def close(self) -> None:
        self.run.finish()


class MLflow:
    """An MLflow run, at the tracking address that MLflow itself is configured with."""

    def __init__(self, folder: Path, config: dict[str, Any]):
        import mlflow  # pyright: ignore[reportMissingImports]

        self.mlflow = mlflow
        mlflow.start_run(run_name=folder.name)
        mlflow.log_dict(config, "config.json")

    def terms(self, values: dict[str, float], round: int) -> None:
        self.mlflow.log_metrics({k.replace("/", "."): v for k, v in values.items()}, step=round)

    def picture(self, path: Path, round: int) -> None:
        self.mlflow.log_artifact(str(path), "samples")

    def close(self) -> None:
        self.mlflow.end_run()


KINDS: dict[str, tuple[type, str]] = {
    "tensorboard": (TensorBoard, "tensorboard"),
    "wandb": (WandB, "wandb"),
    "mlflow": (MLflow, "mlflow"),
}


class Trackers:
    """All that were asked for. One that fails is named once and left out from then on; the run goes on."""

    def __init__(self, names: tuple[str, ...], folder: Path, config: dict[str, Any], say: Callable[[str], None]):
        self.active: dict[str, Tracker] = {}
        self.say = say
        for name in names:
            self._try(name, lambda name=name: self.active.__setitem__(name, KINDS[name][0](folder, config)))

    def terms(self, values: dict[str, float], round: int) -> None:
        for name, tracker in list(self.active.items()):
            self._try(name, lambda tracker=tracker: tracker.terms(values, round))

    def picture(self, path: Path, round: int) -> None:
        for name, tracker in list(self.active.items()):
            self._try(name, lambda tracker=tracker: tracker.picture(path, round))

    def close(self) -> None:
        for name, tracker in list(self.active.items()):
            self._try(name, tracker.close)

    def _try(self, name: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # whatever a third party's service does, training goes on
            self.active.pop(name, None)
            self.say(f"zerosum: {name} failed and is left out from here on ({type(error).__name__}: {error})")


def chosen(asked: str | None) -> tuple[str, ...]:
    """The trackers to use: those asked for, as "wandb,mlflow" or "none", which must be installed; without a word,
    TensorBoard where it is."""
    if asked is None:
        return ("tensorboard",) if importlib.util.find_spec("tensorboard") else ()
    names = tuple(word for word in asked.replace(" ", "").split(",") if word not in ("", "none"))
    for name in names:
        if name not in KINDS:
            raise InputError(f"no tracker {name!r}{nearest(name, KINDS)} The trackers are: {', '.join(KINDS)}")
        if not importlib.util.find_spec(KINDS[name][1]):
            raise InputError(f"{name} is not installed; pip install 'zerosum[{name}]'")
    return names
