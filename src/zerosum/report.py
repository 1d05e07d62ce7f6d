"""A run as one HTML page that opens anywhere: every picture is inside it, and nothing is fetched."""

# ruff: noqa: E501 (style sheet)

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from . import zoo
from .conditions import caption, conditional, some
from .data import pictures
from .doctor.page import doctor
from .draws import draw
from .errors import InputError
from .game import algorithm
from .metrics.cards import Card, by_feature
from .runs import Run
from .spec import Columns
from .views import SHOWN, view_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image
    from torch import Tensor

    from .data import Data

NEIGHBOURS = 10  # samples whose nearest training examples are shown
MOMENTS = 8  # pictures through time
ROW, CLASSES = 8, 12  # samples in a row, classes that have one
COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be185d", "#4d7c0f")

STYLE = """
:root { --ink: #1c1917; --soft: #57534e; --line: #e7e5e4; --paper: #fff; --back: #faf9f7; --accent: #c2410c }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.9rem; margin: 0 } h2 { font-size: 1.15rem; margin: 0 0 .25rem }
p { margin: .35rem 0; color: var(--soft) } a { color: var(--accent) }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.25rem; margin-top: 1.1rem }
.facts { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: .8rem 0 0 } .facts b { display: block; font-size: 1.25rem }
.facts span { color: var(--soft); font-size: .85rem } .two { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem }
.strip { display: flex; gap: .7rem; overflow-x: auto; padding-bottom: .3rem } figure { margin: 0 }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .25rem } img { max-width: 100%; height: auto; display: block; border-radius: 4px }
.strip img { max-width: 210px } .pixel { image-rendering: pixelated }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-size: .93rem }
th { color: var(--soft); font-weight: 600 } small { color: var(--soft) }
pre { background: var(--back); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; overflow-x: auto; font-size: .86rem }
@media (max-width: 720px) { .two { grid-template-columns: 1fr } }
"""


def write(run: Run) -> Path:
    """Write `report.html` and `curves.png` into the run; returns the page's path. Measures nothing: that is `evaluate`."""
    try:
        data, missing = run.data(), ""
    except InputError as error:
        data, missing = None, str(error)
    sections = [_head(run), *(_of_x(run, data) if "x" in run.game.needs else _of_domains(run, data)), doctor(run)]
    if data is None:
        sections.append(f"<section><h2>Without its data</h2><p>{html.escape(missing)}</p></section>")
    sections += [_metrics(run), _again(run)]
    page = run.path / "report.html"
    title = html.escape(run.name)
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title} - zerosum</title><style>{STYLE}</style><main>{''.join(sections)}</main></html>\n",
        encoding="utf-8",
    )
    return page


def _of_x(run: Run, data: Data | None) -> list[str]:
    """What is to be seen of samples."""
    x = run.draw(SHOWN[run.spec.x.kind])
    sections = [_samples(run, x, data), _classes(run), _rows(run, x), _time(run), _curves(run)]
    if data is None:
        return sections
    return [*sections, _events(run, data), _neighbours(run, x, data), _columns(run, data)]


def _of_domains(run: Run, data: Data | None) -> list[str]:
    """What is to be seen of a and b: translations of held-out examples, or joint draws."""
    if data is None:
        return [_time(run), _curves(run)]
    picture = _image(view_of(run.game, data).picture(run.game, "cpu"))
    if hasattr(run.game, "joint"):
        shown = _section("Joint samples", "Each a above the b of the same latent, drawn with seed 0.", picture)
    else:
        said = "Held-out examples, translated; and back, and the truth, where there are such."
        shown = _section("Translations", said, picture)
    return [shown, _time(run), _curves(run)]


def _head(run: Run) -> str:
    stats, config = run.stats(), run.config
    last = stats[-1] if stats else {}
    parameters = sum(p.numel() for p in run.game.parameters())
    facts = {
        "rounds": f"{run.rounds:,} of {config['settings']['rounds']:,}",
        "real examples shown": f"{last.get('examples', 0):,}",
        "training time": _duration(last.get("seconds", 0.0)),
        "parameters": f"{parameters:,}",
        "on": f"{config['device']}, torch {config['versions']['torch']}",
    }
    shown = "".join(f"<div><b>{html.escape(v)}</b><span>{k}</span></div>" for k, v in facts.items())
    return f"<h1>{html.escape(run.name)}</h1><p>{_paper(config['game'])}</p><div class=facts>{shown}</div>"


def _paper(game: str) -> str:
    try:
        paper = zoo.paper(zoo.find(game))
    except InputError:
        return html.escape(game)
    cited = html.escape(f"{paper.title} {paper.authors}, {paper.year}.")
    source = f'<a href="{paper.url}">{html.escape(paper.id)}</a>' if paper.url else html.escape(paper.id)
    return f"{cited} {source}"


def _samples(run: Run, x: Tensor, data: Data | None) -> str:
    reals = data.take(len(x)).x if data is not None else None
    fake = pictures.picture(x, run.spec.x, reals)
    if reals is None or run.spec.x.kind != "image":
        return _section("Samples", "Drawn with seed 0 from the averaged weights.", _image(fake))
    both = _figure(_image(fake), "samples") + _figure(_image(pictures.grid(reals)), "real, from the training data")
    return _section(
        "Samples", "Drawn with seed 0 from the averaged weights, none left out.", f"<div class=two>{both}</div>"
    )


def _classes(run: Run) -> str:
    """Of games that can be told what to draw: a row of pictures for each class, or for some of the conditions seen."""
    if not conditional(run.game) or run.spec.x.kind != "image":
        return ""
    field = run.spec.y
    few = some(field, CLASSES)
    rows = [
        _figure(_image(pictures.grid(draw(run.game, ROW, y=y.expand(ROW, *field.shape)), ROW)), html.escape(name))
        for y, name in zip(few, caption(field, few), strict=True)
    ]
    if field.kind != "label":
        return _section("As it is told", "Some conditions of the data.", f"<div class=two>{''.join(rows)}</div>")
    said = "As many latents for each class"
    said += f", the first {len(few)} classes." if len(few) < len(field.classes) else "."
    return _section("Class by class", said, f"<div class=two>{''.join(rows)}</div>")


def _rows(run: Run, x: Tensor) -> str:
    """The first samples of a table, as rows."""
    from .export import table

    if not isinstance(run.spec.x.codec, Columns) or not run.spec.x.codec.table:
        return ""
    frame = table(x[:ROW], run.spec.x)
    head = "".join(f"<th>{html.escape(name)}" for name in frame.columns)
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(str(v))}" for v in row) + "</tr>" for row in frame.iter_rows())
    return _section("Rows", "The first samples.", f"<div class=wide><table><tr>{head}</tr>{rows}</table></div>")


def _time(run: Run) -> str:
    found = sorted(p for p in run.samples.glob("*.png") if p.stem.isdecimal())
    if len(found) < 2:
        return ""
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, MOMENTS).round().astype(int))]
    strip = "".join(_figure(_embed(p.read_bytes()), f"round {int(p.stem):,}") for p in chosen)
    what = "latents" if "x" in run.game.needs or hasattr(run.game, "joint") else "held-out examples"
    return _section("Through time", f"The same {what}, as training went on.", f"<div class=strip>{strip}</div>")


def _curves(run: Run) -> str:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    stats = run.stats()
    names = [k for k in dict.fromkeys(k for row in stats for k in row) if k not in ("round", "examples", "seconds")]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.split("/")[0], []).append(name)
    if not groups:
        return ""
    figure = Figure(figsize=(10, 2.5 * len(groups)), layout="constrained")
    for axes, (group, terms) in zip(
        np.atleast_1d(figure.subplots(len(groups), sharex=True)), groups.items(), strict=True
    ):
        for name, colour in zip(terms, COLOURS * len(terms), strict=False):
            points = [(row["round"], row[name]) for row in stats if name in row]
            style = "o-" if len(points) < 30 else "-"
            axes.plot(
                *zip(*points, strict=True), style, color=colour, label=name.partition("/")[2] or name, lw=1.2, ms=3
            )
        axes.set_ylabel("distance to held-out data" if group == "score" else group)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, frameon=False, ncols=len(terms))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("round", fontsize=10)
    figure.savefig(run.path / "curves.png", dpi=150)
    said = (
        "Every named term of every player's objective, as means over the rounds between two readings. In a game these "
        "need not fall; the score is the sliced Wasserstein distance to held-out data, measured at each checkpoint."
    )
    return _section("Curves", said, _plot(figure))


def _neighbours(run: Run, x: Tensor, data: Data) -> str:
    from .metrics import nearest

    if run.spec.x.kind == "image":
        some = x[:NEIGHBOURS]
        _, examples = nearest(some, data, k=3)
        rows = [some, *examples.unbind(1)]
        picture = pictures.grid(_stack(rows), columns=len(some))
        said = (
            "Top row: samples. Below each: its three nearest training examples by pixels. A copy would look the same."
        )
        return _section("Nearest training neighbours", said, _image(picture))
    from matplotlib.figure import Figure

    held_out = data.held_out.take(len(x)).x
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    axes = figure.subplots()
    distances = [nearest(v, data)[0][:, 0].numpy() for v in (x, held_out)]
    bins = np.linspace(0, np.quantile(np.concatenate(distances), 0.99) + 1e-9, 60).tolist()
    for d, label, colour in zip(distances, ("samples", "held-out real data"), COLOURS, strict=False):
        axes.hist(d, bins, density=True, histtype="step", color=colour, label=label, lw=1.5)
    axes.set_xlabel("distance to the nearest training example, in standard deviations")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    said = (
        "Where samples lie nearer to the training data than unseen real data does, they copy it; farther, they miss it."
    )
    return _section("Nearest training neighbours", said, _plot(figure))


def _events(run: Run, data: Data) -> str:
    """Of events of particle physics: features with ratios, the plane of x and Q^2, correlations, convergence."""
    from . import event_plots

    if "events" not in data.spec.x.extra:
        return ""
    said = (
        "Against held-out events; points with their statistical errors, the band the spread of five samples. Nothing is "
        f"cut away. As PDF and PNG: zerosum report {html.escape(str(run.path))} --plots DIR"
    )
    found = event_plots.of_runs([run], data)
    return _section("Events", said, "".join(_figure(_raster(f), "") for f in found.values()))


def write_plots(runs: list[Run], folder: Path | None, on: Data | None = None) -> Path:
    """Plots of events as PDF and PNG, of a run or of an ensemble of runs, against held-out events of the run's data or
    against those of other data; returns the folder."""
    from . import event_plots

    if folder is None:
        raise InputError("--ensemble and --on are for plots: say where with --plots DIR")
    data = on or runs[0].data()
    if "x" not in data.spec or "events" not in data.spec.x.extra:
        raise InputError(f"--plots draws events of particle physics, and {data.name} has {data.spec}")
    event_plots.save(event_plots.of_runs(runs, data), folder)
    return folder


def _raster(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=130)
    return _embed(file.getvalue())


def _columns(run: Run, data: Data) -> str:
    """Real and generated distributions of the first columns, in the user's units."""
    from matplotlib.figure import Figure

    from .export import table

    if run.spec.x.kind != "vector" or run.spec.x.size < 3 or "events" in run.spec.x.extra:
        return ""
    real, fake = table(data.take(SHOWN["vector"]).x, run.spec.x), table(run.draw(SHOWN["vector"]), run.spec.x)
    names = real.columns[:16]
    figure = Figure(figsize=(10, 1.9 * -(-len(names) // 4)), layout="constrained")
    grid = figure.subplots(-(-len(names) // 4), 4, squeeze=False).ravel()
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, names, strict=False):
        a, b = real[name], fake[name]
        if a.dtype.is_numeric():
            low, high = np.quantile(a.to_numpy(), [0.001, 0.999])
            bins = np.linspace(low, high if high > low else low + 1, 40).tolist()
            for v, colour in ((a, COLOURS[1]), (b, COLOURS[0])):
                axes.hist(v.to_numpy(), bins, density=True, histtype="step", color=colour, lw=1.2)
        else:
            top = a.value_counts(sort=True)[name][:8].to_list()
            for v, colour, shift in ((a, COLOURS[1], -0.2), (b, COLOURS[0], 0.2)):
                shares = [(v == t).mean() for t in top]
                axes.barh(np.arange(len(top)) + shift, shares, 0.4, color=colour)
            axes.set_yticks(range(len(top)), [str(t)[:14] for t in top], fontsize=6)
            axes.invert_yaxis()  # the most frequent on top
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=6)
        axes.spines[["top", "right"]].set_visible(False)
    return _section("Columns", "Real data in blue, samples in orange, in your own units.", _plot(figure))


def _metrics(run: Run) -> str:
    found = run.metrics()
    if found is None:
        return _section("Metrics", "Not measured yet.", f"<pre>zerosum evaluate {html.escape(str(run.path))}</pre>")
    cards = [Card(**card) for card in found["cards"]]
    quantities, features_of, others = by_feature(cards)
    head = "<tr><th>metric<th>samples<th>real data<th>better<th>n<th>against<th>source</tr>"
    rows = "".join(
        f"<tr><td>{html.escape(c.name)}{' *' if c.features else ''}{_two(c)}<td>{c.better}<td>{c.n_fake:,} / "
        f"{c.n_real:,}<td>{c.split}<td>{html.escape(c.source)}<br><small>{html.escape(c.note)}</small></tr>"
        for c in others
    )
    single = [_by_feature(quantities, features_of)] if features_of else []
    tables = [*single, f"<table>{head}{rows}</table>"]
    features = {c.features for c in cards if c.features}
    said = (
        f"At round {found['round']:,}. Mean &plusmn; standard deviation over {cards[0].repeats} sets of samples. "
        "<i>Real data</i> is the floor: the same metric with unseen real data in the samples' place."
        + "".join(f" * by the feature network {html.escape(f)}." for f in features)
    )
    return _section("Metrics", said, "".join(f"<div class=wide>{table}</div>" for table in tables))


def _by_feature(quantities: list[str], rows: dict[str, dict[str, Card]]) -> str:
    """Cards of single features, a row a feature; below them what is said of each quantity."""
    head = "".join(f"<th>{html.escape(quantity)}<th>real data" for quantity in quantities)
    lines = "".join(
        f"<tr><td>{html.escape(feature)}{''.join(_two(row.get(quantity)) for quantity in quantities)}</tr>"
        for feature, row in rows.items()
    )
    first = next(iter(rows.values()))
    said = "; ".join(
        f"{quantity}: {', '.join(filter(None, (c.source, c.note)))}, {c.n_fake:,} / {c.n_real:,}, against {c.split}"
        for quantity, c in first.items()
    )
    return f"<table><tr><th>feature{head}</tr>{lines}</table><p><small>{html.escape(said)}</small></p>"


def _two(card: Card | None) -> str:
    """Cells of a card's value and floor."""
    if card is None:
        return "<td>-<td>-"
    return f"<td>{_figures(card.value, card.spread)}<td>{_figures(card.floor, card.floor_spread)}"


def _again(run: Run) -> str:
    listing = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True, width=100)
    body = (
        f"<pre>{html.escape(algorithm(run.game))}</pre><h2>Go on with it</h2>"
        f"<pre>{html.escape(use(run, str(run.path)))}\n"
        f"zerosum resume {html.escape(str(run.path))} --rounds {2 * run.config['settings']['rounds']}</pre>"
        f"<details><summary>config.yaml</summary><pre>{html.escape(listing)}</pre></details>"
    )
    return _section("The game", "What one round did.", body)


def use(run: Run, name: str) -> str:
    """The command that makes something with the run, which the command line knows by `name`."""
    if "x" in run.game.needs or hasattr(run.game, "joint"):
        return f"zerosum sample {name} -n 64 --out grid.png"
    what, end = ("TABLE", "csv") if run.spec.a.kind == "vector" else ("PICTURE", "png")
    return f"zerosum translate {name} {what} --out translated.{end}"


def _section(title: str, said: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{said}</p>{body}</section>"


def _figure(image: str, caption: str) -> str:
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _image(picture: Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return _embed(file.getvalue())


def _plot(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return _embed(file.getvalue(), "svg+xml")


def _embed(content: bytes, kind: str = "png") -> str:
    return f'<img alt="" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'


def _stack(rows: Sequence[Tensor]) -> Tensor:
    import torch

    return torch.cat(list(rows))


def _figures(value: float | None, spread: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" + (f" &plusmn; {spread:.1g}" if spread is not None else "")


def _duration(seconds: float) -> str:
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours} h {m} min" if hours else f"{m} min {s} s" if m else f"{s} s"
