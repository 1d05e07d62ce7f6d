"""docs/bench.md and the table in README.md: how fast the engine is, written from src/zerosum/bench/results/*.json.

`zerosum bench --json src/zerosum/bench/results/MACHINE.json` measures; `python -m tools.bench` writes the pages anew,
and with `--check` only says whether they are behind.
"""

import json
import re
import sys
from typing import Any

from zerosum.bench import a_second

from .house import ROOT

RESULTS = ROOT / "src/zerosum/bench/results"
PAGE, README = ROOT / "docs/bench.md", ROOT / "README.md"
BLOCK = re.compile(r"(<!-- bench: .*? -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)
WAYS = {"": "eager", "_fused": "compiled", "_seeds": "compiled, one seed of eight", "_bf16": "bfloat16"}
HEAD = """# Speed, measured

Written by `python -m tools.bench` from what `zerosum bench --json` wrote; nothing here is typed by hand.

Each row times a loop as a good user would write it by hand (`DataLoader`, Adam, `.item()`) and the engine, on the same
networks, data and batch, in turns. *Ratio* is how many times as fast the engine is: the median over the repeats and
their standard deviation; *by CPU* is the same of CPU time a thread. *Examples/s* is the engine's batch over its time.
Eight seeds are timed together, and one of them counts. {doc}`speed` says what is compiled and when.
"""


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    """The whole page; one section a file of results."""
    parts = [HEAD, *(section(name, rows) for name, rows in found.items())]
    return "\n".join(parts if found else [*parts, "Not measured yet.\n"])


def section(name: str, rows: list[dict[str, Any]]) -> str:
    first = rows[0]
    v, commits = first["versions"], dict.fromkeys(str(row["versions"]["git"]) for row in rows)
    lines = [
        f"## {name}",
        "",
        f"{first['cpu']}, {first['threads']} threads, torch {v['torch']}, commit {', '.join(commits)}.",
        "",
    ]
    lines += [
        "| name | what | ratio | by CPU | loop, ms | engine, ms | ready in, s | examples/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [line(row) for row in rows if "ratio" in row]
    lines += ["", *(f"- {row['name']}: {row['says']}; {quality(row)}" for row in rows if "quality" in row)]
    lines += [f"- {row['name']}: {row['says']}; skipped: {row['skipped']}" for row in rows if "skipped" in row]
    return "\n".join([*lines, ""])


def line(row: dict[str, Any]) -> str:
    cells = [row["name"], row["says"], f"{row['ratio']:.2f} ± {row['spread']:.2f}", f"{row['cpu_ratio']:.2f}"]
    cells += [f"{row['loop_ms']:.2f}", f"{row['engine_ms']:.2f}", f"{row['ready_s']:.0f}" if "ready_s" in row else ""]
    cells += [f"{a_second(row):.3g}" if "batch" in row else ""]
    return f"| {' | '.join(cells)} |"


def quality(row: dict[str, Any]) -> str:
    return "; ".join(f"{arm}: {', '.join(f'{v:.3g}' for v in values)}" for arm, values in row["quality"].items())


def short(rows: list[dict[str, Any]]) -> str:
    """For README.md: how many times as fast as a loop written by hand, a row a game and a column a way to play it."""
    timed = {row["name"]: row for row in rows if "ratio" in row}
    plain = [name for name in timed if any(name + way in timed for way in WAYS if way)]
    lines = [f"| | {' | '.join(WAYS.values())} |", f"|---|{'---|' * len(WAYS)}"]
    for name in plain:
        cells = [f"{timed[name + way]['ratio']:.1f}" if name + way in timed else "" for way in WAYS]
        lines.append(f"| {timed[name]['says']} | {' | '.join(cells)} |")
    about = f"{rows[0]['cpu']}, {rows[0]['threads']} threads, torch {rows[0]['versions']['torch']}"
    return "\n".join([f"Times as fast as a loop written by hand, on {about}:", "", *lines, ""])


def main() -> None:
    """Write the pages, or with `--check` exit with 1 where one is behind."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    tables = "\n".join(map(short, found.values()))
    readme = README.read_text(encoding="utf-8")
    new = {PAGE: page(found), README: BLOCK.sub(lambda m: m[1] + tables + m[3], readme)}
    old = {PAGE: PAGE.read_text(encoding="utf-8") if PAGE.is_file() else "", README: readme}
    behind = [path for path in new if new[path] != old[path]]
    for path in behind:
        if "--check" in sys.argv:
            sys.exit(f"{path.relative_to(ROOT)} is behind; run python -m tools.bench")
        path.write_text(new[path], encoding="utf-8")


if __name__ == "__main__":
    main()
