"""Pictures to look at: grids of images, scatter plots of points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import InputError
from ..spec import Columns, Field

COMFORTABLE = 64  # pixels that a small picture is enlarged to, at least, as far as the grid stays below WIDEST
WIDEST = 1200
PAPER, REAL, FAKE = "white", "#9aa3ad", "#d1495b"


def grid(x: Tensor, columns: int | None = None, gap: int = 1, scale: int | None = None) -> Image.Image:
    """Images `[n, c, h, w]` in [-1, 1] side by side, row by row, `gap` pixels apart.

    One channel is grey, three are RGB, four RGBA on a light checkerboard; of two the first is shown, of more the first
    three. Small images are enlarged by a whole number `scale`.
    """
    if x.ndim != 4 or not len(x):
        raise InputError(f"a grid shows images [n, c, h, w], at least one; these have shape {list(x.shape)}")
    n, _, h, w = x.shape
    columns = min(n, columns or even(n, math.sqrt(n * h / w)))
    scale = scale or max(1, min(math.ceil(COMFORTABLE / max(h, w)), WIDEST // (columns * (w + gap))))
    tiles = shown(x).repeat(scale, 1).repeat(scale, 2)
    gap, h, w, rows = gap * scale if scale < 4 else gap * 3, h * scale, w * scale, math.ceil(n / columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = tile
    return Image.fromarray(sheet)


def rows(named: Sequence[tuple[str, Tensor]], columns: int | None = None) -> Image.Image:
    """Images under one another, `(name, [n, c, h, w])` a row, each behind its name; sizes and channels may differ."""
    from PIL import ImageDraw, ImageFont

    columns = columns or max(len(x) for _, x in named)
    h, w = (max(x.shape[axis] for _, x in named) for axis in (2, 3))
    scale = max(1, min(math.ceil(COMFORTABLE / max(h, w)), WIDEST // (columns * w)))
    h, w, gap = h * scale, w * scale, 3
    font = ImageFont.load_default(max(10, min(13, h // 3)))
    margin = 8 + math.ceil(max(font.getlength(name) for name, _ in named))
    sheet = Image.new("RGB", (margin + columns * (w + gap), gap + len(named) * (h + gap)), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (name, x) in enumerate(named):
        top = gap + i * (h + gap)
        pen.text((4, top + h // 2), name, fill="#57534e", font=font, anchor="lm")
        for j, tile in enumerate(shown(x[:columns])):
            picture = Image.fromarray(tile).resize((w, h), Image.Resampling.NEAREST)
            sheet.paste(picture, (margin + j * (w + gap), top))
    return sheet


def even(n: int, wanted: float) -> int:
    """How many columns, about as many as wanted, leave the last row as full as can be."""
    most = round(wanted)
    return min(range(max(1, most - 1), most + 2), key=lambda c: (-n % c, abs(c - wanted)))


def shown(x: Tensor) -> np.ndarray:
    """Images `[n, c, h, w]` in [-1, 1] -> RGB bytes `[n, h, w, 3]`."""
    y = ((x.detach().cpu().float().nan_to_num(-1).clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 1).numpy()
    channels = y.shape[3]
    if channels == 4:
        colour, alpha = y[..., :3], y[..., 3:]
        y = colour * alpha + checkerboard(y.shape[1], y.shape[2]) * (1 - alpha)
    else:
        y = y[..., :1].repeat(3, 3) if channels < 3 else y[..., :3]
    return (y * 255).round().astype(np.uint8)


def checkerboard(h: int, w: int) -> np.ndarray:
    """Light squares that show through transparent pixels, `[h, w, 1]`."""
    side = max(1, min(h, w) // 8)
    odd = (np.arange(h)[:, None] // side + np.arange(w)[None] // side) % 2
    return np.where(odd, 0.85, 1.0)[..., None].astype(np.float32)


def scatter(points: Tensor | np.ndarray, reference: Tensor | np.ndarray | None = None, size: int = 480) -> Image.Image:
    """Points `[n, d]`, over `reference` points where given, on axes of equal scale, as a square of `size` pixels.

    Of more than two columns the first two principal components of the reference are shown; one column is a histogram.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ours = _rows(points)
    theirs = None if reference is None else _rows(reference)
    figure = Figure(figsize=(size / 100, size / 100), dpi=100, facecolor=PAPER, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    base = ours if theirs is None else theirs
    if ours.shape[1] == 1:
        edges = np.histogram_bin_edges(np.concatenate([ours, base]), 60).tolist()
        for v, colour, label in _layers(ours, theirs):
            axes.hist(v[:, 0], edges, density=True, color=colour, alpha=0.6, label=label)
    else:
        if ours.shape[1] > 2:
            centre, two = principal(base)
            ours, theirs = (ours - centre) @ two, None if theirs is None else (theirs - centre) @ two
            base = (base - centre) @ two
            axes.set_xlabel("first principal component")
            axes.set_ylabel("second principal component")
        for v, colour, label in _layers(ours, theirs):
            axes.plot(*v.T, ".", ms=3, mew=0, color=colour, alpha=min(1.0, max(0.3, 600 / len(v))), label=label)
        _square(axes, base, ours)
    if theirs is not None:
        for handle in figure.legend(
            loc="outside upper center", ncols=2, fontsize=8, markerscale=3, frameon=False
        ).legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    axes.tick_params(labelsize=8)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _rows(points: Tensor | np.ndarray) -> np.ndarray:
    values = points.detach().cpu().double().numpy() if isinstance(points, Tensor) else np.asarray(points, float)
    if values.ndim != 2 or not len(values):
        raise InputError(f"a scatter plot shows points [n, d], at least one; these have shape {list(values.shape)}")
    return values[np.isfinite(values).all(1)]


def _layers(ours: np.ndarray, theirs: np.ndarray | None) -> list[tuple[np.ndarray, str, str]]:
    fake = (ours, FAKE, "generated") if theirs is not None else (ours, "#30638e", "points")
    return [fake] if theirs is None else [(theirs, REAL, "real"), fake]


def _square(axes, base: np.ndarray, ours: np.ndarray) -> None:
    """Equal scales, around what is to be matched; points far away do not shrink it beyond half."""
    low, high = base.min(0), base.max(0)
    centre, half = (low + high) / 2, max((high - low).max() / 2, 1e-9)
    reach = np.abs(ours - centre).max() if len(ours) else half
    half = 1.08 * min(max(half, reach), 2 * half)
    axes.set_xlim(centre[0] - half, centre[0] + half)
    axes.set_ylim(centre[1] - half, centre[1] + half)
    axes.set_aspect("equal")


def principal(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[d]` and first two principal directions `[d, 2]`."""
    centre = points.mean(0)
    return centre, np.linalg.svd(points - centre, full_matrices=False)[2][:2].T


def picture(x: Tensor, field: Field, reference: Tensor | None = None) -> Image.Image:
    """What games see of `field`, to look at: a grid of images, or points.

    Points in the plane whose columns share one unit are shown in it, others standardised.
    """
    if field.kind == "image":
        return grid(x)
    columns = field.codec.columns if isinstance(field.codec, Columns) and not field.codec.table else ()
    if len(columns) == 2 and columns[0].std == columns[1].std:
        return scatter(field.decode(x), None if reference is None else field.decode(reference))
    return scatter(x, reference)
