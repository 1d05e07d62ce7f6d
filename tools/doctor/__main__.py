"""`python -m tools.doctor [confusion|act|tips]`; without a word it writes docs/doctor.md anew, or checks it."""

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


def main() -> int:
    words = sys.argv[1:]
    for name in words:
        if name in PARTS:
            (RESULTS / f"{name}.json").write_text(json.dumps(PARTS[name].measure(), indent=1) + "\n")
    page = PAGE.read_text(encoding="utf-8")
    new = written(page)
    if "--check" in words:
        print("" if new == page else "docs/doctor.md is behind its results: python -m tools.doctor")
        return int(new != page)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
