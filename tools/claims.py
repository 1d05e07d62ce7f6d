"""docs/zoo.md: what each game claims and what came of it, written from the results in src/zerosum/claims/results/.

`python -m tools.claims` writes it anew; with `--check` it only says whether the page is behind.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from zerosum import claims, games
from zerosum.claims import RESULTS, verdict
from zerosum.zoo import FOLDER, paper

from .house import ROOT

PAGE = ROOT / "docs/zoo.md"
HEAD = """# What each paper claims, and what came of it here

Written by `python -m tools.claims` from the files that `zerosum verify` writes; nothing here is typed by hand.

Each claim is a small experiment: a metric and a threshold, both fixed before its seeds were run, and an *ablation*, the
same code with the game's idea off, which must miss the threshold. The median of all seeds decides. Claims that do not
hold, and ablations that pass, stay in the tables. Run one with `zerosum verify GAME`; its code is
`src/zerosum/claims/GAME.py`.
"""


def number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 or value != round(value) else f"{value:.0f}"


def values(row: dict[str, Any], arm: str = "") -> str:
    """Median, and all values in the order of the seeds."""
    return f"{number(row[f'{arm}median'])} ({', '.join(map(number, row[f'{arm}values']))})"


def load(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def summary(rows: list[dict[str, Any]]) -> str:
    """How many hold, and which do not."""
    bad = [f"`{row['game']}`, {row['name']}: {verdict(row)}" for row in rows if verdict(row) != "holds"]
    count = f"{len(rows)} claims of {len({row['game'] for row in rows})} games. {len(rows) - len(bad)} hold"
    head = f"{count} and their ablations miss{'; not so:' if bad else '.'}"
    return "\n".join([head, "", *(f"- {line}" for line in bad), *[""] * bool(bad)])


def waiting(found: dict[str, list[dict[str, Any]]]) -> str:
    """Claims that stand in the code and have no results yet, and games that have no claims."""
    lines = []
    for game in claims.games():
        measured = {row["name"] for row in found.get(game, [])}
        names = [claim.name for claim in claims.of(game) if claim.name not in measured]
        lines += [f"- `{game}`: {', '.join(names)}"] if names else []
    without = [f"`{game}`" for game in games.names() if game not in claims.games()]
    return "\n".join(
        [
            *(["Not measured yet:", "", *lines, ""] if lines else []),
            *([f"Games without a claim yet: {', '.join(without)}.", ""] if without else []),
        ]
    )


def claims_of(game: str, rows: list[dict[str, Any]]) -> str:
    """One game's section: its paper, what it claims, and a table with a row a claim."""
    p = paper(FOLDER / f"{game}.py")
    lines = [f"## {game}", "", f"{p.title} {p.authors}, {p.year}. {f'[{p.id}]({p.url})' if p.url else p.id}", ""]
    for row in rows:
        beside = f" Beside it: {row['beside']}." if row["beside"] else ""
        lines.append(
            f"- **{row['name']}**: {row['claim']} *Measured:* {row['metric']}. *Ablation:* {row['ablation']}.{beside}"
        )
    lines += [
        "",
        "| claim | threshold | median (all seeds) | ablation | s a run | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        sign = "≥" if row["better"] == "higher" else "≤"
        cells = [row["name"], f"{sign} {number(row['threshold'])}", values(row), values(row, "ablation_")]
        lines.append(f"| {' | '.join([*cells, number(row['seconds_a_run']), verdict(row)])} |")
    return "\n".join([*lines, "", *remarks(rows)])


def remarks(rows: list[dict[str, Any]]) -> list[str]:
    """What experiments read beside their metric."""
    lines = []
    for row in rows:
        for arm, title in (("readings", "with the idea"), ("ablation_readings", "without it")):
            more = list(row[arm][0])[1:]
            found = "; ".join(f"{name} {', '.join(number(r[name]) for r in row[arm])}" for name in more)
            lines += [f"- {row['name']}, {title}: {found}"] if more else []
    return ["Also read, seed by seed:", "", *lines, ""] if lines else []


def modes_table(rows: list[dict[str, Any]]) -> str:
    """Coverage and quality of the mixtures."""
    if not rows:
        return ""
    first = rows[0]
    lines = [
        "## Modes",
        "",
        "Modes covered, and share of samples within four standard deviations of one: medians (and all seeds).",
        f"All games play {first['rounds']} rounds of batch {first['batch']} with hidden layers of 128 units, a latent",
        "of 2 and a learning rate of 0.001, and else their defaults. Nothing is tuned for any of them; nothing passes",
        "or fails. `python -m zerosum.claims._modes` makes it.",
        "",
        "| game | data | modes covered | quality | s a run |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        covered, quality = ({"median": statistics.median(row[k]), "values": row[k]} for k in ("covered", "quality"))
        seconds = number(statistics.median(row["seconds"]))
        lines.append(
            f"| `{row['game']}` | {row['data']} | {values(covered)} of {row['modes']} | {values(quality)} | {seconds} |"
        )
    return "\n".join([*lines, ""])


def compiled_table(found: dict[str, list[dict[str, Any]]], folder: Path) -> str:
    """The claims that were verified with their steps compiled, against the eager ones."""
    lines, eager, inside, alike = [], [], 0, 0
    for game, rows in found.items():
        for row, other in pairs(rows, load(folder, game)):
            inside += (within := min(row["values"]) <= other["median"] <= max(row["values"]))
            alike += verdict(row) == verdict(other)
            name = f"`{game}`, {row['name']}"
            cells = [name, values(row), values(other), "yes" if within else "no", verdict(other)]
            cells[3:3] = [values(row, "ablation_"), values(other, "ablation_")]
            lines.append(f"| {' | '.join(cells)} |")
            eager += [f"- {name}: {step} stayed eager: {why}" for step, why in other["steps"].items() if why]
    if not lines:
        return ""
    head = [
        "## Compiled",
        "",
        "The same claims with their steps compiled, by `zerosum verify GAME --fused` ({doc}`speed`). A compiled run is",
        "the eager one within rounding, which grows, so that it becomes another run of the game, as of another seed.",
        f"Of {len(lines)} compiled medians {inside} lie within the eager values; {alike} of the verdicts are the same.",
        "",
        "| claim | eager | compiled | ablation, eager | ablation, compiled | within | compiled, it |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *lines, "", *eager, *[""] * bool(eager)])


def pairs(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of the same claim and seeds."""
    by_name = {(row["name"], *row["seeds"]): row for row in rows}
    return [(by_name[key], other) for other in others if (key := (other["name"], *other["seeds"])) in by_name]


def page(folder: Path) -> str:
    """The whole page, games by the year of their papers."""
    names = [path.stem for path in folder.glob("[!_]*.json")]
    found = {name: load(folder, name) for name in sorted(names, key=lambda n: (paper(FOLDER / f"{n}.py").year, n))}
    sections = [claims_of(name, rows) for name, rows in found.items()]
    everything = [row for rows in found.values() for row in rows]
    tables = [compiled_table(found, folder / "fused"), modes_table(load(folder, "_modes"))]
    parts = [HEAD, summary(everything), waiting(found), *sections, *tables]
    return "\n".join(part for part in parts if part)


def main() -> None:
    """Write the page, or with `--check` exit with 1 where it is behind."""
    new, old = page(RESULTS), PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    if "--check" not in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"{PAGE.relative_to(ROOT)} is behind; run python -m tools.claims")


if __name__ == "__main__":
    main()
