"""The game in the docs plays, and their Python parses."""

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tools.house import ROOT
from zerosum.engine import Engine
from zerosum.game import Batch
from zerosum.games import find
from zerosum.spec import Column, Columns, Field, Spec

PAGES = [
    p for p in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))] if p.is_file()
]


class Ones:
    """Rows of one, as a source of data."""

    spec = Spec(x=Field((2,), "vector", Columns((Column("a"), Column("b")))))

    def stream(self, position: int, n: int, **_: object) -> Iterator[Batch]:
        while True:
            yield Batch(x=torch.ones(n, 2))


def test_the_game_in_the_docs_learns():
    game = find(str(ROOT / "docs/lsgan.py"))(z_dim=4, width=8, lr=2e-3)
    engine = Engine(game, Ones(), batch=32).play(400)
    assert set(engine.read()) == {"D/real", "D/fake", "G/generate"}
    np.testing.assert_allclose(engine.sample(64).mean(0), [1.0, 1.0], atol=0.3)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_a_page_parses(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing
