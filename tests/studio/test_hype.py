"""HYPE with simulated judges, whose skill is known."""

import csv
import io
import random
import sqlite3

import numpy as np
import pytest

from zerosum.errors import InputError
from zerosum.studio import hype
from zerosum.studio.hype import Answer, Book, Trial, attentive, exposure, interval, modal, plan, score


def skilled(threshold: float, rng: random.Random):
    """A judge who is right half of the time at a glance, 3 times in 4 at `threshold` ms, and always in the end."""

    def answers(trial: Trial, ms: int | None) -> str:
        right = rng.random() < (1 if ms is None else 1 - 0.5 ** (1 + (ms / threshold) ** 4))
        true = "real" if trial.kind == "real" else "fake"
        return true if right or trial.kind == "check" else {"real": "fake", "fake": "real"}[true]

    return answers


def session(n: int, seed: int, judge, mode: str = "time") -> list[Answer]:
    done: list[Answer] = []
    for trial in plan(n, seed):
        ms = exposure(done) if mode == "time" else None
        done.append(Answer(trial, judge(trial, ms), ms))
    return done


def test_a_plan_shows_each_picture_once_and_half_of_them_real():
    trials = plan(40, seed=3)
    assert trials == plan(40, seed=3) != plan(40, seed=4)
    assert len(set(trials)) == len(trials) == 44
    assert [sum(t.kind == k for t in trials) for k in ("real", "fake", "check")] == [20, 20, 4]


def test_the_staircase_falls_when_right_rises_when_wrong_and_stays_in_its_range():
    real = Trial("real", 0)
    right, wrong = Answer(real, "real", 500), Answer(real, "fake", 500)
    assert exposure([]) == 500
    assert exposure([right]) == 490
    assert exposure([wrong]) == 530
    assert exposure([Answer(Trial("check", 0), "real", 500)]) == 500
    assert exposure([right] * 100) == 100
    assert exposure([wrong] * 100) == 1000


@pytest.mark.math
@pytest.mark.parametrize("known", [200, 350, 600])
def test_judges_of_known_skill_get_their_threshold(known):
    """The exposure at which they are right three times in four, within 12%, from eight judges of 300 pictures."""
    rng = random.Random(known)
    found = score([[session(300, seed, skilled(known, rng))] for seed in range(8)], "time")
    assert found["score"] == pytest.approx(known, rel=0.12)
    low, high = found["interval"]
    assert low < found["score"] < high
    assert found["judges"] == 8


def test_a_better_model_needs_longer_and_the_mode_is_near_the_mean():
    rng = random.Random(0)
    scores = [score([[session(200, s, skilled(t, rng)) for s in range(4)]], "time") for t in (180, 500)]
    assert scores[0]["score"] < 0.6 * scores[1]["score"]
    assert abs(scores[1]["modal"] - scores[1]["score"]) < 150


@pytest.mark.math
def test_infinity_is_the_share_of_errors_and_its_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        found = interval([(rng.random(100) < 0.3).astype(float)], seed)
        assert found is not None
        held += found[0] <= 0.3 <= found[1]
    assert 0.88 <= held / 200 <= 1.0


def test_errors_are_counted_on_real_and_fake_apart():
    trials = plan(20, 0)
    says_real = [Answer(t, "real" if t.kind != "check" else "fake", None) for t in trials]
    found = score([[says_real]], "infinity")
    assert found["score"] == 0.5
    assert (found["errors_on_real"], found["errors_on_fake"]) == (0.0, 1.0)
    assert found["n"] == 20


def test_who_takes_noise_for_real_is_left_out_of_the_pool_but_keeps_a_score():
    asleep = [Answer(t, "real", None) for t in plan(20, 0)]
    awake = [Answer(t, "real" if t.kind == "real" else "fake", None) for t in plan(20, 1)]
    assert not attentive(asleep)
    found = score([[asleep], [awake]], "infinity")
    assert found["score"] == 0.0
    assert (found["judges"], found["left_out"]) == (1, 1)
    assert score([[asleep]], "infinity")["score"] == 0.5


def test_judges_weigh_alike_however_much_they_judge():
    wrong = [Answer(t, "fake" if t.kind == "real" else "real", None) for t in plan(100, 0) if t.kind != "check"]
    right = [Answer(t, "real" if t.kind == "real" else "fake", None) for t in plan(10, 0) if t.kind != "check"]
    assert score([[wrong], [right]], "infinity")["score"] == 0.5


def test_nothing_judged_has_no_score():
    found = score([[[]]], "time")
    assert found["score"] is found["interval"] is found["modal"] is None
    assert modal([]) is None


def test_the_book_goes_on_where_it_was_left_and_exports_every_answer(tmp_path):
    book = Book(tmp_path / "judge.sqlite")
    begun = book.begin("00000-a", 10, "time", "=Eve", 10, 5)
    judge = skilled(300, random.Random(0))
    for i, trial in enumerate(begun.trials[:4]):
        book.add(begun, i, judge(trial, 500), shown=498.5, took=700)
    again = Book(tmp_path / "judge.sqlite").session(begun.id)  # another process
    assert again == begun
    assert len(book.answers(again)) == 4
    for i, trial in list(enumerate(again.trials))[4:]:
        book.add(again, i, judge(trial, 500))
    answers = book.answers(again)
    assert [a.exposure for a in answers] == [exposure(answers[:i]) for i in range(len(answers))]
    rows = list(csv.DictReader(io.StringIO(book.csv("00000-a"))))
    assert len(rows) == 11
    assert rows[0]["shown_ms"] == "498.5"
    assert rows[0]["judge"] == "'=Eve"
    assert {row["kind"] for row in rows} == {"real", "fake", "check"}
    assert book.csv("00001-b").count("\n") == 1
    with sqlite3.connect(tmp_path / "judge.sqlite") as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (11,)


def test_answers_out_of_turn_are_refused(tmp_path):
    book = Book(tmp_path / "judge.sqlite")
    begun = book.begin("00000-a", 10, "infinity", "Ann", 4, 0)
    book.add(begun, 0, "real")
    for trial in (0, 2, 99):
        with pytest.raises(InputError, match="turn of trial 1"):
            book.add(begun, trial, "real")
    with pytest.raises(InputError, match="no session 9"):
        book.session(9)


def test_a_judge_never_sees_a_picture_twice(tmp_path):
    book = Book(tmp_path / "judge.sqlite")
    first = book.begin("00000-a", 10, "infinity", "Ann", 20, 0, reals=25)
    second = book.begin("00000-a", 20, "infinity", "Ann", 20, 1, reals=25)
    other = book.begin("00000-a", 20, "infinity", "Ben", 20, 1, reals=25)
    assert first.first == other.first == 0
    assert second.first == 10
    with pytest.raises(InputError, match="Ann has seen 20 of the 25 real pictures"):
        book.begin("00000-a", 10, "infinity", "Ann", 20, 0, reals=25)


def test_scores_are_told_for_each_mode_and_judge(tmp_path):
    book = Book(tmp_path / "judge.sqlite")
    for judge in ("Ann", "Ben"):
        begun = book.begin("00000-a", 10, "infinity", judge, 10, 0)
        for i, trial in enumerate(begun.trials):
            book.add(begun, i, "real" if trial.kind == "real" else "fake")
    (found,) = book.scores("00000-a")
    assert found["mode"] == "infinity"
    assert found["score"] == 0
    assert [e["judge"] for e in found["each"]] == ["Ann", "Ben"]
    assert hype.PASSING < 1
