"""The command line as its users meet it: exit statuses, messages, real signals, and files that appear."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from zerosum import checkpoints, cli, zoo

from .conftest import ENVIRONMENT, ROOT, checkpoint_bytes, start, write_table

SMALL = ["--width", 8, "--z-dim", 2, "--batch", 8, "--track", "none"]
SLOW = """
import time
from zerosum.games.lsgan import LSGAN

class Slow(LSGAN):
    seconds: float = 0.0

    def generate(self, batch):
        time.sleep(self.seconds)
        return super().generate(batch)
"""


# Help.


@pytest.mark.parametrize("words", [["--help"], [], *([verb, "--help"] for verb in cli.VERBS)], ids=" ".join)
def test_help_tells_the_usage(words, tmp_path):
    process = start(*words, cwd=tmp_path)
    out, _ = process.communicate(timeout=250)
    assert process.returncode == 0
    assert "usage: zerosum" in out


def test_help_imports_no_torch():
    """What keeps it quick; seconds themselves are a machine's, and no test asks for them."""
    words = [["--help"], ["--version"], ["games"], *([verb, "--help"] for verb in cli.VERBS)]
    code = (
        "import sys\nfrom zerosum import cli\n"
        f"for words in {words!r}:\n    try: cli.main(words)\n    except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'polars', 'scipy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_of_a_game_lists_its_hyperparameters(zerosum):
    status, out, _ = zerosum("train", "wgan_gp", "--help")
    assert status == 0
    for option in ("--lam", "--n-critic", "--rounds", "--columns"):
        assert option in out
    assert "--lam" not in zerosum("train", "gan", "--help")[1]


def test_the_overview_names_every_verb(zerosum):
    status, out, _ = zerosum()
    assert status == 0
    assert all(re.search(rf"^  {verb} +\w", out, re.MULTILINE) for verb in cli.VERBS)


# Mistakes.


MISTAKES = [
    ("trian", r"no verb 'trian'; did you mean 'train'\? The verbs are: train, resume"),
    ("train", r"train what, on what\?"),
    ("train ganx ring8", r"no game 'ganx'; did you mean 'gan'\? The games are: auto, acgan"),
    ("train ganx ring8 --out gan", "no game 'ganx'"),
    ("train --rounds 5 ganx ring8", "no game 'ganx'"),
    ("train gan", "missing from zerosum train: DATA"),
    ("train gan ring", r"no data is named 'ring'.*did you mean 'ring8'\?"),
    ("train gan nowhere.csv", "there is no file or folder 'nowhere.csv'"),
    ("train gan ring8 --rundos 3", r"no option --rundos; did you mean '--rounds'\?"),
    ("train gan ring8 --z-dm=3", r"no option --z-dm; did you mean '--z-dim'\?"),
    ("train gan ring8 extra", "does not know what to do with 'extra'"),
    ("train gan ring8 --rounds x", "error parsing --rounds.*'x'; --rounds INT rounds to play in all"),
    ("train gan ring8 --rounds", "--rounds"),
    ("train gan ring8 --noise blue", r"invalid choice 'blue' for argument '--noise'.*'uniform'"),
    ("train gan ring8 --rounds 0", "rounds must be a whole number, 1 or more; not 0"),
    ("train gan ring8 --batch 0", "batch must be a whole number, 1 or more; not 0"),
    ("train gan ring8 --seed -1", "seed must be a whole number, 0 or more; not -1"),
    (f"train gan ring8 --seed {2**70}", r"seed must be less than 2\*\*63"),
    ("train gan digits --size big", "size 'big' must be like 64, or 48x64"),
    ("train gan ring8 --device cuda:99", "no device 'cuda:99' here; there is"),
    ("train gan digits --augment blur", "no augmentation 'blur'"),
    ("train gan ring8 --augment diffaugment", "augment changes pictures"),
    ("train gan ring8 --track w&b", "no tracker 'w&b'"),
    ("train gan ring8 --ema -1", "ema is a half-life"),
    ("train gan ring8 --micro 0", "micro must be"),
    ("train gan ring8 --save-every 0", "save_every must be"),
    ("train gan ring8 --keep 0", "keep must be"),
    ("train gan ring8 --threads -1", "threads must be"),
    ("train gan ring8 --lr -1", "gan cannot be made with .*lr -1.0"),
    ("train dcgan ring8", "DCGAN needs an image array 'x'"),
    ("train cgan people.csv", r"CGAN needs a label or vector or text array 'y'"),
    ("train gan people.csv --columns height,wieght", r"no column 'wieght'; did you mean 'height'\?"),
    ("train mine.py ring8", "no file mine.py"),
    ("train people.py ring8", "people.py defines no subclass of zerosum.Game"),
    ("resume 7", "no run '7'"),
    ("sample", "missing from zerosum sample: RUN"),
    ("sample latest", "no run 'latest'"),
    ("sample run --sed 3", r"no option --sed; did you mean '--seed'\?"),
    ("sample run -n 0", "-n must be 1 or more, not 0"),
    ("sample run --seed -1", "--seed must be 0 or more"),
    ("sample run --out x.gif", r"cannot write samples as '.gif'; --out takes .png, .npy"),
    ("sample run --round 9", r"no checkpoint of round 9 in run/checkpoints; there are \[2, 4\]"),
    ("sample run --condition 1", "GAN cannot be told what to draw"),
    ("evaluate run -n 3", "n is at least 20 samples, not 3"),
    ("evaluate run --repeats 0", "repeats is at least 1, not 0"),
    ("resume run", "has played 4 rounds, all that it shall; .*--rounds 8"),
    ("resume run --rounds 3", "has played 4 rounds"),
    ("resume run --rounds 0", "rounds must be a whole number"),
    ("resume run --rounds 8 --device tpu", "no device 'tpu' here"),
    ("show ganx", r"no game 'ganx'; did you mean 'gan'\?"),
    ("show dcgan ring8", "DCGAN needs an image array"),
    ("cite ganx", "no game 'ganx'"),
    ("verify nothing", "nothing"),
    ("data nothing", "no data is named 'nothing'"),
    ("data ring8 --limit 1", "limit must be at least 2"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_readable_line_and_changes_nothing(line, message, zerosum, here, points_run):
    (here / "run").symlink_to(points_run.path)
    write_table(here / "people.csv")
    (here / "people.py").write_text("x = 1\n")
    before = sorted(p.name for p in here.iterdir()), sorted(p.name for p in points_run.path.rglob("*"))
    status, out, err = zerosum(*line.split())
    assert status == 2
    assert out == ""
    assert re.fullmatch(rf"zerosum: [^\n]*{message}[^\n]*\n", err), err
    after = sorted(p.name for p in here.iterdir()), sorted(p.name for p in points_run.path.rglob("*"))
    assert before == after


def test_where_nothing_can_be_written_is_a_failure_of_the_machine(zerosum, here, points_run):
    (here / "file").write_text("")
    assert zerosum("train", "gan", "ring8:100", "--out", "file")[::2] == (1, "zerosum: file: File exists\n")
    status, _, err = zerosum("sample", points_run.path, "--out", "file/x.npy")
    assert status == 1
    assert re.fullmatch(r"zerosum: file[^\n]*: (Not a directory|File exists)\n", err)


def test_a_full_disk_while_training_keeps_what_was_saved(zerosum, here):
    zerosum("train", "gan", "ring8:100", *SMALL, "--rounds", 4, "--quiet")
    run = here / "runs" / "00000-gan-ring8-100"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(p.stat().st_size for p in (run / "checkpoints").rglob("*") if p.is_file())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, limits[1]))
    try:
        status, _, err = zerosum("resume", run, "--rounds", 8, "--quiet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 1
    assert re.fullmatch(r"zerosum: [^\n]*MB are free in [^\n]*The last good checkpoint is of round 4\.\n", err), err
    assert zerosum("resume", run, "--rounds", 8, "--quiet")[0] == 0
    assert checkpoints.numbers(run / "checkpoints")[-1] == 8


# The main job.


def picture_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_train_sample_evaluate_report(zerosum, here):
    status, out, err = zerosum("train", "gan", "digits", *SMALL, "--rounds", 20, "--evaluate", "--limit", 300)
    assert status == 0
    run = here / "runs" / "00000-gan-digits"
    assert "runs/00000-gan-digits plays gan on" in err
    assert re.search(r"round 20/20, .* rounds/s, .* examples/s, 0 s left  D/real", err)
    assert "report  runs/00000-gan-digits/report.html" in out
    assert "sliced Wasserstein" in out
    assert (run / "metrics.json").is_file()
    assert "features:" in (out := zerosum("evaluate", 0, "-n", 30, "--repeats", 2, "--json", "cards.json")[1])
    assert "mean and standard deviation over 2 sets" in out
    assert {card["repeats"] for card in json.loads((here / "cards.json").read_text())} == {2}
    assert zerosum("sample", "latest", "-n", 9, "--out", "deep/grid.png")[:2] == (0, "deep/grid.png\n")
    assert picture_size(here / "deep" / "grid.png") > (100, 100)
    assert zerosum("sample", 0, "-n", 3, "--seed", 5, "--out", "x.npy")[0] == 0
    x = np.load(here / "x.npy")
    assert (x.shape, x.dtype) == ((3, 8, 8), np.uint8)
    assert zerosum("report", 0)[1] == "runs/00000-gan-digits/report.html\n"
    assert zerosum("sample", 0)[1] == "runs/00000-gan-digits/generated/seed0-64.png\n"


def test_dry_run_prints_the_plan_and_writes_nothing(zerosum, here):
    status, out, _ = zerosum("train", "gan", "ring8:100", *SMALL, "--rounds", 100, "--dry-run")
    assert status == 0
    plan = yaml.safe_load(out)
    assert plan["settings"]["rounds"] == 100
    assert plan["hyperparameters"]["z_dim"] == 2
    assert plan["data"]["examples"] == 100
    assert set(plan["estimate"]["parameters"]) == {"D", "G"}
    assert plan["estimate"]["minutes in all"] > 0
    assert list(here.iterdir()) == []


def test_auto_says_what_it_chose(zerosum, here):
    status, out, err = zerosum("train", "auto", "ring8:100", "--dry-run", "--batch", 16)
    assert status == 0
    assert re.match(r"zerosum: auto plays r3gan with gamma [^\n]*, batch 16\n$", err)
    plan = yaml.safe_load(out)
    assert plan["game"] == "r3gan"
    assert plan["settings"]["batch"] == 16


def test_data_is_described(zerosum, here):
    status, out, err = zerosum("data", write_table(here / "people.csv"), "--labels", "bought")
    assert status == 0
    seen = yaml.safe_load(out)
    assert seen["examples"] + seen["held_out"] == 80
    assert set(seen["arrays"]["y"]["classes"]) == {"yes", "no"}
    assert "picture: data-people.png" in err
    assert picture_size(here / "data-people.png") == (480, 480)
    assert json.loads(zerosum("data", "people.csv", "--json")[1])["name"] == "people"


def test_games_show_cite_verify(zerosum):
    games = zerosum("games")[1]
    assert all(name in games for name in zoo.names())
    assert "D descends criticize(batch)" in zerosum("show", "wgan_gp")[1]
    assert "R3GAN" in zerosum("cite", "r3gan")[1] or "GAN is dead" in zerosum("cite", "r3gan")[1]
    assert zerosum("show", "auto")[0] == 0
    assert "wgan_gp" in zerosum("verify", "--dry-run")[1]


def test_samples_of_a_class_come_with_it(zerosum, here, table_run):
    status, _, _ = zerosum("sample", table_run.path, "-n", 4, "--condition", "yes,no", "--out", "some.csv")
    assert status == 0
    lines = (here / "some.csv").read_text().splitlines()
    assert lines[0] == "height,income,children,town,bought"
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["yes", "no", "yes", "no"]


def test_a_game_of_ones_own_trains_samples_and_resumes(zerosum, here):
    shutil.copy(ROOT / "docs" / "lsgan.py", here / "mine.py")
    status, out, _ = zerosum("train", "mine.py", "ring8:100", *SMALL, "--rounds", 4, "--b", 0.9)
    assert status == 0
    assert "zerosum sample runs/00000-mine-ring8-100 --game mine.py -n 64" in out
    assert zerosum("sample", 0, "--out", "x.npy")[0] == 2, "loading it would run it"
    assert zerosum("sample", 0, "--out", "x.npy", "--game", "mine.py")[0] == 0
    assert np.load(here / "x.npy").shape == (64, 2)
    assert zerosum("resume", 0, "--rounds", 6, "--game", "mine.py")[0] == 0
    assert zerosum("report", 0, "--game", "mine.py")[0] == 0
    assert "--b  " in zerosum("show", "mine.py")[1]


# Signals, and two processes.


def begun(process: subprocess.Popen[str], run: Path, rounds: int) -> None:
    """Wait until so many rounds have been read."""
    stats = run / "stats.jsonl"
    for _ in range(3000):
        if stats.exists() and stats.read_text().count("\n") >= rounds:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    pytest.fail("it does not play")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tensors of 40 rounds that nothing interrupted, played in a process of its own."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(*training(0.0), cwd=prepared(folder))
    _, err = process.communicate(timeout=250)
    assert process.returncode == 0, err
    return checkpoint_bytes(folder / "runs" / "00000-slow-ring8-100", 40)


def training(seconds: float) -> list[str]:
    options = ["--rounds", 40, "--log-every", 1, "--save-every", 40, "--seconds", seconds]
    return [str(w) for w in ["train", "slow.py", "ring8:100", *SMALL, *options]]


def prepared(folder: Path) -> Path:
    (folder / "slow.py").write_text(SLOW)
    return folder


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_round_saves_and_says_how_to_go_on(number, status, zerosum, here, whole):
    run = prepared(here) / "runs" / "00000-slow-ring8-100"
    process = start(*training(0.1), cwd=here)
    begun(process, run, 3)
    process.send_signal(number)
    _, err = process.communicate(timeout=250)
    assert process.returncode == status
    assert "finishing the round and saving it; once more to stop at once" in err
    stopped = checkpoints.numbers(run / "checkpoints")[-1]
    assert 3 <= stopped < 40
    last = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    assert last["round"] == stopped, "the round that was played is the one that was saved"
    assert f"{number.name} after round {stopped}, saved" in err
    command = re.search(r"zerosum (resume .*)", err)
    assert command is not None
    assert zerosum(*command[1].split())[0] == 0
    assert checkpoint_bytes(run, 40) == whole


def test_a_second_signal_ends_it_at_once(here):
    run = prepared(here) / "runs" / "00000-slow-ring8-100"
    process = start(*training(1000.0), cwd=here)
    for _ in range(3000):
        if (run / "samples" / "000000.png").exists():
            break
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert "slow" in process.stderr.readline()
    assert "once more" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.communicate()


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(zerosum, here, whole):
    run = prepared(here) / "runs" / "00000-slow-ring8-100"
    words = training(0.05)
    words[words.index("--save-every") + 1] = "4"
    process = start(*words, cwd=here)
    begun(process, run, 5)
    status, _, err = zerosum("resume", 0, "--game", "slow.py")
    assert status == 2
    assert re.fullmatch(rf"zerosum: 00000-slow-ring8-100 is being trained by process {process.pid} on \S+\n", err)
    process.kill()
    process.communicate()
    saved = checkpoints.numbers(run / "checkpoints")[-1]
    assert saved < 40
    assert zerosum("resume", 0, "--game", "slow.py")[0] == 0
    assert checkpoint_bytes(run, 40) == whole
