"""The table of games in README.md and docs/games.md, written from the files in games/.

`python -m tools.zoo` writes it anew; with `--check` it only says which file is behind.
"""

import re
import sys
from pathlib import Path

from zerosum.zoo import Paper, paper

from .house import GAMES, ROOT

PAGES = {"README.md": "docs/games/", "docs/games.md": "games/"}  # and where each game's own page is, from there
BLOCK = re.compile(r"(<!-- games: .*? -->\n)(.*?)(<!-- /games -->)", re.DOTALL)


def row(p: Paper, pages: str) -> str:
    """One game, in Markdown."""
    source = f"[{p.id}]({p.url})" if p.url else p.id
    return f"| [{p.game}]({pages}{p.game}.md) | {p.title} {p.authors}, {p.year} | {source} | {p.reads} |"


def table(folder: Path, pages: str) -> str:
    """All games of a folder, oldest first, in Markdown."""
    papers = sorted((paper(path) for path in folder.glob("[!_]*.py")), key=lambda p: (p.year, p.game))
    lines = [row(p, pages) for p in papers]
    return "\n".join(["| game | paper | | reads |", "| --- | --- | --- | --- |", *lines, ""])


def main() -> None:
    """Write the table, or with `--check` exit with 1 where it is behind."""
    behind = []
    for page, pages in PAGES.items():
        path, games = ROOT / page, table(ROOT / GAMES, pages)
        text = path.read_text(encoding="utf-8")
        new = BLOCK.sub(lambda found, games=games: found[1] + games + found[3], text)
        if new != text:
            behind.append(page)
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    for page in behind:
        print(f"{page}: table of games {'is behind: run python -m tools.zoo' if '--check' in sys.argv else 'written'}")
    sys.exit(bool(behind) and "--check" in sys.argv)


if __name__ == "__main__":
    main()
