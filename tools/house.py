"""The house rules that no linter knows. `python -m tools.house` prints each fault as `file:line: rule: what is wrong`.

Game files read as their papers do and leave training to the engine; no file hides an error, unpickles, grows without
end, or names a path of somebody's machine.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
GAMES = "src/zerosum/games/"
GAME_LINES, SOURCE_LINES, COLUMNS, FILE_BYTES = 170, 500, 120, 500_000

HEADER = re.compile(
    r"\S.*[.?!] [^.?!]+( et al\.)?, (19|20)\d\d\. "  # Title. Authors (family names), year.
    r"(arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})|doi:10\.\d{4,}/\S+|[A-Z][\w&' -]+)"  # arXiv id, DOI, or venue
)
DECLARED = {"needs", "paired", "features"}  # class variables that `Game` declares
ENGINE_CALLS = {"backward", "step", "cuda", "to", "detach"}
SUPPRESS = {"suppress", "contextlib.suppress"}
PLACES = [
    (re.compile(r"(?<![\w/.~-])/(work|root|home|Users|opt|mnt)/\w"), "names a path of one machine"),
    (re.compile(r"\b(pypi[.]org|pythonhosted[.]org|npmjs[.]org)\b"), "names a package registry's host"),
]


class Fault(NamedTuple):
    """One broken rule at one line."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


Found = Iterator[tuple[int, str]]  # line, and what is wrong there
Rule = Callable[[ast.Module, str], Found]


# Rules for game files.


def header(tree: ast.Module, text: str) -> Found:
    """The docstring's first line cites the paper."""
    lines = (ast.get_docstring(tree) or "").splitlines()
    if not lines or not HEADER.fullmatch(lines[0]):
        yield 1, "the docstring's first line must read 'Title. Authors, year. arXiv:id' (or doi:..., or the venue)"


def engine_work(tree: ast.Module, text: str) -> Found:
    """Steps, devices and freezing are the engine's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ENGINE_CALLS:
            yield node.lineno, f".{node.func.attr}(...) is the engine's work, not a game's"


def silent(tree: ast.Module, text: str) -> Found:
    """Games print nothing: named terms are logged."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno, "print(...): return a named term instead, and it is logged"


def alone(tree: ast.Module, text: str) -> Found:
    """Games know nothing of other processes."""
    for line, module in imports(tree):
        if module == "torch.distributed" or module.startswith("torch.distributed."):
            yield line, "torch.distributed is the engine's, not a game's"


def short_game(tree: ast.Module, text: str) -> Found:
    """A game file fits in the reader's head."""
    yield from too_long(text, GAME_LINES)


def narrow(tree: ast.Module, text: str) -> Found:
    """Lines fit on a screen. The first is exempt: a title is as long as it is."""
    for number, line in enumerate(text.splitlines(), 1):
        if number > 1 and len(line) > COLUMNS:
            yield number, f"{len(line)} characters; at most {COLUMNS}"


def typed_fields(tree: ast.Module, text: str) -> Found:
    """An annotation is what makes a hyperparameter of a class field."""
    for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        for node in cls.body:
            for target in node.targets if isinstance(node, ast.Assign) else []:
                if isinstance(target, ast.Name) and target.id not in DECLARED and not target.id.startswith("_"):
                    yield node.lineno, f"field {target.id!r} of {cls.name} has no type (ClassVar if it isn't an option)"


# Rules for all Python files.


def no_hiding(tree: ast.Module, text: str) -> Found:
    """No handler swallows every error."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "bare 'except:' hides every error; name the one that you expect"
        elif isinstance(node, ast.ExceptHandler) and all_in(node.type) and all(map(does_nothing, node.body)):
            yield node.lineno, f"'{ast.unparse(node).splitlines()[0]}' that does nothing hides every error"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in SUPPRESS and any(map(all_in, node.args)):
            yield node.lineno, f"'{ast.unparse(node)}' hides every error"


def all_in(node: ast.expr | None) -> bool:
    """Is every error among these kinds?"""
    kinds = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"} for kind in kinds)


def does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


# Rules for the package.


def no_pickle(tree: ast.Module, text: str) -> Found:
    """Loading a file never runs code from it."""
    for line, module in imports(tree):
        if module.split(".")[0] in {"pickle", "cPickle", "dill", "cloudpickle", "joblib"}:
            yield line, f"{module} runs code from the files that it loads; write safetensors and JSON"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"torch.load", "torch.save"}:
            yield node.lineno, f"{ast.unparse(node.func)} pickles; write safetensors and JSON"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield node.value.lineno, "allow_pickle runs code from the file"


def short_source(tree: ast.Module, text: str) -> Found:
    """A long file is two files."""
    yield from too_long(text, SOURCE_LINES)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of each module or member that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def too_long(text: str, most: int) -> Found:
    lines = len(text.splitlines())
    if lines > most:
        yield most + 1, f"{lines} lines; at most {most}"


ALL: list[Rule] = [no_hiding]
PACKAGE: list[Rule] = [no_pickle, short_source]
GAME: list[Rule] = [header, engine_work, silent, alone, short_game, narrow, typed_fields]


def check_python(path: str, text: str) -> Iterator[Fault]:
    """Faults of one Python file; `path`, relative to the repository, says which rules it is under."""
    tree = ast.parse(text, path)
    game = path.startswith(GAMES) and not path.endswith("__init__.py")
    for rule in ALL + PACKAGE * path.startswith("src/") + GAME * game:
        yield from (Fault(path, line, rule.__name__, message) for line, message in rule(tree, text))


def check_file(path: str, content: bytes) -> Iterator[Fault]:
    """Faults of any file."""
    if len(content) > FILE_BYTES:
        yield Fault(path, 1, "small_files", f"{len(content) // 1000} kB; at most {FILE_BYTES // 1000} kB in git")
    if b"\0" in content:
        return
    text = content.decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, message in PLACES:
            if match := pattern.search(line):
                yield Fault(path, number, "no_places", f"{message}: {match[0]}...")
    if path.endswith(".py"):
        yield from check_python(path, text)


def files() -> list[str]:
    """What git holds or would hold, relative to the repository."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in sorted(set(out.split("\0"))) if (ROOT / path).is_file()]


def check_repository() -> list[Fault]:
    """Faults of all files."""
    return [fault for path in files() for fault in check_file(path, (ROOT / path).read_bytes())]


def main() -> None:
    """Print the faults; exit with 1 if there are any."""
    faults = check_repository()
    for fault in faults:
        print(fault)
    print(f"house: {len(faults)} faults in {len(files())} files")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
