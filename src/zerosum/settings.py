"""Options of every run, as typed fields: the command line, the Python API and config.yaml are all made from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from .errors import InputError

LEAST = dict(rounds=1, batch=1, micro=1, seed=0, threads=1, workers=0, save_every=1, log_every=1, keep=1, devices=1)
SEEDS = 2**63  # there are so many


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a game is played, and what is written down."""

    rounds: int = 10_000  # rounds to play in all
    batch: int = 64  # examples a move, over all processes
    micro: int | None = None  # examples a backward pass; fewer than the batch accumulate gradients
    seed: int = 0  # of weights, data order and noise
    device: str = "auto"  # cpu, cuda, cuda:1 or mps; auto takes the best that is there
    devices: int | None = None  # processes, one a GPU or a share of the cores; None: one, or as torchrun or SLURM say
    timeout: float = 600.0  # seconds that a process may leave the others waiting before it counts as lost
    threads: int | None = None  # of the CPU; None: as many as torch thinks right
    precision: Literal["fp32", "tf32", "bf16", "auto"] = "fp32"  # bf16: autocast; tf32: a GPU's; auto: what is faster
    fused: Literal["auto", "on", "off"] = "auto"  # compile the steps: auto, where the rounds repay it
    ema: float | None = None  # half-life in examples of averaged weights, for players that declare none
    augment: str | None = None  # of pictures before D: diffaugment, or some of color,translation,cutout
    instance_noise: float = 0.0  # spread of noise on all that D sees, falling to 0 over the run
    add_r1: float | None = None  # weight of a penalty on D's slope at data, added to a game whose D takes x alone
    lr_scale: float = 1.0  # all learning rates are multiplied by it
    workers: int = 0  # processes that decode data that does not fit in memory
    out: Path = Path("runs")  # the folder in which the run's own numbered folder is made
    save_every: int | None = None  # rounds between checkpoints and sample grids; None: ten in a run
    log_every: int | None = None  # rounds between readings of the terms; None: 500 in a run
    keep: int = 3  # checkpoints kept besides the best
    doctor: Literal["off", "watch", "act"] = "watch"  # looks at the run now and then; act: lends a hand, and says so
    track: str | None = None  # tensorboard,wandb,mlflow or none; None: tensorboard where it is installed
    quiet: bool = False  # nothing on the screen while it plays

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))  # words will do, too

    def check(self) -> None:
        """Raises InputError for a number that cannot be meant."""
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise InputError(f"{name} must be a whole number, {least} or more; not {value!r}")
        if self.seed >= SEEDS:
            raise InputError(f"seed must be less than 2**63, not {self.seed}")
        if self.instance_noise < 0 or self.lr_scale <= 0 or (self.add_r1 is not None and self.add_r1 <= 0):
            raise InputError(
                "instance_noise is 0 or more, add_r1 and lr_scale are more than 0; "
                f"not {self.instance_noise}, {self.add_r1}, {self.lr_scale}"
            )
        if not self.timeout > 0:
            raise InputError(f"timeout is in seconds, more than 0; not {self.timeout}")
        if self.ema is not None and self.ema <= 0:
            raise InputError(f"ema is a half-life in examples, more than 0; not {self.ema}")

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

    columns: str | None = None  # of a table: the columns to learn, as age,income
    labels: str | None = None  # of the condition: columns, as kind, beam:number, caption:text; or a table of pictures
    only: str | None = None  # use examples of these classes only, as cat,dog
    size: str | None = None  # of pictures: HxW to rescale to (covering, centre kept), or one number for both
    crop: str | None = None  # of pictures: HxW to cut out, anywhere; of pairs the same of both
    flip: bool = False  # show mirror images too
    unpaired: bool = False  # pairs as two domains: a of one half of them, b of the other
    bad_files: Literal["stop", "skip"] = "stop"  # what to do about files that are not pictures
    missing: Literal["stop", "drop"] = "stop"  # what to do about rows with empty cells
    features: str | None = None  # of scattering events: direct, cartesian (or fat), spherical, scattered
    transform: str | None = None  # of a table: what G writes, as age:positive,share:bounded(0,1),angle:periodic(360)
    augment_columns: str | None = None  # of a table: what D sees beside it, as ratio=weight/height**2
    holdout: float = 0.1  # share that is kept from training, for metrics; named sets have their own
    limit: int | None = None  # use only so many examples
    data_dir: Path | None = None  # where local copies of named sets are
    memory: float = 2.0  # GiB of decoded pictures to hold; beyond, they are decoded as they are needed


def names(kind: Any) -> list[str]:
    """Names of the fields of a dataclass."""
    return [f.name for f in fields(kind)]
