"""Each house rule catches what it is for, lets good code pass, and holds in this repository."""

import re
import tomllib
from pathlib import Path

import pytest

import zerosum
from tools.house import ROOT, Fault, check_file, check_python, check_repository
from tools.zoo import table

GAME = "src/zerosum/games/some.py"
PACKAGE = "src/zerosum/some.py"
CITED = '"""Some paper. Somebody et al., 2017. arXiv:1704.00028"""\n'
GOOD = (
    CITED
    + """
import torch
from zerosum import Game

class Some(Game):
    width: int = 64
    needs = {"x": ("image",)}
    _cache = None

    def moves(self):
        steps = [1]
        return steps

    def generate(self, batch):
        try:
            return -self.D(self.sample(batch.n)).mean()
        except ValueError as error:
            raise RuntimeError("no") from error
"""
)

GAME_FAULTS = [
    ("header", "x: int = 1\n"),
    ("header", '"""WGAN-GP, a better WGAN."""\n'),
    ("header", '"""Some paper. Somebody et al., 2017. arXiv:17.28"""\n'),
    ("header", '"""\nSome paper, without a year. arXiv:1704.00028"""\n'),
    ("engine_work", CITED + "loss.backward()\n"),
    ("engine_work", CITED + "def f(o):\n    o.optimizer.step()\n"),
    ("engine_work", CITED + "x = x.cuda()\n"),
    ("engine_work", CITED + "x = self.G(z).to('cpu')\n"),
    ("engine_work", CITED + "x = self.G(z).detach()\n"),
    ("silent", CITED + "print('hello')\n"),
    ("alone", CITED + "import torch.distributed as dist\n"),
    ("alone", CITED + "from torch import distributed\n"),
    ("alone", CITED + "from torch.distributed import all_reduce\n"),
    ("short_game", CITED + "x: int = 1\n" * 170),
    ("narrow", CITED + "# " + "x" * 119 + "\n"),
    ("typed_fields", CITED + "class A:\n    width = 64\n"),
]
PACKAGE_FAULTS = [
    ("no_hiding", "try:\n    f()\nexcept:\n    raise\n"),
    ("no_hiding", "try:\n    f()\nexcept Exception:\n    pass\n"),
    ("no_hiding", "try:\n    f()\nexcept (OSError, BaseException) as e:\n    ...\n"),
    ("no_hiding", "for x in y:\n    try:\n        f()\n    except Exception:\n        continue\n"),
    ("no_hiding", "with contextlib.suppress(Exception):\n    f()\n"),
    ("no_pickle", "import pickle\n"),
    ("no_pickle", "from joblib import load\n"),
    ("no_pickle", "torch.load('a.pt')\n"),
    ("no_pickle", "np.load('a.npy', allow_pickle=True)\n"),
    ("short_source", "x = 1\n" * 501),
]
# Written in parts, so that this file keeps the rule that it tests.
PLACES = ["open('/ho" + "me/me/cats')", "cd /wo" + "rk/main", "pip install -i https://pypi" + ".org/simple torch"]


@pytest.mark.parametrize(("rule", "text"), GAME_FAULTS)
def test_a_game_rule_catches_its_fault(rule: str, text: str):
    assert [fault.rule for fault in check_python(GAME, text)] == [rule]
    assert rule not in [fault.rule for fault in check_python("src/zerosum/engine.py", text)], "only games are under it"


@pytest.mark.parametrize(("rule", "text"), PACKAGE_FAULTS)
def test_a_package_rule_catches_its_fault(rule: str, text: str):
    assert [fault.rule for fault in check_python(PACKAGE, text)] == [rule]


def test_a_fault_names_its_line():
    faults = list(check_python(GAME, CITED + "\n\nloss.backward()\n"))
    assert [str(fault) for fault in faults] == [
        f"{GAME}:4: engine_work: .backward(...) is the engine's work, not a game's"
    ]


@pytest.mark.parametrize(
    "first",
    [
        "Generative adversarial nets. Goodfellow et al., 2014. arXiv:1406.2661",
        "Which training methods for GANs do actually converge? Mescheder et al., 2018. arXiv:1801.04406",
        "Old paper. Author and Other, 1999. arXiv:hep-th/9901001",
        "Paper. Author, 2020. doi:10.1103/PhysRevD.101.094004",
        "Paper. Author, 2020. NeurIPS",
        "A title that takes more than a line" + " and more" * 10 + ". Author, 2020. NeurIPS",
    ],
)
def test_a_good_game_has_no_faults(first: str):
    assert list(check_python(GAME, GOOD.replace(CITED, f'"""{first}"""\n'))) == []


@pytest.mark.parametrize("line", PLACES)
def test_a_path_of_one_machine_is_caught(line: str):
    assert [(f.rule, f.line) for f in check_file("README.md", f"Title\n{line}\n".encode())] == [("no_places", 2)]


def test_relative_paths_and_urls_are_no_places():
    text = b"../shared/data, ~/work/cats, https://example.com/home/cats, docs/home/x, /tmp"
    assert list(check_file("README.md", text)) == []


def test_a_large_file_is_caught():
    assert [f.rule for f in check_file("a.png", b"\0" * 500_001)] == ["small_files"]
    assert list(check_file("a.png", b"\0" * 500_000)) == []


def test_the_repository_keeps_its_rules():
    faults: list[Fault] = check_repository()
    assert not faults, "\n" + "\n".join(map(str, faults))


def test_the_table_of_games_is_read_from_their_files(tmp_path: Path):
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "new.py").write_text('"""New? Author, 2020. doi:10.1103/PhysRevD.101.094004"""\n')
    (tmp_path / "old.py").write_text(CITED + 'class Old(Game):\n    needs = {"a": ("image",), "y": ("label",)}\n')
    assert table(tmp_path, "pages/").splitlines()[2:] == [
        "| [old](pages/old.md) | Some paper. Somebody et al., 2017 | [arXiv:1704.00028](https://arxiv.org/abs/1704.00028)"
        " | a: image, y: label |",
        "| [new](pages/new.md) | New? Author, 2020 | [doi:10.1103/PhysRevD.101.094004](https://doi.org/10.1103/PhysRevD.101.094004)"
        " | x: image or vector |",
    ]


def test_the_version_that_is_cited_is_this_one():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == zerosum.__version__


def test_every_pinned_torch_satisfies_the_package():
    requirement = next(
        d for d in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"] if "torch" in d
    )
    pinned = re.search(r"^TORCH := ([\d.]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned is not None
    at_least, exact = (tuple(map(int, v.split("."))) for v in (requirement.removeprefix("torch>="), pinned[1]))
    assert exact >= at_least
