"""The bench times what it says, and gives rows that a machine can read."""

import json
from dataclasses import replace

import pytest
import torch

from zerosum import bench
from zerosum.data import open
from zerosum.errors import InputError


@pytest.mark.parametrize("name", ["mlp", "points", "wgan_gp", "sampling"])
def test_a_comparison_gives_a_row(name: str):
    row = bench.compare(name, replace(bench.COMPARISONS[name], rounds=1), repeats=2)
    assert row["name"] == name
    assert row["ratio"] > 0
    assert row["loop_ms"] > 0
    assert row["engine_ms"] > 0
    assert row["threads"] == torch.get_num_threads()
    json.dumps(row)


def test_the_loops_train_what_they_are_given():
    for name in ("points", "wgan_gp"):
        c = bench.COMPARISONS[name]
        data = open("ring8")
        game = bench.engine_free(c.game(), data)
        before = {k: v.clone() for k, v in game.state_dict().items()}
        loop = c.loop(game, data, 32)
        next(loop)
        changed = {k.split(".")[0] for k, v in game.state_dict().items() if not torch.equal(v, before[k])}
        assert changed == {"G", "D"}, name


def test_an_unknown_comparison_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'points'"):
        bench.run("pionts")
