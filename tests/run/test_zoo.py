"""What is read off the game files: papers, citations, hyperparameters, algorithms."""

import re

import pytest

from zerosum import games, zoo
from zerosum.errors import InputError

from .conftest import ROOT


def test_names_are_those_that_can_be_found():
    assert zoo.names() == games.names()
    assert len(zoo.names()) >= 10


@pytest.mark.parametrize("name", zoo.names())
def test_every_paper_is_read(name):
    paper = zoo.paper(zoo.find(name))
    assert 2013 < paper.year < 2100
    assert paper.title.endswith((".", "?", "!"))
    assert paper.authors
    assert paper.needs == games.find(name).needs
    assert paper.url is None or paper.url.startswith("https://")


@pytest.mark.parametrize("name", zoo.names())
def test_every_citation_is_an_entry_whose_braces_balance(name):
    entry, paper = zoo.bibtex(name), zoo.paper(zoo.find(name))
    assert re.match(r"@misc\{\w+,\n", entry)
    assert str(paper.year) in entry.splitlines()[0]
    assert entry.count("{") == entry.count("}")
    assert f"{{{{{paper.title.removesuffix('.')}}}}}" in entry
    assert paper.id.partition(":")[2] in entry
    assert "et al" not in entry


@pytest.mark.parametrize("name", zoo.names())
def test_every_game_can_be_shown(name):
    text = zoo.show(name)
    game = games.find(name)()
    for option, value in game.hyperparameters().items():
        assert re.search(rf"^    --{option.replace('_', '-')} +{re.escape(str(value))}", text, re.MULTILINE)
    game.build(zoo.small(game))
    for move in game.moves():
        assert f"{move.player} descends {move.name}(batch)" in text
    for player in game.players():
        assert re.search(rf"Players: .*{player} [\d,]+ parameters", text)


def test_meanings_of_hyperparameters_are_shown(tmp_path):
    path = tmp_path / "mine.py"
    body = (ROOT / "docs" / "lsgan.py").read_text()
    wide = '    width: int = (\n        64  # how "wide" it is\n    )\n    lr: float = 2e-4  # of both\n'
    path.write_text(re.sub(r"    width: int = 64\n(.*?)    lr: float = 2e-4\n", rf"\1{wide}", body, flags=re.DOTALL))
    said = zoo.comments(games.find(str(path)))
    assert said["lr"] == "of both"
    assert said["width"] == 'how "wide" it is'
    assert said["a"] == ""


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (
            "Nets. Goodfellow et al., 2014. arXiv:1406.2661",
            ("Nets.", "Goodfellow et al.", 2014, "https://arxiv.org/abs/1406.2661"),
        ),
        (
            "Do they converge? Mescheder and Other, 2018. doi:10.1/x",
            ("Do they converge?", "Mescheder and Other", 2018, "https://doi.org/10.1/x"),
        ),
        ("A. B. C. Somebody, 2020. NeurIPS", ("A. B. C.", "Somebody", 2020, None)),
    ],
)
def test_headers(tmp_path, first, expected):
    path = tmp_path / "some.py"
    path.write_text(f'"""{first}"""\nclass Some: needs = {{"a": ("image",)}}\n')
    paper = zoo.paper(path)
    assert (paper.title, paper.authors, paper.year, paper.url) == expected
    assert paper.reads == "a: image"


def test_a_file_without_a_paper_is_said(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text('"""Mine."""\n')
    with pytest.raises(InputError, match=r"mine.py: its docstring does not begin with 'Title"):
        zoo.bibtex(str(path))


def test_unknown_games_suggest_the_nearest():
    with pytest.raises(InputError, match=r"no game 'wgan-pg'; did you mean 'wgan_gp'\?"):
        zoo.find("wgan-pg")
    assert zoo.find("wgan-gp").name == "wgan_gp.py"
