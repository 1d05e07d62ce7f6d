"""A run folder that somebody else made: whatever it holds, nothing of it is executed, and what is wrong is said."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import zerosum as zs
from zerosum import checkpoints, cli
from zerosum.checkpoints import MANIFEST, STATE, TENSORS
from zerosum.errors import InputError

MARK = "executed.txt"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options: dict[str, Any] = dict(rounds=2, batch=8, save_every=1, track="none", quiet=True, width=8, z_dim=2)
    return zs.train("gan", "ring8:100", out=tmp_path_factory.mktemp("runs"), **options).path


@pytest.fixture
def run(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(good, tmp_path / "runs" / good.name))


def signed(checkpoint: Path) -> None:
    """A manifest that agrees with what is there: who can write the one can write the other."""
    files = {}
    for name in (TENSORS, STATE):
        data = (checkpoint / name).read_bytes()
        files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (checkpoint / MANIFEST).write_text(json.dumps({"format": 1, "files": files}))


def header(text: bytes, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if size is None else size) + text


def in_tensors(data: bytes) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        (run / "checkpoints" / "000002" / TENSORS).write_bytes(data)
        signed(run / "checkpoints" / "000002")

    return harm


def in_state(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        path = run / "checkpoints" / "000002" / STATE
        values = json.loads(path.read_text())
        changed = change(values)
        path.write_text(changed if isinstance(changed, str) else json.dumps(values if changed is None else changed))
        signed(path.parent)

    return harm


def in_config(**changes: Any) -> Callable[[Path], None]:
    def harm(run: Path) -> None:
        config = yaml.safe_load((run / "config.yaml").read_text())
        (run / "config.yaml").write_text(yaml.safe_dump(config | changes))

    return harm


def config_text(text: str) -> Callable[[Path], Any]:
    return lambda run: (run / "config.yaml").write_text(text)


EXECUTES = f"!!python/object/apply:os.system ['touch {MARK}']"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
SHORT = header(b'{"game/w":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4]}}') + bytes(4)
HARMS: dict[str, Callable[[Path], Any]] = {
    "a tag of YAML": config_text(EXECUTES),
    "a tag deep in it": config_text(f"game: gan\nhyperparameters: {EXECUTES}\n"),
    "a new object": config_text("!!python/object/new:subprocess.Popen [['touch', 'executed.txt']]"),
    "a billion laughs": config_text(LAUGHS),
    "no mapping": config_text("[1, 2]"),
    "bytes": lambda run: (run / "config.yaml").write_bytes(b"\xff\xfe\x00"),
    "a game that is a path": in_config(game="../../evil"),
    "a game that is a module": in_config(game="os"),
    "a game that is a file": in_config(game="evil.py"),
    "an absolute game": in_config(game="/tmp/evil.py"),
    "unknown hyperparameters": in_config(hyperparameters={"__class__": "x"}),
    "a header of 2^63 bytes": in_tensors(header(b"{}", 2**63)),
    "a header of 10^9 bytes": in_tensors(header(b"{}", 10**9)),
    "a header that is no JSON": in_tensors(header(b"{'a'")),
    "tensors beyond the file": in_tensors(SHORT),
    "overlapping tensors": in_tensors(
        header(
            b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
        )
        + bytes(4)
    ),
    "a pickle": in_tensors(b"\x80\x04cos\nsystem\n(Vtouch executed.txt\ntR."),
    "deep JSON": in_state(lambda values: "[" * 100_000),
    "a state that is a list": in_state(lambda values: [1]),
    "a state without its engine": in_state(lambda values: {k: v for k, v in values.items() if k != "engine"}),
    "a spec of nothing": in_state(lambda values: values.update(spec={"x": {}})),
    "a spec that is text": in_state(lambda values: values.update(spec="x")),
    "another game's state": in_state(lambda values: values["engine"].update(game="Evil")),
}


HARMLESS = [  # sampling takes tensors only, which fit; resuming takes the spec of the data that it opens
    ("another game's state", "sample"),
    ("a spec of nothing", "resume"),
]


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("verb", ["sample", "resume"])
def test_it_is_said_in_one_line_and_nothing_is_executed(run: Path, name: str, verb: str, capsys):
    Path("evil.py").write_text(f"open({MARK!r}, 'w')\n")
    HARMS[name](run)
    before = sorted(p for p in Path().rglob("*") if not p.is_relative_to("runs"))
    words = ["sample", str(run), "-n", "4", "--out", "x.npy"] if verb == "sample" else ["resume", str(run)]
    words += ["--rounds", "4", "--quiet"] if verb == "resume" else []
    status = cli.main(words)
    said = capsys.readouterr().err
    if (name, verb) in HARMLESS:
        assert status == 0
    else:
        assert status == 2, said
        assert said.startswith("zerosum: ")
        assert "Traceback" not in said
        assert len(said) < 3000
        assert before == sorted(p for p in Path().rglob("*") if not p.is_relative_to("runs"))
    assert not Path(MARK).exists()


@pytest.mark.parametrize("name", [TENSORS, STATE])
def test_a_link_out_of_the_run_is_not_followed(run: Path, name: str):
    secret = Path("secret")
    checkpoint = run / "checkpoints" / "000002"
    shutil.copy(checkpoint / name, secret)
    (checkpoint / name).unlink()
    (checkpoint / name).symlink_to(secret.resolve())
    found, notes = checkpoints.newest(run / "checkpoints")
    assert found.name == "000001"
    assert notes == [f"skipped checkpoint 000002: {name} is a link"]


@pytest.mark.parametrize("files", [{"../../../secret": {}}, {TENSORS: 3}, [], "x", {TENSORS: {"bytes": -1}}])
def test_a_manifest_names_no_other_files(run: Path, files: Any):
    (run / "checkpoints" / "000002" / MANIFEST).write_text(json.dumps({"files": files}))
    assert checkpoints.newest(run / "checkpoints")[0].name == "000001"


def test_what_best_and_latest_point_at_is_a_number(run: Path):
    for name in (checkpoints.BEST, checkpoints.LATEST):
        (run / "checkpoints" / name).write_text("../../../../etc")
        assert checkpoints.pointed(run / "checkpoints", name) is None
    checkpoints.prune(run / "checkpoints", 1)
    assert checkpoints.numbers(run / "checkpoints") == [2]


def test_arrays_that_hold_objects_are_refused(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / MARK}",)

    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        values = np.array([Evil(), Evil()], dtype=object)
        np.save(path, values, allow_pickle=True) if path.suffix == ".npy" else np.savez(path, x=values)
        with pytest.raises(InputError):
            zs.data(path)
    (tmp_path / "a.pt").write_bytes(b"\x80\x04cos\nsystem\n(Vtouch executed.txt\ntR.")
    with pytest.raises(InputError):
        zs.data(tmp_path / "a.pt")
    assert not (tmp_path / MARK).exists()
