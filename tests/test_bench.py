"""The bench times what it says, and gives rows that a machine can read."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tools.bench import page
from zerosum import bench
from zerosum.data import open
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.games.cyclegan import CycleGAN
from zerosum.games.pix2pix import Pix2Pix


@pytest.mark.parametrize("name", ["mlp", "points", "wgan_gp", "sampling", "overhead", "translating"])
def test_a_comparison_gives_a_row(name: str):
    row = bench.compare(name, replace(bench.COMPARISONS[name], seconds=0.01), repeats=2)
    assert row["name"] == name
    assert row["ratio"] > 0
    assert row["cpu_ratio"] > 0
    assert row["loop_ms"] > 0
    assert row["engine_ms"] > 0
    assert row["threads"] == torch.get_num_threads()
    assert bench.a_second(row) == pytest.approx(bench.COMPARISONS[name].batch / row["engine_ms"] * 1000)
    json.dumps(row)


def test_eight_seeds_count_eightfold():
    slow = bench.Comparison("sleeps", bench.GAN, "ring8", 8, bench.loops.gan, lambda *_: lambda: time.sleep(0.08))
    slow = replace(slow, seconds=0.01)
    alone, eight = (bench.compare("sleeps", replace(slow, worth=n), repeats=1) for n in (1, 8))
    assert alone["engine_ms"] == pytest.approx(8 * eight["engine_ms"], rel=0.5)


def test_the_page_shows_every_row():
    row = {"threads": 1, "cpu": "a CPU", "versions": {"torch": "2", "zerosum": "1", "git": "abc"}}
    speed = row | {"name": "mlp", "says": "an MLP", "ratio": 2.0, "spread": 0.1, "cpu_ratio": 2.1, "loop_ms": 4.0}
    speed |= {"engine_ms": 2.0, "ready_s": 3.0, "repeats": 5, "batch": 64}
    rows = [speed, row | {"name": "q", "says": "modes", "quality": {"eager": [8.0, 7.0]}}]
    rows.append(row | {"name": "b", "says": "bf16", "skipped": "no such hardware"})
    text = page({"here": rows})
    for word in (
        "| mlp | an MLP | 2.00 ± 0.10 | 2.10 | 4.00 | 2.00 | 3 | 3.2e+04 |",
        "eager: 8, 7",
        "no such hardware",
        "a CPU",
    ):
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


@pytest.mark.parametrize(
    ("name", "game", "same"),
    [
        ("pix2pix", lambda: Pix2Pix(width=4, dropout=0.0), ("G", "D")),
        ("cyclegan8", lambda: CycleGAN(width=4, blocks=1), ("G", "F")),  # D's fakes: before G's step, and after
    ],
)
def test_a_round_by_hand_is_the_engines_round(name: str, game, same: tuple[str, ...]):
    """On data whose examples are all the same, so that the order does not matter."""
    c = replace(bench.COMPARISONS[name], game=game, shape=(3, 16, 16))
    data = open({k: bench.noise(c.shape, 1).expand(32, -1, -1, -1) for k in c.arrays})
    engine = Engine(c.game(), data, batch=c.batch)
    by_hand = c.game()
    by_hand.build(data.spec)
    by_hand.load_state_dict(engine.game.state_dict())
    before = {k: v.clone() for k, v in by_hand.state_dict().items()}
    next(c.loop(by_hand.train(), data, c.batch))
    engine.round()
    theirs = engine.game.state_dict()
    for k, v in by_hand.state_dict().items():
        if v.is_floating_point() and k.split(".")[0] in same:
            torch.testing.assert_close(v, theirs[k], atol=2e-6, rtol=1e-3)
    changed = {k.split(".")[0] for k, v in by_hand.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {k for k in ("G", "F", "D", "D_a", "D_b") if hasattr(by_hand, k)}


def test_an_unknown_comparison_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'points'"):
        bench.run("pionts")


def test_events_a_second():
    from zerosum.bench import events

    game, spec = events.Size(8, 1, 2).untrained()
    same = {}
    for form in (events.Form(batch=50), events.Form("onnx", batch=50), events.Form("eager", "mixed", batch=50)):
        same[form.kind, form.precision] = form.maker(game, spec)(seed=3)
        assert same[form.kind, form.precision].shape == (50, 4)
    plain = same["eager", "float32"]
    np.testing.assert_allclose(same["onnx", "float32"], plain, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(same["eager", "mixed"], plain, rtol=0.1, atol=0.5)
    assert not np.array_equal(same["eager", "mixed"], plain), "nothing was put into bfloat16"
    maker = events.Form(batch=10).maker(game, spec)
    assert events.timed(lambda: len(maker(-1)), repeats=1)["rate"] > 10


def test_what_a_form_costs_stands_beside_its_speed(capsys, monkeypatch):
    from zerosum.bench import events

    monkeypatch.setattr(events, "LEAST", 0.01)
    monkeypatch.setattr(events.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(events, "in_onnxruntime", lambda game, spec: (_ for _ in ()).throw(InputError("no onnx here")))
    size = events.Size(8, 1, 2)
    forms = (events.Form(batch=20), events.Form("onnx", batch=20))
    rows = events.compared([(size.name, *size.untrained())], 1, forms, lambda maker: {"chi2": float(len(maker(0)))})
    assert rows[0]["chi2"] == 20
    assert rows[1]["failed"] == "no onnx here"
    said = capsys.readouterr().out
    assert "Pythia is not installed" in said
    assert "1x8, z 2, eager, batch 20" in said
    json.dumps(rows)


def test_rows_that_are_timed_again_take_the_place_of_the_old(tmp_path):
    path = tmp_path / "rows.json"
    assert bench.together([{"name": "dcgan", "ratio": 1}], path) == [{"name": "dcgan", "ratio": 1}]
    path.write_text(json.dumps([{"name": "mlp", "ratio": 1}, {"name": "doctor", "ratio": 1}]))
    rows = bench.together([{"name": "doctor", "ratio": 2}, {"name": "dcgan", "ratio": 3}], path)
    assert [(r["name"], r["ratio"]) for r in rows] == [("mlp", 1), ("dcgan", 3), ("doctor", 2)]
