"""Runs are started, gone on with and measured from the page; what is wrong is said where it is."""

import json

import pytest

import zerosum as zs

from .conftest import TINY, Served
from .visitor import Visitor, until


def test_a_run_is_trained_on_stopped_resumed_and_measured(browser, tmp_path):
    run = zs.train("gan", "ring8:400", rounds=4, save_every=4, log_every=1, out=tmp_path / "runs", **TINY)
    here = Served(run.path.parent)
    rounds = lambda: len(here.studio.shelf.run(run.name).stats())  # noqa: E731
    try:
        visitor = Visitor(browser, here.url)
        visitor.go(f"#/watch/{run.name}")
        visitor.reads("#state", "finished")
        visitor.reads("#resume", "Train on")
        visitor.drawn(".stage canvas")
        still = visitor.looks(".stage canvas")
        visitor.click("#resume")
        visitor.write("#asked", 3)
        visitor.click("#yes")
        visitor.reads("#asked-wrong", "a whole number, 5 or more")
        visitor.write("#asked", 10**6)
        visitor.click("#yes")
        visitor.reads("#state", "training", 90)
        visitor.changes(".stage canvas", still, 90)  # by itself, as it trains
        until(lambda: rounds() > 8, 90)
        visitor.reads(".facts", "of 1.0e+6")
        visitor.click("#stop")
        visitor.reads("#state", "stopped", 90)
        saved = here.studio.shelf.run(run.name).rounds
        assert 4 < saved < 10**6

        visitor.reads("#resume", "Resume")
        visitor.click("#resume")
        visitor.reads("#state", "training", 90)
        until(lambda: rounds() > saved, 90)
        visitor.click("#stop")
        visitor.reads("#state", "stopped", 90)
        assert here.studio.shelf.run(run.name).rounds > saved

        visitor.click("#evaluate")
        visitor.reads("#evaluate", "Measuring", 30)
        visitor.reads("#cards", "real data", 120)
        cards = json.loads((run.path / "metrics.json").read_text())["cards"]
        assert {e.text for e in visitor.all("#cards td:first-child")} == {card["name"] for card in cards}
        visitor.photograph("measured")
        visitor.go(f"#/compare/{run.name}")
        visitor.reads("td", cards[0]["name"])
        assert [job.kind for job in here.studio.jobs.list()] == ["evaluate", "resume", "resume"]
        assert visitor.complaints() == []
    finally:
        here.close()


def test_what_is_wrong_is_said_at_its_field(visitor):
    visitor.go("#/new")
    visitor.find("#f-rounds")
    wrong = lambda field: visitor.script(  # noqa: E731
        "const e = document.querySelector(arguments[0]); return [e.checkVisibility(), e.innerText]", f"#{field}-wrong"
    )
    for field, typed, said in (
        ("f-rounds", "-3", "1 or more"),
        ("f-batch", "1.5", "whole number"),
        ("f-seed", "-", "number"),
    ):
        visitor.write(f"#{field}", typed)
        visitor.click("#train")
        until(lambda field=field: wrong(field)[0])
        assert said in wrong(field)[1]
        assert visitor.script("return document.activeElement.id") == field
        assert visitor.find(f"#{field}").get_attribute("aria-invalid") == "true"
        visitor.write(f"#{field}", 2)
    visitor.script("document.querySelector('#f-augment').value = '--help'")  # in a part that is folded
    assert not visitor.script("return document.querySelector('#f-augment').checkVisibility()")
    visitor.click("#train")
    until(lambda: wrong("f-augment")[0])
    assert wrong("f-rounds") == [False, ""]  # it was put right
    visitor.photograph("wrong")
    visitor.script("document.querySelector('#f-augment').value = ''")
    visitor.write("#source", "nowhere.csv")
    visitor.click("#train")
    until(lambda: wrong("source")[0], 90)  # the process says so
    assert "nowhere.csv" in wrong("source")[1]
    visitor.write("#source", "ring8:100")
    visitor.click("[data-game=cyclegan]")
    visitor.reads("summary", "cyclegan")
    visitor.click("#train")
    visitor.reads("#wrong", "needs", 90)
    assert visitor.script("return location.hash") == "#/new"
    assert [c for c in visitor.complaints() if "400" not in c] == []


@pytest.mark.parametrize("mode", ["infinity", "time"])
def test_a_judge_leaves_comes_back_and_takes_the_answers_home(visitor, digits, mode):
    who = {"infinity": "Ida", "time": "Tim"}[mode]
    visitor.go(f"#/judge/{digits.name}")
    visitor.write("#judge", who)
    visitor.write("#count", 4)
    visitor.script(f"document.querySelector('#mode').value = '{mode}'")
    visitor.click("#begin")
    for i in range(2):
        visitor.turn(f"{i + 1} of 5")
        visitor.press("f")
    visitor.turn("3 of 5")
    visitor.go("")  # away, without a word
    visitor.go(f"#/judge/{digits.name}")
    visitor.reads("button", f"Go on as {who} (2 of 5)")
    visitor.script(
        f"[...document.querySelectorAll('button')].find(b => b.innerText.includes('Go on as {who}')).click()"
    )
    for i in range(2, 5):
        visitor.turn(f"{i + 1} of 5")
        visitor.press("f")
    score = visitor.find("#score").text
    assert score.endswith("%" if mode == "infinity" else "ms")
    visitor.click("#again")
    visitor.reads("#scores td", who)
    told = "fetch(document.querySelector('a[href*=csv]').href).then(r => r.text()).then(arguments[0])"
    lines = visitor.browser.execute_async_script(told).splitlines()
    mine = [line for line in lines if f",{who}," in line]
    assert len(mine) == 5
    assert all(",fake," in line for line in mine)
    exposures = [line.split(",")[9] for line in mine]
    assert exposures == [""] * 5 if mode == "infinity" else exposures[0] == "500" and len(set(exposures)) > 1
    assert visitor.complaints() == []
