"""The table of games in README.md and docs/games.md, written from the files in games/.

`python -m tools.zoo` writes it anew; with `--check` it only says which page is behind.
"""

import re
import sys
from pathlib import Path

from zerosum.zoo import FOLDER, Paper, paper

from .house import ROOT

PAGES = ("README.md", "docs/games.md")
BLOCK = re.compile(r"(<!-- games: .*? -->\n)(.*?)(<!-- /games -->)", re.DOTALL)


def table(folder: Path) -> str:
    """All games of a folder, oldest first, in Markdown."""
    papers = sorted((paper(path) for path in folder.glob("[!_]*.py")), key=lambda p: (p.year, p.game))
    return "\n".join(["| game | paper | | reads |", "| --- | --- | --- | --- |", *map(row, papers), ""])


def row(p: Paper) -> str:
    source = f"[{p.id}]({p.url})" if p.url else p.id
    return f"| `{p.game}` | {p.title} {p.authors}, {p.year} | {source} | {p.reads} |"


def main() -> None:
    """Write the table, or with `--check` exit with 1 where it is behind."""
    check, behind = "--check" in sys.argv, False
    for path in filter(Path.is_file, (ROOT / page for page in PAGES)):
        text = path.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda found: found[1] + table(FOLDER) + found[3], text)
        if new != text and check:
            behind = True
            print(f"{path.relative_to(ROOT)}: the table of games is behind; run python -m tools.zoo")
        elif new != text:
            path.write_text(new, encoding="utf-8")
    sys.exit(behind)


if __name__ == "__main__":
    main()
