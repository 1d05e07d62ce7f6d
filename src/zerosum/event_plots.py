"""Generated events beside real ones, as physicists draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .conditions import conditional
from .data.events import kinematics
from .draws import draw
from .errors import InputError
from .judging import energies, told_energy
from .metrics import events as metrics
from .spec import Columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .data import Data
    from .metrics.events import Feature
    from .runs import Run

REAL, FAKE, BAND = "black", "#c8102e", "#fbbf24"
LEVELS = (0.01, 0.1, 0.2, 0.4, 0.6)  # contours, shares of the largest density, as in the paper
MOST, SAMPLES = 50_000, 5  # events drawn, and samples behind a band
FLAT = 5.0  # a density whose largest share is less than so many times the smallest has a linear axis
BEAMS_DRAWN = 5  # beam energies at most that have plots of their own
Beams = tuple[Any, Any] | None


@dataclass(frozen=True)
class Drawn:
    """Momenta `[n, 4]` in GeV, the energies of their beams, and perhaps their weights."""

    p: np.ndarray
    e: Beams
    w: np.ndarray | None = None


def figures(
    real: Drawn,
    fakes: Sequence[Drawn],
    stats: Mapping[str, Sequence[dict[str, Any]]] | None = None,
    source: str = "real",
    several: str = "samples",
) -> dict[str, Figure]:
    """Every plot that these events allow, by name. `fakes` are several samples of one generator, or one sample of each
    of several generators; their standard deviation is the band. `stats` are the readings of runs, by their names."""
    if not fakes:
        raise InputError("plots need one sample of generated events at least")
    one = f"generated, the first of {len(fakes)} {several}" if len(fakes) > 1 else "generated"
    out = {"features": panels(real, fakes, source, several), "correlations": matrices(real, fakes[0], source, one)}
    if real.e is not None and np.ndim(real.e[0]) == 0:
        out["x-q2"] = plane(real, fakes[0], source, one)
    if convergence := converging(stats or {}):
        out["convergence"] = convergence
    return out


def of_runs(these: Sequence[Run], data: Data) -> dict[str, Figure]:
    """The plots of a run against the held-out part of data, with five samples for the band; or, of several runs, of
    their ensemble. A game that can be told the beams' energy is told those of the real events, and where there are
    several of them, each has plots of its own."""
    out = _of_runs(these, data)
    parts = energies(these[0].game, these[0].spec, data)
    if len(parts) > 1:
        some = np.unique(np.linspace(0, len(parts) - 1, BEAMS_DRAWN).round().astype(int))
        for energy, part in (parts[i] for i in some):
            found = _of_runs(these, part, f", {energy:g} GeV")
            out |= {f"{name}-{energy:g}GeV": found[name] for name in ("features", "x-q2")}
    return out


def _of_runs(these: Sequence[Run], data: Data, more: str = "") -> dict[str, Figure]:
    """Of all of these events together."""
    facts = data.spec.x.extra["events"]
    batch = data.held_out.take(MOST, seed=0)
    beam = data.spec.y.decode(batch.y)[:, 0].astype(np.float64) if "y" in data.spec else None
    e = kinematics.energies(facts, beam)
    w = batch.w[:, 0].double().numpy() if "w" in data.spec else None
    real = Drawn(data.spec.x.decode(batch.x), e, w)

    def sample(run: Run, seed: int) -> Drawn:
        if "events" not in run.spec.x.extra:
            raise InputError(f"{run.name} generates no events, as {these[0].name} does")
        if not conditional(run.game) or not told_energy(run.spec.y) or e is None:
            return Drawn(run.spec.x.decode(draw(run.game, len(real.p), seed)), e if beam is None else None)
        codec = run.spec.y.codec
        assert isinstance(codec, Columns)
        y = codec.rows(np.broadcast_to(e[0], len(real.p))[:, None]).float()
        return Drawn(run.spec.x.decode(draw(run.game, len(real.p), seed, y=y)), e)

    fakes = [sample(these[0], seed) for seed in range(SAMPLES)] if len(these) == 1 else [sample(r, 0) for r in these]
    if any(f.e is None for f in fakes):  # a game that is told no energy: what needs it cannot be compared
        real = Drawn(real.p, None, w)
    source = str(facts.get("source", "real")).partition(",")[0] + more
    stats = {} if more else {run.name: run.stats() for run in these}
    return figures(real, fakes, stats, source, "samples" if len(these) == 1 else "generators")


def save(drawn: dict[str, Figure], folder: Path) -> list[Path]:
    """Each figure as PDF and as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}{suffix}" for name in drawn for suffix in (".pdf", ".png")]
    for path in paths:
        drawn[path.stem].savefig(path, dpi=200)
        drawn[path.stem].set_layout_engine("none")  # it is laid out now
    return paths


def panels(real: Drawn, fakes: Sequence[Drawn], source: str, several: str) -> Figure:
    """Each feature: densities on a logarithmic axis, and below them the ratio, generated over real."""
    from matplotlib.figure import Figure

    features = metrics.known(real.e)
    rows = -(-len(features) // 3)
    figure = Figure(figsize=(12, 4.0 * rows + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.04, hspace=0.02)  # type: ignore[union-attr]
    heights = [3.0, 1.2] * rows
    grid = figure.subplots(2 * rows, 3, gridspec_kw={"height_ratios": heights}, squeeze=False)
    for i, feature in enumerate(features):
        row, column = divmod(i, 3)
        panel(grid[2 * row, column], grid[2 * row + 1, column], feature, real, fakes)
    for i in range(len(features), 3 * rows):
        row, column = divmod(i, 3)
        grid[2 * row, column].set_visible(False)
        grid[2 * row + 1, column].set_visible(False)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    band = f"standard deviation of {len(fakes)} {several}" if len(fakes) > 1 else "statistical error, generated"
    named = {"real": f"{source}, {len(real.p):,} events", "generated": generated(fakes, several), "band": band}
    figure.legend(handles, [named[v] for v in labels], loc="outside upper center", ncols=3, frameon=False, fontsize=11)
    return figure


def generated(fakes: Sequence[Drawn], several: str) -> str:
    n = len(fakes[0].p)
    return f"generated, mean of {len(fakes)} {several} of {n:,}" if len(fakes) > 1 else f"generated, {n:,} events"


def panel(above: Axes, below: Axes, feature: Feature, real: Drawn, fakes: Sequence[Drawn]) -> None:
    values, drawn = feature(real.p, real.e), [feature(f.p, f.e) for f in fakes]
    fixed = real.e if real.e is not None and np.ndim(real.e[0]) == 0 else None
    cuts = metrics.edges(feature, values, fixed, metrics.BINS if len(values) >= MOST else metrics.BINS // 2)
    width = np.diff(cuts)
    share, error = histogram(values, cuts, real.w)
    mean, spread = metrics.bands(drawn, cuts)
    if len(drawn) == 1:
        spread = np.sqrt(mean * (1 - mean) / len(drawn[0]))
    middle = (cuts[1:] + cuts[:-1]) / 2
    above.stairs(mean / width, cuts, color=FAKE, lw=1.3, label="generated")
    steps(above, cuts, (mean - spread) / width, (mean + spread) / width, label="band")
    above.errorbar(middle, share / width, error / width, fmt="o", ms=2, lw=0.8, color=REAL, label="real")
    positive = (share / width)[share > 0]
    top = max(positive.max(), (mean / width).max())
    if top < FLAT * positive.min():  # phi
        above.set_ylim(0, 1.6 * top)
    else:
        above.set_yscale("log")
        above.set_ylim(positive.min() * 0.4, 4 * top)
    unit = f" [1/{feature.unit}]" if feature.unit else ""
    above.set_ylabel(rf"$(1/N)\,$d$N/$d{feature.label}{unit}", fontsize=10)
    chi2s = [np.divide(*metrics.chi2(v, values, cuts, b_weights=real.w)) for v in drawn]
    said = rf"$\chi^2$/ndf = {np.mean(chi2s):.2f}" + (rf" $\pm$ {np.std(chi2s, ddof=1):.2f}" if len(drawn) > 1 else "")
    above.text(0.97, 0.95, said, transform=above.transAxes, ha="right", va="top", fontsize=10)
    above.tick_params(labelbottom=False)

    seen = share > 0
    ratio = np.divide(mean, share, out=np.full_like(mean, np.nan), where=seen)
    relative = np.divide(error, share, out=np.full_like(mean, np.nan), where=seen)
    wide = np.divide(spread, share, out=np.full_like(mean, np.nan), where=seen)
    below.axhline(1, color="0.5", lw=0.8)
    below.errorbar(middle, np.ones_like(middle), relative, fmt="none", ecolor=REAL, lw=0.8)
    steps(below, cuts, ratio - wide, ratio + wide)
    below.stairs(ratio, cuts, color=FAKE, lw=1.3, baseline=None)
    reach = float(np.clip(np.nanquantile(np.abs(ratio - 1) + wide, 0.8), 0.2, 0.95))
    below.set_ylim(1 - 1.05 * reach, 1 + 1.05 * reach)
    below.set_ylabel("gen. / real", fontsize=9)
    below.set_xlabel(feature.title, fontsize=12)
    for axes in (above, below):
        axes.set_xlim(cuts[0], cuts[-1])
        axes.tick_params(which="both", direction="in", top=True, right=True, labelsize=9)
        if width[-1] > 1.5 * width[0]:
            axes.set_xscale("log")


def histogram(values: np.ndarray, cuts: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Share in each bin, and its statistical error."""
    sums, squares = metrics.filled(values, np.concatenate([[-np.inf], cuts, [np.inf]]), w)
    return sums[1:-1] / sums.sum(), np.sqrt(squares[1:-1]) / sums.sum()


def steps(axes: Axes, cuts: np.ndarray, low: np.ndarray, high: np.ndarray, label: str | None = None) -> None:
    """A band of the bins' width."""
    x = np.repeat(cuts, 2)[1:-1]
    axes.fill_between(
        x, np.repeat(low, 2), np.repeat(high, 2), color=BAND, alpha=0.6, lw=0, label=label, zorder=0, step=None
    )


def plane(real: Drawn, fake: Drawn, source: str, one: str = "generated") -> Figure:
    """Densities in (x, Q^2) on logarithmic axes, with contours and the kinematic limit; and their difference."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    assert real.e is not None
    first, second = metrics.axes_2d(real.e, real.p)
    counts = [cells(d, first, second) for d in (real, fake)]
    totals = [len(d.p) if d.w is None else d.w.sum() for d in (real, fake)]  # those outside of the plane, too
    shares = [c / total for (c, _), total in zip(counts, totals, strict=True)]
    s = 4 * real.e[0] * real.e[1]
    found, ndf = metrics.chi2_2d(fake.p, real.p, real.e, real.w)
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    norm = LogNorm(max(shares[0].max() * 1e-4, 1 / len(real.p)), shares[0].max())
    for axes, share, title in ((left, shares[0], source), (middle, shares[1], one)):
        mesh = axes.pcolormesh(
            first, second, np.ma.masked_equal(share, 0).T, norm=norm, cmap="viridis", rasterized=True
        )
        centres = [np.sqrt(v[1:] * v[:-1]) for v in (first, second)]
        axes.contour(
            *centres, smooth(share).T, levels=[v * shares[0].max() for v in LEVELS], colors="white", linewidths=0.8
        )
        axes.set_title(title, fontsize=12)
    figure.colorbar(mesh, ax=[left, middle], label="share of events in a cell", pad=0.01)
    error = np.sqrt(sum(v / total**2 for (_, v), total in zip(counts, totals, strict=True)))
    few = counts[0][0] + counts[1][0] < metrics.FEWEST
    pull = np.ma.masked_where(few, np.divide(shares[1] - shares[0], error, out=np.zeros_like(error), where=error > 0))
    mesh = right.pcolormesh(first, second, pull.T, vmin=-5, vmax=5, cmap="RdBu_r", rasterized=True)
    figure.colorbar(mesh, ax=right, label=r"(generated $-$ real) / error", pad=0.01, extend="both")
    right.set_title(rf"difference, $\chi^2$/ndf = {found / ndf:.2f}", fontsize=12)
    for axes in (left, middle, right):
        axes.plot(first, s * first, "--", color="black", lw=1.2, label=r"kinematic limit, $Q^2 = s\,x$")
        axes.set(xscale="log", yscale="log", xlabel="$x$", xlim=(first[0], 1), ylim=(second[0], second[-1]))
        axes.tick_params(which="both", direction="in", top=True, right=True)
    left.set_ylabel("$Q^2$ [GeV$^2$]")
    left.legend(loc="lower right", fontsize=9, frameon=True)
    return figure


def cells(d: Drawn, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of weights in the cells of the plane, and of their squares."""
    assert d.e is not None
    x, q2 = kinematics.x(d.p, *d.e), kinematics.Q2(d.p, d.e[0])
    powers = [None if d.w is None else d.w**k for k in (1, 2)]
    sums, squares = (np.histogram2d(x, q2, (first, second), weights=w)[0] for w in powers)
    return sums, squares


def smooth(share: np.ndarray) -> np.ndarray:
    """Averaged with the neighbours, so that contours follow the density and not its noise."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(share, 1.0)


def matrices(real: Drawn, fake: Drawn, source: str, one: str = "generated") -> Figure:
    """Correlation matrices, and their difference."""
    from matplotlib.figure import Figure

    labels = [rf"$\ln$ {f.label}" if f.log else f.label for f in metrics.known(real.e)]
    tables = [metrics.correlations(metrics.table(d.p, d.e), d.w) for d in (real, fake)]
    difference = tables[1] - tables[0]
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    reach = max(float(np.abs(difference).max()), 0.01)
    shown = ((tables[0], source, 1.0), (tables[1], one, 1.0), (difference, r"generated $-$ real", reach))
    for axes, (table, title, most) in zip(figure.subplots(1, 3), shown, strict=True):
        picture = axes.imshow(table, vmin=-most, vmax=most, cmap="RdBu_r")
        for (i, j), v in np.ndenumerate(table):
            dark = abs(v) > 0.6 * most
            text = f"{round(v, 2) + 0.0:.2f}" if most == 1 else f"{round(v, 3) + 0.0:+.3f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")
        axes.set_xticks(range(len(labels)), labels, rotation=45)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_title(title, fontsize=12)
        figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.03)
    return figure


def converging(stats: Mapping[str, Sequence[dict[str, Any]]]) -> Figure | None:
    """chi^2/ndf against rounds, where it was recorded: of a run each feature's, of several runs the mean of each."""
    from matplotlib.figure import Figure

    read = {name: [r for r in rows if "chi2/mean" in r] for name, rows in stats.items()}
    read = {name: rows for name, rows in read.items() if len(rows) > 1}
    if not read:
        return None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    labels = {f.name: f.label for f in metrics.FEATURES}
    for i, (run, rows) in enumerate(read.items()):
        for j, name in enumerate(k for k in rows[0] if k.startswith("chi2/")):
            word = name.removeprefix("chi2/")
            mean = word == "mean"
            if not mean and len(read) > 1:
                continue
            label = run if len(read) > 1 else labels.get(word, "mean")
            colour = f"C{i}" if len(read) > 1 else "black" if mean else f"C{j}"
            points = [r["round"] for r in rows], [r.get(name, np.nan) for r in rows]
            axes.plot(*points, "o-", ms=3, label=label, color=colour, lw=2.2 if mean else 1.1, zorder=5 if mean else 2)
    if len(read) > 1:
        axes.set_title("mean over the features", fontsize=11)
    axes.axhline(1, color="0.5", ls="--", lw=1)
    axes.set(yscale="log", xlabel="round", ylabel=r"$\chi^2$/ndf against held-out events")
    axes.tick_params(which="both", direction="in", top=True, right=True)
    axes.legend(ncols=5 if len(read) == 1 else 1, fontsize=9, frameon=False)
    return figure
