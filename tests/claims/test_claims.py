"""The machinery of claims, and that what is written of them agrees: code, results, docs."""

import json
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.core.test_fused import Branching
from tests.core.toy import POINTS, Rows, Toy
from tools.claims import PAGE, page
from zerosum import claims, games
from zerosum.claims import RESULTS, Claim, Run, _kept, _modes, _rigs
from zerosum.errors import InputError
from zerosum.fused import Fused, as_recorded

FIELDS = ["game", "claim", "metric", "threshold", "values", "median", "passed", "ablation", "ablation_values"]
FIELDS += ["ablation_passed", "seconds", "versions"]
WRITTEN = sorted(
    path.relative_to(RESULTS).as_posix() for path in RESULTS.rglob("[!_]*.json") if "kept" not in path.parts
)


def claim(threshold: float, better: str = "higher", data: tuple[str, ...] = (), name: str = "fake") -> Claim:
    """An experiment that reads 10 + seed with its idea and seed without."""

    def experiment(seed: int, idea: bool) -> dict[str, float]:
        return {"reading": 10.0 * idea + seed, "twice": 2.0}

    return Claim(name, "It is ten more.", "a number", threshold, better, "nothing added", experiment, data=data)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Sets the claims of one game, 'fake', and runs experiments here, last first; gives the folder of results."""

    def here(waiting: list[tuple[str, str, int, bool]], jobs: int, fused: bool = False) -> Iterator[Run]:
        return map(partial(claims._run, fused=fused), reversed(waiting))

    def give(*given: Claim) -> Path:
        monkeypatch.setattr(claims, "of", lambda game: list(given))
        monkeypatch.setattr(claims, "games", lambda: ["fake"])
        monkeypatch.setattr(claims, "perform", here)
        monkeypatch.setattr(claims, "RESULTS", tmp_path / "results")
        return tmp_path / "results" / "fake.json"

    return give


def test_a_claim_holds_where_its_median_passes_and_its_ablation_does_not(fake):
    path = fake(claim(11.0))
    assert claims.verify("fake") == 0
    [row] = json.loads(path.read_text())
    assert set(FIELDS) <= set(row)
    assert (row["values"], row["median"], row["passed"]) == ([10.0, 11.0, 12.0], 11.0, True)
    assert (row["ablation_values"], row["ablation_median"], row["ablation_passed"]) == ([0.0, 1.0, 2.0], 1.0, False)
    assert row["readings"][0] == {"reading": 10.0, "twice": 2.0}
    assert row["seeds"] == [0, 1, 2]
    assert "torch" in row["versions"]


def test_a_claim_that_fails_is_written_as_failed(fake, capsys):
    path = fake(claim(11.5))
    assert claims.verify("fake") == 1
    assert json.loads(path.read_text())[0]["passed"] is False
    assert "DOES NOT HOLD" in capsys.readouterr().out


def test_an_ablation_that_passes_is_a_fault(fake, capsys):
    path = fake(claim(1.0))
    assert claims.verify("fake") == 1
    row = json.loads(path.read_text())[0]
    assert row["passed"]
    assert row["ablation_passed"]
    assert "but so does its ablation" in capsys.readouterr().out


def test_lower_may_be_better(fake):
    path = fake(claim(1.0, "lower"))
    assert claims.verify("fake") == 1
    row = json.loads(path.read_text())[0]
    assert (row["passed"], row["ablation_passed"]) == (False, True)
    assert not claim(1.0, "lower").passes(math.nan)


def test_every_experiment_is_told_as_it_finishes(fake, capsys):
    fake(claim(11.0))
    claims.verify("fake")
    told = [line for line in capsys.readouterr().out.splitlines() if " of 6, " in line]
    assert [line.split(" of ")[0] for line in told] == list("123456")
    assert "fake, seed 2, without it: reading 2, twice 2" in told[0]


def test_fewer_seeds_are_not_written(fake):
    path = fake(claim(10.0))
    assert claims.verify("fake", seeds=1) == 0
    assert not path.exists()
    with pytest.raises(InputError, match="seeds must be 1 or more"):
        claims.verify("fake", seeds=0)


def test_one_claim_is_run_and_the_rows_of_the_others_are_kept(fake):
    path = fake(claim(11.0), claim(10.0, name="other"))
    claims.verify("fake", claim="other")
    assert [row["name"] for row in json.loads(path.read_text())] == ["other"]
    claims.verify("fake", claim="fake")
    assert [row["name"] for row in json.loads(path.read_text())] == ["fake", "other"], "in the order of the claims"
    with pytest.raises(InputError, match="fake has no claim 'othr'; did you mean 'other'"):
        claims.verify("fake", claim="othr")


def test_a_dry_run_runs_nothing(fake, capsys):
    path = fake(claim(10.0))
    assert claims.verify("fake", dry_run=True) == 0
    assert not path.exists()
    out = capsys.readouterr().out
    assert "a number: at least 10" in out
    assert "ablation: nothing added; seeds 0, 1, 2" in out


def test_a_claim_without_its_data_is_skipped_and_not_written(fake, capsys):
    path = fake(claim(11.0), claim(11.0, data=("no-such-set",), name="other"))
    assert claims.verify("fake") == 1
    printed = capsys.readouterr()
    assert "fake: other is skipped: no data is named 'no-such-set'" in printed.err
    assert "fake: fake holds" in printed.out
    assert [row["name"] for row in json.loads(path.read_text())] == ["fake"]


def test_claims_share_an_arm_and_each_is_written_as_soon_as_it_is_through(fake, monkeypatch: pytest.MonkeyPatch):
    ran: list[str] = []

    def arm(name: str, value: float):
        def experiment(seed: int) -> dict[str, float]:
            ran.append(f"{name} {seed}")
            return {"a": value + seed, "b": value - seed}

        return experiment

    full, none, half = arm("full", 10), arm("none", 0), arm("half", 5)
    first = Claim("first", "It is.", "a", 11, "higher", "none", claims.Arms(full, none, "a"))
    second = Claim("second", "It is.", "b", 9, "higher", "half", claims.Arms(full, half, "b"))
    path = fake(first, second)
    monkeypatch.setattr(claims, "perform", lambda waiting, jobs, fused: map(claims._run, waiting))
    rows = claims.measure("fake", [first, second], None, 1, claims.Kept(path.parent / "kept", "fake"))
    claims.write(path.parent, next(rows)[1])
    assert len(ran) == 6, "the second claim has not begun"
    claims.write(path.parent, next(rows)[1])
    assert sorted(ran) == sorted(f"{name} {seed}" for name in ("full", "none", "half") for seed in range(3))
    found = json.loads(path.read_text())
    assert [(row["values"], row["ablation_values"]) for row in found] == [
        ([10, 11, 12], [0, 1, 2]),
        ([10, 9, 8], [5, 4, 3]),
    ]
    assert list(found[1]["readings"][0]) == ["b", "a"]


def cut(after: int):
    """Performs so many experiments, and is stopped."""

    def perform(waiting: list[tuple[str, str, int, bool]], jobs: int, fused: bool = False) -> Iterator[Run]:
        yield from map(claims._run, waiting[:after])
        raise KeyboardInterrupt

    return perform


def test_a_verify_that_was_cut_goes_on_where_it_was(fake, monkeypatch: pytest.MonkeyPatch, capsys):
    ran: list[tuple[int, bool]] = []

    def experiment(seed: int, idea: bool) -> float:
        ran.append((seed, idea))
        return 10.0 * idea + seed

    path = fake(replace(claim(11.0), experiment=experiment), claim(11.0, name="other"))
    here = claims.perform
    monkeypatch.setattr(claims, "perform", cut(after=4))
    with pytest.raises(KeyboardInterrupt):
        claims.verify("fake")
    monkeypatch.setattr(claims, "perform", here)
    assert not path.exists()
    assert claims.verify("fake") == 0
    assert sorted(ran) == [(seed, idea) for seed in range(3) for idea in (False, True)], "each of them once"
    assert "4 of 12 experiments are kept from before" in capsys.readouterr().out
    assert [row["values"] for row in json.loads(path.read_text())] == [[10.0, 11.0, 12.0]] * 2
    assert list(path.parent.iterdir()) == [path], "what is written is not kept any longer"
    claims.verify("fake")
    assert len(ran) == 12


def test_seeds_that_were_run_alone_count_for_the_whole_claim(fake, capsys):
    path = fake(claim(11.0))
    claims.verify("fake", seeds=2)
    assert not path.exists()
    claims.verify("fake")
    assert "4 of 6 experiments are kept" in capsys.readouterr().out
    assert json.loads(path.read_text())[0]["values"] == [10.0, 11.0, 12.0]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package of two modules, of which experiments use this one."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "unused.py").write_text("a = 1")
    (package / "used.py").write_text("a = 1")
    monkeypatch.setattr(_kept, "PACKAGE", package)
    monkeypatch.setattr(claims, "imported", lambda: ("used.py",))
    return package / "used.py"


@pytest.mark.parametrize(
    ("file", "said", "kept"),
    [
        ("used.py", "a = 2", False),
        ("used.py", "a = ", False),
        ("used.py", None, False),
        ("used.py", "# the first letter\na   = 1  # is one", True),
        ("unused.py", "a = 2", True),
    ],
)
def test_what_other_code_has_run_is_run_anew(fake, module: Path, file: str, said: str | None, kept: bool, capsys):
    path = fake(claim(11.0))
    claims.verify("fake", seeds=2)
    module.with_name(file).unlink() if said is None else module.with_name(file).write_text(said)
    claims.verify("fake", seeds=2)
    printed = capsys.readouterr()
    assert ("4 of 4 experiments are kept" in printed.out) is kept
    assert ("fake, fake, seed 1, with: kept of other code, so it is run anew" in printed.err) is not kept
    assert len([*(path.parent / "kept").iterdir()]) == 4


def test_what_another_torch_has_run_is_run_anew(fake, monkeypatch: pytest.MonkeyPatch, capsys):
    fake(claim(11.0))
    claims.verify("fake", seeds=1)
    monkeypatch.setattr(_kept, "versions", lambda: {"torch": "1.13"})
    claims.verify("fake", seeds=1)
    assert "kept of other code" in capsys.readouterr().err


def test_nothing_is_written_of_code_that_changed_while_it_ran(fake, module: Path, capsys):
    def experiment(seed: int, idea: bool) -> float:
        module.write_text(f"a = {seed}")
        return 10.0 * idea + seed

    path = fake(replace(claim(11.0), experiment=experiment))
    assert claims.verify("fake") == 1
    assert "fake: fake is not written: used.py changed while it ran" in capsys.readouterr().err
    assert not path.exists()


def test_a_claim_is_verified_compiled_beside_what_it_was_eagerly(fake, monkeypatch: pytest.MonkeyPatch, capsys):
    """Recorded and not compiled, which plays the same to the bit."""
    monkeypatch.setattr(_rigs, "fuse", lambda engine: setattr(engine, "fused", Fused(engine, as_recorded)))

    def experiment(seed: int, idea: bool) -> float:
        game = Toy() if idea else Branching()
        return float(_rigs.play(game, Rows.random(67, x=POINTS), 3, seed, batch=8).sample(64).square().mean())

    path = fake(replace(claim(0.0), experiment=experiment), claim(0.0, name="exact"))
    claims.verify("fake", claim="fake")
    eager = path.read_bytes()
    claims.verify("fake", fused=True)
    assert "not written, since no step of it was compiled" in capsys.readouterr().out
    assert path.read_bytes() == eager
    [row], [compiled] = json.loads(eager), json.loads((path.parent / "fused" / path.name).read_text())
    assert compiled["values"] == row["values"]
    assert compiled["ablation_values"] == row["ablation_values"]
    assert "steps" not in row
    assert compiled["steps"]["discriminate"] == ""
    assert "depends on values" in compiled["steps"]["generate"]


def test_without_a_compiler_nothing_is_verified_compiled(fake, monkeypatch: pytest.MonkeyPatch):
    fake(claim(11.0))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="there is no C\\+\\+ compiler"):
        claims.verify("fake", fused=True)


VERIFY = """
import sys
from pathlib import Path
from zerosum import claims
if __name__ == "__main__":
    claims.RESULTS = Path(sys.argv[1])
    sys.exit(claims.verify("lsgan", claim="pull", jobs=1))
"""


def test_what_a_killed_verify_has_done_is_not_done_again(tmp_path: Path):
    (tmp_path / "verify.py").write_text(VERIFY)
    command = [sys.executable, str(tmp_path / "verify.py"), str(tmp_path / "results")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("2 of 6"):
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    [line] = [line for line in again.stdout.splitlines() if "are kept from before" in line]
    assert 2 <= int(line.split()[1]) <= 6, line
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["lsgan.json"]


def test_what_a_killed_process_half_wrote_is_forgotten_too(tmp_path: Path):
    kept = claims.Kept(tmp_path / "kept", "lsgan")
    kept.put(claims.Run("pull", 0, True, {"pull": 3.0}, 0.1))
    whole = next((tmp_path / "kept").iterdir())
    whole.with_suffix(".4711").write_text("{")
    kept.clear()
    assert not (tmp_path / "kept").exists()


def test_an_unknown_game_is_an_input_error():
    with pytest.raises(InputError, match="did you mean 'gan'"):
        claims.verify("gna")


def test_experiments_run_in_processes_of_their_own():
    """The exact claim of lsgan takes no time: with the idea the least pull is |4 - 1| and more, without it sigmoid(-4)
    and less."""
    found = list(claims.perform([("lsgan", "pull", seed, idea) for seed in (0, 1) for idea in (True, False)], jobs=2))
    assert {(run.seed, run.idea) for run in found} == {(s, i) for s in (0, 1) for i in (True, False)}
    for run in found:
        assert (3 <= run.value < 3.1) if run.idea else (run.value < 0.018)


def test_every_game_has_claims_or_the_page_says_that_it_has_none():
    assert set(claims.games()) <= set(games.names())
    for game in claims.games():
        assert claims.of(game), game
    without = [f"`{game}`" for game in games.names() if game not in claims.games()]
    assert ("Games without a claim yet: " + ", ".join(without) + "." in PAGE.read_text(encoding="utf-8")) == bool(
        without
    )


@pytest.mark.parametrize("game", claims.games())
def test_claims_are_whole(game: str):
    found = claims.of(game)
    assert len({c.name for c in found}) == len(found)
    for c in found:
        assert c.says.endswith("."), c.says
        assert c.metric
        assert c.ablation
        assert len(c.seeds) >= 3


@pytest.mark.parametrize("file", WRITTEN)
def test_results_are_of_these_claims(file: str):
    rows = json.loads((RESULTS / file).read_text())
    found = {c.name: c for c in claims.of(Path(file).stem)}
    assert [row["name"] for row in rows] == [name for name in found if name in {row["name"] for row in rows}]
    for row in rows:
        c = found[row["name"]]
        assert set(FIELDS) <= set(row)
        assert (row["claim"], row["metric"], row["threshold"]) == (c.says, c.metric, c.threshold)
        assert (row["better"], row["ablation"], tuple(row["seeds"])) == (c.better, c.ablation, c.seeds)
        assert len(row["values"]) == len(row["ablation_values"]) == len(c.seeds)
        assert all(math.isfinite(v) for v in row["values"] + row["ablation_values"])
        assert row["median"] == sorted(row["values"])[len(c.seeds) // 2]
        assert row["passed"] == c.passes(row["median"])
        assert row["ablation_passed"] == c.passes(row["ablation_median"])
        assert ("" in row.get("steps", {}).values()) is file.startswith("fused/")


def test_the_page_tells_what_is_not_measured(tmp_path: Path):
    rows = [claims.row("gan", c, [Run(c.name, s, i, {"": 1.0}, 1.0) for s in c.seeds for i in (True, False)])
            for c in claims.of("gan")[1:]]  # fmt: skip
    (tmp_path / "gan.json").write_text(json.dumps(rows))
    text = page(tmp_path)
    assert f"- `gan`: {claims.of('gan')[0].name}\n" in text
    assert "- `lsgan`: pull, stability\n" in text


def test_the_page_is_written_from_the_results():
    assert PAGE.read_text(encoding="utf-8") == page(RESULTS), "run python -m tools.claims"


def test_the_page_shows_what_fails(tmp_path: Path):
    rows = [claims.row("gan", c, [Run("fake", s, i, {"": 10.0 * i + s}, 1.0) for s in c.seeds for i in (True, False)])
            for c in (claim(11.0), claim(12.0), claim(0.0))]  # fmt: skip
    (tmp_path / "gan.json").write_text(json.dumps(rows))
    text = page(tmp_path)
    assert "3 claims of 1 games. 1 hold and their ablations miss; not so:" in text
    assert "| fake | ≥ 11 | 11 (10, 11, 12) | 1 (0, 1, 2) | 1 | holds |" in text
    assert "| fake | ≥ 12 | 11 (10, 11, 12) | 1 (0, 1, 2) | 1 | DOES NOT HOLD |" in text
    assert "| holds, but so does its ablation |" in text


def test_the_page_sets_compiled_claims_beside_the_eager_ones(tmp_path: Path):
    def rows(of: Claim, add: float, steps: dict[str, str]):
        runs = [Run("", s, i, {"": 10.0 * i + s + add}, 1.0, steps=steps) for s in of.seeds for i in (True, False)]
        return [claims.row("gan", of, runs)]

    (tmp_path / "fused").mkdir()
    (tmp_path / "gan.json").write_text(json.dumps(rows(claim(11.0), 0.0, {})))
    for add, inside, verdict in ((1.0, "yes", "holds"), (-2.0, "no", "DOES NOT HOLD")):
        found = rows(claim(11.0), add, {"generate": "", "discriminate": "it branches"})
        (tmp_path / "fused" / "gan.json").write_text(json.dumps(found))
        text = page(tmp_path)
        compiled = ", ".join(f"{10 + s + add:g}" for s in range(3))
        assert f"| `gan`, fake | 11 (10, 11, 12) | {11 + add:g} ({compiled}) | 1 (0, 1, 2) |" in text
        assert f"| {inside} | {verdict} |" in text
        assert "- `gan`, fake: discriminate stayed eager: it branches" in text
        assert "generate stayed" not in text


def test_the_judge_reads_held_out_digits():
    held = _rigs.digits().held_out.take(503)
    assert float((_rigs.judge()(held.x) == held.y).double().mean()) >= 0.98


def test_codes_are_matched_with_classes():
    classes = torch.arange(4).repeat(5)
    assert _rigs.matched((classes + 1) % 4, classes) == 1.0
    assert _rigs.matched(torch.zeros_like(classes), classes) == 0.25


def test_the_table_of_modes_is_of_games_that_take_points_and_no_more():
    points = {game for game in games.names() if _modes.takes_points(game)}
    assert {"gan", "cgan", "r3gan", "wgan_gp"} <= points
    assert points.isdisjoint({"dcgan", "cyclegan", "cfatgan"})
    assert {row["game"] for row in json.loads((RESULTS / "_modes.json").read_text())} <= points
    assert _modes.options("infogan") == {"width": 32, "z_dim": 2, "lr_d": 1e-3, "lr_g": 1e-3}
    assert _modes.options("r3gan")["lr"] == (1e-3, 1e-3)
