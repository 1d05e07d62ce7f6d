"""The verbs sample and export: what a trained generator makes, and the generator itself. Nothing heavy is imported
before it is needed."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from .arguments import RunName
from .errors import InputError
from .settings import SEEDS

Count = Annotated[int, arg(aliases=["-n"])]


def sample(
    run: RunName,
    n: Count = 64,
    seed: int = 0,
    out: Path | None = None,
    condition: str | None = None,
    extrapolate: bool = False,
    precision: Literal["fp32", "bf16"] = "fp32",
    round: int | None = None,
    game: str | None = None,
) -> None:
    """Draw samples from a run, in your own units.

    Args:
        run: its folder, number or name, or "latest"
        n: how many
        seed: the same seed gives the same samples
        out: .png, .npy, .npz, .csv, .parquet, a folder; of events .hepmc, .lhe, .root, .txt; else a picture in the run
        condition: a class, as 3 or cat,dog; numbers and attributes, as beam=25; or a caption; several with ; take turns
        extrapolate: allow conditions outside of the range trained on
        precision: of a perceptron that makes rows; bf16, but for its last layer, is faster where the CPU computes in it
        round: of which checkpoint, the newest if not said
        game: the Python file of a game of yours; loading it runs it
    """
    from . import conditions, export, portable, runs
    from .draws import draw
    from .features import written_only

    if n < 1:
        raise InputError(f"-n must be 1 or more, not {n}")
    if not 0 <= seed < SEEDS:
        raise InputError(f"--seed must be 0 or more and less than 2**63, not {seed}")
    found = runs.find(run, game=game)
    loaded, spec = found.load(round)
    if "x" not in loaded.needs:
        a, b = found.joint(n, seed)
        print(export.write_pairs(a, b, (spec.a, spec.b), out or found.path / "generated" / f"seed{seed}-{n}.png"))
        return
    y = conditions.understand(loaded, spec, n, condition, extrapolate)
    if precision == "bf16":
        portable.lowered(loaded)
    drawn = out is None or out.suffix.lower() == ".png"  # by more than what G writes
    with nullcontext() if drawn else written_only(loaded):
        x = draw(loaded, n, seed, y=y)
    wants_reals = spec.x.kind != "image" and drawn
    reference = found.data().take(n).x if wants_reals else None
    column = found.config["data"]["options"].get("labels", "y")
    labels = None if y is None else conditions.columns(spec.y, y, column.partition(":")[0])
    name = re.sub(r"[^\w.-]+", "-", f"seed{seed}-{n}" + (f"-{condition}" if condition else ""))[:100]
    path = out or found.path / "generated" / f"{name}.png"
    print(export.write(x, spec.x, path, reference, labels))


def export(run: RunName, onnx: Path, round: int | None = None, game: str | None = None) -> None:
    """Write a run's generator as an ONNX file, from noise to samples in your own units.

    Args:
        run: its folder, number or name, or "latest"
        onnx: the file, as model.onnx
        round: of which checkpoint, the newest if not said
        game: the Python file of a game of yours; loading it runs it
    """
    from . import portable, runs

    loaded, spec = runs.find(run, game=game).load(round)
    inputs = portable.export(loaded, spec, onnx)
    print(f"{onnx}\ninputs   {', '.join(f'{k} {v}' for k, v in inputs.items())}\noutput   samples {spec.x}")
