"""The doctor's section of a run's report: findings, what was done, and the signals as curves."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

from ..runs import Run
from .attend import SIGNALS, read
from .examine import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {  # of the plot: title, ends of the names of signals, and whether the axis is logarithmic
    "what D can tell: data, unseen data, one from the other": (("tells", "tells_held", "knows"), False),
    "samples beside data": (("diversity", "modes", "recall", "precision", "apart"), False),
    "gradients": (("gradient", "pull", "slope"), True),
    "a step beside the weights": (("update",), True),
}
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be185d", "#4d7c0f")
LAMPS = {"green": "#15803d", "yellow": "#b45309", "red": "#b91c1c"}


def doctor(run: Run) -> str:
    """HTML, or nothing for a run that the doctor has not seen."""
    found, rows = read(run.path), run.rows(SIGNALS)
    if not found:
        return ""
    light = found["light"]
    lamp = f'<span style="color:{LAMPS[light]}">&#9679;</span>'
    listed = "".join(map(finding, found["findings"]))
    done = "".join(f"<p>Round {a['round']:,}: {html.escape(a['did'])}.</p>" for a in found["actions"])
    said = "Measured on fixed batches while the run was played; <code>zerosum doctor RUN</code> tells the same."
    body = f"<table>{listed}</table>" if listed else "<p>Nothing found.</p>"
    return f"<section><h2>{lamp} Doctor: {light}</h2><p>{said}</p>{body}{done}{curves(rows)}</section>"


def finding(f: dict[str, Any]) -> str:
    seen = ", ".join(f"{k} {short(v)}" for k, v in f["evidence"].items() if k != "before")
    tries = " or ".join(f"<code>{html.escape(r)}</code>" for r in f["remedy"])
    since = f"since round {f['since_round']:,}" if f["since_round"] else "from the start"
    return (
        f"<tr><td><b>{html.escape(f['name'])}</b><br><small>{f['severity']}, {since}</small>"
        f"<td>{html.escape(f['says'])}<br><small>{html.escape(seen)}</small><td>{tries}</tr>"
    )


def curves(rows: list[dict[str, Any]]) -> str:
    """The signals, a panel for each kind."""
    from matplotlib.figure import Figure

    panels = {title: (keys(rows, ends), log) for title, (ends, log) in PANELS.items()}
    panels = {title: v for title, v in panels.items() if v[0]}
    if len(rows) < 2 or not panels:
        return ""
    figure = Figure(figsize=(10, 2.4 * -(-len(panels) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(panels) // 2), 2, squeeze=False).ravel()
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for ax, (title, (names, log)) in zip(axes, panels.items(), strict=False):
        draw(ax, title, names, log, rows)
    figure.supxlabel("round", fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}">'


def keys(rows: list[dict[str, Any]], ends: tuple[str, ...]) -> list[str]:
    found = dict.fromkeys(k for row in rows for k in row)
    return [k for end in ends for k in found if k.endswith(f"/{end}")][: len(COLOURS)]


def draw(ax: Axes, title: str, names: list[str], log: bool, rows: list[dict[str, Any]]) -> None:
    for name, colour in zip(names, COLOURS, strict=False):
        points = [(row["round"], row[name]) for row in rows if row.get(name) is not None and (row[name] > 0 or not log)]
        if points:
            label = name.removeprefix("samples/")
            ax.plot(
                *zip(*points, strict=True), "-" if len(points) > 40 else "o-", color=colour, lw=1.2, ms=3, label=label
            )
    if log:
        ax.set_yscale("log")
    ax.set_title(title, fontsize=9, loc="left")
    ax.legend(fontsize=7, frameon=False, ncols=3)
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
