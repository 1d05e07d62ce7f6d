"""Each diagnosis speaks on signals that show its illness, is silent on healthy ones, and advises what there is."""

import shlex
from dataclasses import replace

import pytest

from zerosum import games, train_options
from zerosum.doctor import Case, diagnose, light
from zerosum.doctor.diagnoses import swings
from zerosum.settings import Settings

HEALTHY = {
    "D/real": 0.8, "D/fake": -0.6, "D/held": 0.75, "D/tells": 0.85, "D/tells_held": 0.84, "D/knows": 0.52,
    "D/right": 0.7, "D/r_t": 0.5, "D/r_v": 0.03, "D/gradient": 1.0, "D/weights": 15.0, "D/update": 2e-3,
    "G/gradient": 0.5, "G/pull": 0.2, "G/slope": 0.4, "G/weights": 15.0, "G/update": 2e-3, "G/dead": 0.05,
    "samples/diversity": 0.97, "samples/size": 0.99, "samples/precision": 0.6, "samples/recall": 0.8,
    "samples/apart": 0.7, "samples/modes": 0.95, "samples/missing": 0.0, "samples/classes": [0.5, 0.5],
    "samples/nearer": 0.5, "samples/inverted": 0.02, "samples/saturated": 0.0,
}  # fmt: skip
SICK = {
    "divergence": {"D/real": 4000.0, "D/fake": -9000.0},
    "mode collapse": {"samples/diversity": 0.02},
    "partial mode collapse": {"samples/modes": 0.4, "samples/missing": 0.5},
    "vanishing gradient": {"G/pull": 1e-4},
    "perfect discriminator": {"D/tells": 1.0, "D/tells_held": 1.0, "D/real": 9.0, "D/fake": -9.0, "samples/apart": 1.0},
    "generator too strong": {"D/tells": 0.52, "samples/apart": 1.0},
    "discriminator overfits": {"D/knows": 0.95},
    "memorisation": {"samples/nearer": 0.99},
    "dead units": {"G/dead": 0.8},
    "inverted colours": {"samples/inverted": 0.95},
    "saturated colours": {"samples/saturated": 0.6},
    "learning rates unequal": {"D/update": 1e-2, "G/update": 1e-5},
    "learning rate too high": {"D/update": 0.5, "G/update": 0.4},
}
FACTS = {"takes add_r1": True}
OPTIONS = games.find("gan")().hyperparameters()


def case(change: dict | None = None, readings: int = 10, sick: int | None = None) -> Case:
    """A run of healthy readings, of which the last `sick` (all) are changed."""
    sick = readings if sick is None else sick
    rows = [{"round": 100 * (i + 1), **HEALTHY} for i in range(readings)]
    rows = [row | (change or {}) if i >= readings - sick else row for i, row in enumerate(rows)]
    return Case(rows, hyperparameters=OPTIONS, settings=vars(Settings(rounds=1000)), facts=FACTS)


def test_a_healthy_run_is_left_in_peace():
    assert diagnose(case()) == []
    assert light([]) == "green"


@pytest.mark.parametrize("name", SICK)
def test_an_illness_is_named_with_its_beginning_and_evidence(name):
    found = {f.name: f for f in diagnose(case(SICK[name], sick=6))}
    assert name in found
    assert found[name].since_round == (600 if name == "learning rates unequal" else 500)
    assert set(SICK[name]) & {*found[name].evidence, *(f"samples/{k}" for k in found[name].evidence)} or any(
        k.split("/")[1] in found[name].evidence for k in SICK[name]
    )
    assert light(list(found.values())) in ("yellow", "red")


@pytest.mark.parametrize("name", SICK)
def test_one_bad_reading_is_no_illness(name):
    assert name not in {f.name for f in diagnose(case(SICK[name], sick=1))}


@pytest.mark.parametrize("name", [*SICK, "not a number"])
def test_remedies_are_options_of_the_command_line(name):
    ill = replace(case(SICK.get(name)), error="D/real is no longer a finite number")
    for remedy in next(f for f in diagnose(ill) if f.name == name).remedy:
        words = shlex.split(remedy.replace("DATA", "ring8"))
        if words[:2] == ["zerosum", "train"]:
            assert words[2] in games.names()
        elif words[0].startswith("--"):
            _, unknown = train_options.parse(["gan", "ring8", *words], games.find("gan"))
            assert not unknown, remedy
        else:
            assert not remedy.startswith("-")


def test_a_critic_that_is_always_right_is_no_illness():
    """Its losses are linear: G is always told D's whole slope."""
    sure = SICK["perfect discriminator"]
    assert "perfect discriminator" in {f.name for f in diagnose(case(sure))}
    assert "perfect discriminator" not in {f.name for f in diagnose(case(sure | {"G/pull": 0.4}))}


def test_running_in_circles_is_oscillation():
    rows = [{**row, "samples/classes": [float(i % 2), 1.0 - i % 2]} for i, row in enumerate(case().signals)]
    assert "oscillation" in {f.name for f in diagnose(replace(case(), signals=rows))}
    assert swings([0, 1, 0, 1, 0]) == 3
    assert swings([0, 1, 2, 3]) == 0


def test_rounds_that_take_ever_longer_are_told_of():
    times = [0.0]
    for i in range(60):
        times.append(times[-1] + (1.0 if i < 45 else 5.0))
    terms = [{"round": i, "seconds": t} for i, t in enumerate(times)]
    assert {f.name for f in diagnose(replace(case(), terms=terms))} == {"slow"}


def test_readings_without_a_signal_show_nothing():
    bare = [{"round": i} for i in range(9)]
    assert diagnose(replace(case(), signals=bare)) == []
    assert diagnose(replace(case(), signals=[])) == []
