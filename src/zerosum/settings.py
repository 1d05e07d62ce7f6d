"""Options of every run, as typed fields: the command line, the Python API and config.yaml are all made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a game is played, and what is written down."""

    rounds: int = 10_000  # rounds to play in all
    batch: int = 64  # examples a move, over all processes
    micro: int | None = None  # examples a backward pass; fewer than the batch accumulate gradients
    seed: int = 0  # of weights, data order and noise
    device: str = "auto"  # cpu, cuda, cuda:1 or mps; auto takes the best that is there
    threads: int | None = None  # of the CPU; None: as many as torch thinks right
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: bfloat16 autocast
    ema: float | None = None  # half-life in examples of averaged weights, for players that declare none
    augment: str | None = (
        None  # differentiable augmentation before D: diffaugment, or words of color,translation,cutout
    )
    workers: int = 0  # processes that decode data that does not fit in memory
    out: Path = Path("runs")  # the folder in which the run's own numbered folder is made
    save_every: int | None = None  # rounds between checkpoints and sample grids; None: ten in a run
    log_every: int | None = None  # rounds between readings of the terms; None: 500 in a run
    keep: int = 3  # checkpoints kept besides the best
    track: tuple[str, ...] | None = None  # tensorboard, wandb, mlflow; None: tensorboard where it is installed
    quiet: bool = False  # nothing on the screen while it plays

    @property
    def saving(self) -> int:
        """Rounds between checkpoints."""
        return self.save_every or max(self.rounds // 10, 1)

    @property
    def logging(self) -> int:
        """Rounds between readings."""
        return self.log_every or max(self.rounds // 500, 1)


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How the data door reads its source."""

    columns: tuple[str, ...] | None = None  # of a table: the columns to learn
    labels: str | None = None  # of a table: the column of classes; of pictures: a file of labels
    size: str | None = None  # of pictures: HxW to rescale to (covering, centre kept), or one number for both
    flip: bool = False  # show mirror images too
    bad_files: Literal["stop", "skip"] = "stop"  # what to do about files that are not pictures
    missing: Literal["stop", "drop"] = "stop"  # what to do about rows with empty cells
    holdout: float = 0.1  # share that is kept from training, for metrics; named sets have their own
    limit: int | None = None  # use only so many examples
    data_dir: Path | None = None  # where local copies of named sets are
    memory: float = 2.0  # GiB of decoded pictures to hold; beyond, they are decoded as they are needed
