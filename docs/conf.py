"""Sphinx settings. The build reads nothing from the network."""

import pathlib
import re

project = "zerosum"
author = "The zerosum authors"
copyright = "the zerosum authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "zerosum"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 100

MARKUP = re.compile(r"[\\*|_]")  # what reStructuredText would read as its own


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Blocks of lines that stand together: split at blank lines and where indentation changes."""
    blocks: list[list[str]] = []
    for before, line in zip(["", *lines], lines, strict=False):
        inner = line.startswith("  ")
        joins = bool(before.strip()) and (
            before.startswith("  ") == inner or (inner and blocks[-1][0].startswith("- "))
        )
        if line.strip() and joins and not line.startswith("- "):
            blocks[-1].append(line)
        elif line.strip():
            blocks.append([line])
    return blocks


def rendered(block: list[str]) -> list[str]:
    """A block as reStructuredText: set as it is where it is indented or in columns, else as prose with `code`."""
    if block[0].startswith("  ") or any(re.search(r"\S {3,}\S", line) for line in block):
        return ["::", "", *("    " + line for line in block), ""]
    parts = "\n".join(block).split("`")
    prose = [f"``{part}``" if i % 2 and part else MARKUP.sub(r"\\\g<0>", part) for i, part in enumerate(parts)]
    return [*"".join(prose).split("\n"), ""]


def plain_docstring(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings here are plain text, with `code` in backquotes and indented blocks."""
    lines[:] = [line for block in paragraphs(lines) for line in rendered(block)]


FIGURES = {  # of docs/theory.md, drawn at every build by the code that they show
    "distances.png": ["distances"],
    "optimum.gif": ["optimum"],
    "convergence.png": ["convergence"],
    "overlap.gif": ["overlap"],
    "saturation.png": ["saturation"],
    "dirac.png": ["dirac", "non-saturating"],
}


def draw_figures(app) -> None:
    from zerosum.theory import lab

    for file, words in FIGURES.items():
        lab.show(*words).save(pathlib.Path(app.srcdir) / "figures" / file)


def setup(app) -> None:
    app.connect("builder-inited", draw_figures)
    app.connect("autodoc-process-docstring", plain_docstring)
