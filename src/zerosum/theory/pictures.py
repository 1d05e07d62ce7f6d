"""How the demonstrations are drawn."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA, MODEL, THIRD, SOFT = "#1d4ed8", "#c2410c", "#15803d", "#57534e"
COLOURS = (DATA, MODEL, THIRD, "#7e22ce", "#b45309", "#0e7490", "#be185d")
MILLISECONDS = 200  # a frame


def panels(columns: int, rows: int = 1, *, width: float = 3.6, height: float = 2.9) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    found = list(axes.ravel())
    for ax in found:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.2)
    return figure, found


def image(figure: Figure, dpi: int = 110) -> Image.Image:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return Image.open(file).convert("RGB")


def film(frames: Iterable[Image.Image]) -> list[Image.Image]:
    return [frame.quantize(64) for frame in frames]
