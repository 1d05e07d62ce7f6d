"""The bench times what it says, and gives rows that a machine can read."""

import json
import time
from dataclasses import replace

import pytest
import torch

from tools.bench import page
from zerosum import bench
from zerosum.data import open
from zerosum.errors import InputError


@pytest.mark.parametrize("name", ["mlp", "points", "wgan_gp", "sampling", "overhead"])
def test_a_comparison_gives_a_row(name: str):
    row = bench.compare(name, replace(bench.COMPARISONS[name], seconds=0.01), repeats=2)
    assert row["name"] == name
    assert row["ratio"] > 0
    assert row["cpu_ratio"] > 0
    assert row["loop_ms"] > 0
    assert row["engine_ms"] > 0
    assert row["threads"] == torch.get_num_threads()
    json.dumps(row)


def test_eight_seeds_count_eightfold():
    slow = bench.Comparison("sleeps", bench.GAN, "ring8", 8, bench.loops.gan, lambda *_: lambda: time.sleep(0.08))
    slow = replace(slow, seconds=0.01)
    alone, eight = (bench.compare("sleeps", replace(slow, worth=n), repeats=1) for n in (1, 8))
    assert alone["engine_ms"] == pytest.approx(8 * eight["engine_ms"], rel=0.5)


def test_the_page_shows_every_row():
    row = {"threads": 1, "cpu": "a CPU", "versions": {"torch": "2", "zerosum": "1", "git": "abc"}}
    speed = row | {"name": "mlp", "says": "an MLP", "ratio": 2.0, "spread": 0.1, "cpu_ratio": 2.1, "loop_ms": 4.0}
    speed |= {"engine_ms": 2.0, "ready_s": 3.0, "repeats": 5}
    rows = [speed, row | {"name": "q", "says": "modes", "quality": {"eager": [8.0, 7.0]}}]
    rows.append(row | {"name": "b", "says": "bf16", "skipped": "no such hardware"})
    text = page({"here": rows})
    for word in ("| mlp | an MLP | 2.00 ± 0.10 | 2.10 | 4.00 | 2.00 | 3 |", "eager: 8, 7", "no such hardware", "a CPU"):
        assert word in text


def test_the_loops_train_what_they_are_given():
    for name in ("points", "wgan_gp", "overhead"):
        c = bench.COMPARISONS[name]
        data = open(c.shape if isinstance(c.shape, str) else bench.noise(c.shape, 64))
        game = bench.engine_free(c.game(), data)
        before = {k: v.clone() for k, v in game.state_dict().items()}
        loop = c.loop(game, data, 32)
        next(loop)
        changed = {k.split(".")[0] for k, v in game.state_dict().items() if not torch.equal(v, before[k])}
        assert changed == {"G", "D"}, name


def test_an_unknown_comparison_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'points'"):
        bench.run("pionts")


def test_events_a_second():
    from zerosum.bench import events

    way = events.Way(8, 1, 2, batch=10)
    turn = events.generated(way)
    assert turn() == 10
    row = events.timed(way.name, turn, repeats=1)
    assert row["name"] == "1x8, z 2, batch 10"
    assert row["rate"] > 10
