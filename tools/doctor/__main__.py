"""`python -m tools.doctor [confusion|act|tips] [--anew]`; without a word it writes docs/doctor.md anew, or checks it.

Results are kept row by row: what is there already is not run again, unless with `--anew`.
"""

import json
import re
import sys
from pathlib import Path

from ..house import ROOT
from . import act, confusion, tips

PAGE, RESULTS = ROOT / "docs/doctor.md", Path(__file__).parent
PARTS = {"confusion": confusion, "act": act, "tips": tips}


def written(page: str) -> str:
    """The page with each table between its marks made from its results."""
    for name, part in PARTS.items():
        path = RESULTS / f"{name}.json"
        table = part.table(json.loads(path.read_text())) if path.exists() else "Not measured yet."
        marks = re.compile(rf"(% {name}: written[^\n]*\n\n).*?(\n\n% end of {name}\n)", re.DOTALL)
        page = marks.sub(lambda m, t=table: m[1] + t + m[2], page)
    return page


def collect(name: str, anew: bool) -> None:
    """Run what has no row yet, and write each row as it comes, in the order of the part's list."""
    part, path = PARTS[name], RESULTS / f"{name}.json"
    rows = json.loads(path.read_text()) if path.exists() and not anew else []
    found = {part.key(row): row for row in rows}
    for key, run in part.waiting():
        if key not in found:
            found[key] = run()
            print(found[key], flush=True)
        order = [found[key] for key, _ in part.waiting() if key in found]
        path.write_text(json.dumps(order, indent=1) + "\n")


def main() -> int:
    words = sys.argv[1:]
    for name in words:
        if name in PARTS:
            collect(name, anew="--anew" in words)
    page = PAGE.read_text(encoding="utf-8")
    new = written(page)
    if "--check" in words:
        print("" if new == page else "docs/doctor.md is behind its results: python -m tools.doctor")
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
