"""Run folders: numbers, names, locks, and files that somebody has changed."""

import os
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import yaml

import zerosum as zs
from zerosum import runs
from zerosum.conditions import understand
from zerosum.errors import InputError

from .conftest import ENVIRONMENT, TINY, write_table

CONFIG = {"game": "gan", "hyperparameters": {}, "data": {}, "settings": {}, "device": "cpu", "versions": {}}


def make(root, label="gan-x"):
    return runs.create(root, label, CONFIG)


def test_numbers_go_up_and_nothing_is_overwritten(tmp_path):
    assert [make(tmp_path).name for _ in range(3)] == ["00000-gan-x", "00001-gan-x", "00002-gan-x"]
    (tmp_path / "00041-by-hand").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert make(tmp_path, "../a b/ü").name == "00042-a-b"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_two_processes_that_start_at_once_get_folders_of_their_own(tmp_path):
    code = (
        "import sys, pathlib; from zerosum import runs; root = pathlib.Path(sys.argv[1])\n"
        f"for _ in range(40): print(runs.create(root, 'gan-' + sys.argv[2], {CONFIG!r}).name)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, who], env=ENVIRONMENT, stdout=-1, text=True)
        for who in "ab"
    ]
    made = [process.communicate(timeout=120)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [len(m) for m in made] == [40, 40]
    assert len({*made[0], *made[1]}) == 80
    assert all((tmp_path / name / "config.yaml").is_file() for name in made[0] + made[1])


def test_a_run_is_found_by_folder_name_number_and_latest(here):
    made = [make(here / "runs") for _ in range(11)]
    for name in ("10", "00010", "00010-gan-x", "latest", "runs/00010-gan-x", "runs", made[10].path.resolve()):
        assert runs.find(name).name == "00010-gan-x"
    assert runs.find("3").name == "00003-gan-x"
    assert runs.find(3).name == "00003-gan-x"
    assert runs.find("3", root=here / "runs").name == "00003-gan-x"
    for name in ("11", "nothing", "gan-x", ""):
        with pytest.raises(InputError, match=r"no run '.*00009-gan-x, 00010-gan-x$"):
            runs.find(name)


def test_no_runs_at_all(here):
    with pytest.raises(InputError, match="the newest are: none yet"):
        runs.find("latest")


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path):
    run = make(tmp_path)
    code = (
        "import sys, time; from zerosum.runs import Run\n"
        "with Run(sys.argv[1]).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, run.path], env=ENVIRONMENT, stdout=-1, text=True)
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(InputError, match=rf"trained by process {holder.pid} on {re.escape(socket.gethostname())}"),
        run.lock(),
    ):
        pass
    holder.kill()
    holder.communicate()
    with run.lock():
        assert str(os.getpid()) in (run.path / ".lock").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("game: gan", "game: [gan"), "config.yaml is damaged"),
        (lambda text: text[:40], "config.yaml is damaged: it lacks"),
        (lambda text: "", "config.yaml is damaged: it lacks game"),
        (lambda text: text + "\x00", "config.yaml is damaged"),
        (lambda text: text + "x: !!python/object/apply:os.system ['touch hacked']\n", "config.yaml is damaged"),
        (lambda text: text.replace("  width:", "  widht:"), r"GAN has no 'widht'; did you mean 'width'\?"),
        (lambda text: text.replace("game: gan", "game: gen"), "plays gen, a game that was never in a file"),
        (lambda text: text.replace("game: gan", "game: mine.py"), "If you trust it, say so with --game mine.py"),
        (lambda text: text.replace("  width: 8", "  width: 9"), "does not fit 'gan' as it is now"),
    ],
)
def test_a_changed_config_is_told_of(points_run, here, change, message):
    folder = here / "00000-gan-ring8-100"
    folder.mkdir()
    (folder / "checkpoints").symlink_to(points_run.checkpoints)
    (folder / "config.yaml").write_text(change((points_run.path / "config.yaml").read_text()))
    with pytest.raises(InputError, match=message):
        runs.find(folder).sample(2)
    assert not (here / "hacked").exists()


def test_resume_refuses_settings_that_it_does_not_know(tmp_path):
    run = zs.train("gan", "ring8:100", width=8, z_dim=2, out=tmp_path, **TINY)
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    config["settings"]["sede"] = 3
    runs.write_config(run.path / "config.yaml", config)
    with pytest.raises(InputError, match=r"config.yaml: Settings has no 'sede'; did you mean 'seed'\?"):
        zs.resume(run.path, 8)


def test_data_that_is_gone_or_changed_is_told_of(tmp_path):
    table = write_table(tmp_path / "people.csv")
    run = zs.train("gan", table, width=8, z_dim=2, out=tmp_path / "runs", **TINY)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *lines[2:], lines[1].replace("1.", "2.")]))
    with pytest.raises(InputError, match=r"people.csv' is not what 00000-gan-people was trained on"):
        zs.resume(run.path, 8)
    table.unlink()
    with pytest.raises(InputError, match=r"no file or folder '.*people.csv'"):
        zs.resume(run.path, 8)
    assert run.sample(3).shape == (3,), "what was learnt is still there"


def test_arrays_in_memory_can_be_sampled_from_but_not_opened_again(tmp_path):
    run = zs.train("gan", np.random.default_rng(0).normal(size=(50, 2)), width=8, z_dim=2, out=tmp_path, **TINY)
    loaded = zs.load(run.path)
    assert loaded.sample(4).shape == (4, 2)
    with pytest.raises(InputError, match="given as arrays in memory"):
        loaded.data()


def test_half_a_line_of_stats_is_left_out(tmp_path):
    run = make(tmp_path)
    for i in range(3):
        run.append({"round": i, "loss": 1.0})
    with (run.path / "stats.jsonl").open("a") as file:
        file.write('{"round": 3, "lo')
    assert [row["round"] for row in run.stats()] == [0, 1, 2]


def test_classes_by_name_number_and_in_turn(pictures_run):
    game, spec = pictures_run.game, pictures_run.spec

    def of(condition, n=5):
        return understand(game, spec, n, condition).tolist()

    assert of("3") == of(3) == [3] * 5
    assert of("3,5") == of([3, "5"]) == [3, 5, 3, 5, 3]
    assert understand(game, spec, 5, None) is None
    with pytest.raises(InputError, match=r"no class '12'.* The classes are: 0, 1, 2"):
        of("12")


def test_conditions_choose_the_class(pictures_run, points_run):
    threes = pictures_run.draw(70, seed=1, condition=3)
    assert not threes.equal(pictures_run.draw(70, seed=1, condition=4))
    mixed = pictures_run.draw(70, seed=1, condition="3,4")
    assert mixed[::2].equal(threes[::2]), "the noise does not depend on the class"
    assert not mixed[1::2].equal(threes[1::2])
    assert pictures_run.sample(3, condition="7").shape == (3, 8, 8)
    with pytest.raises(InputError, match="GAN cannot be told what to draw"):
        points_run.sample(3, condition=1)
