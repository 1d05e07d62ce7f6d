"""The figures in docs/reliability.md, written from the results of `python -m zerosum.bench.survival`.

`python -m tools.reliability` writes them anew; with `--check` it only says whether the page is behind.
"""

import json
import sys
from pathlib import Path
from typing import Any

from zerosum.bench.survival import EXPERIMENTS, RESULTS

from .house import ROOT

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


def figure(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(rows: list[dict[str, Any]]) -> str:
    """A row an experiment: what is done, what came of it, the command."""
    lines = ["| row | what is done | figures | `python -m zerosum.bench.survival` |", "| --- | --- | --- | --- |"]
    for row in rows:
        found = "; ".join(f"{k}: **{figure(v)}**" for k, v in row["figures"].items())
        lines.append(f"| {row['row']} | {row['says']} | {found} | `{row['name']}`, {row['seconds']:.0f} s |")
    return "\n".join(lines)


def page(text: str, folder: Path) -> str:
    """The page with the figures of these results between its two marks."""
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    there = [name for name in EXPERIMENTS if (folder / f"{name}.json").is_file()]
    rows = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in there]
    missing = [name for name in EXPERIMENTS if name not in there]
    lines = [table(rows), *([f"\nNot measured yet: {', '.join(missing)}."] if missing else [])]
    if rows:
        made = rows[0]["versions"]
        lines.append(f"\nMeasured with torch {made['torch']} on {made['machine']}, one thread.")
    return f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{tail}"


def main() -> None:
    """Write the figures, or with `--check` exit with 1 where they are behind."""
    old = PAGE.read_text(encoding="utf-8")
    new = page(old, RESULTS)
    if "--check" not in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"{PAGE.relative_to(ROOT)} is behind; run python -m tools.reliability")


if __name__ == "__main__":
    main()
