"""What is shown of runs of every kind: findings, events, translations, several discriminators, codes and classes."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains

import zerosum as zs
from zerosum.doctor.probe import opinions
from zerosum.game import Batch

from .visitor import until


def picture(size: int = 24) -> bytes:
    """A ring, as a PNG file."""
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    values = (255 * np.exp(-20 * (np.hypot(x, y) - 0.6) ** 2)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def test_the_doctor_is_read_beside_the_samples(visitor, digits):
    findings = [
        {
            "name": "mode_collapse",
            "severity": "critical",
            "since_round": 2,
            "evidence": {"modes": 1.25, "of": 10, "classes": [0.123456] * 40},
            "says": "G makes one digit.",
            "remedy": ["--add-r1 1", "more data"],
        },
        {
            "name": "strong_judge",
            "severity": "warning",
            "since_round": 1200,
            "evidence": {},
            "says": "D is sure.",
            "remedy": [],
        },
    ]
    path = digits.path / "doctor.json"
    before = path.read_text() if path.exists() else None
    path.write_text(json.dumps({"findings": findings}))
    try:
        visitor.go(f"#/watch/{digits.name}")
        visitor.reads(".finding.critical", "mode collapse since round 2")
        shown = visitor.find(".finding.critical").text
        for words in ("G makes one digit.", "modes 1.25, of 10, classes 0.123 / 0.123", "Try --add-r1 1 or more data"):
            assert words in shown
        visitor.reads(".finding.warning", "strong judge since round 1,200")
        assert "Try" not in visitor.find(".finding.warning").text
        assert visitor.script("return document.documentElement.scrollWidth <= innerWidth")
        edge = "return getComputedStyle(document.querySelector(arguments[0])).borderLeftColor"
        assert visitor.script(edge, ".finding.critical") != visitor.script(edge, ".finding.warning")
        visitor.photograph("findings")
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert visitor.complaints() == []


def test_events_have_their_ratio_panels(visitor_of, others, physics):
    visitor = visitor_of(others)
    visitor.go(f"#/watch/{physics.name}")
    visitor.reads("h2", "Events beside real ones")
    wide = "return document.querySelector('img[alt^=features]').naturalWidth"
    until(lambda: visitor.script(wide) > 1000, 90)
    visitor.photograph("events")
    visitor.go(f"#/play/{physics.name}")
    visitor.reads("th", "px")
    assert len(visitor.all("tr")) == 21
    assert visitor.complaints() == []


def test_translations_are_watched_drawn_and_uploaded(visitor_of, others, domains):
    visitor = visitor_of(others)
    visitor.go(f"#/watch/{domains.name}")
    until(lambda: visitor.script("return document.querySelector('.stage img')?.naturalHeight ?? 0") > 0)
    for judge in ("D_a", "D_b"):
        visitor.reads("h3", judge)
    visitor.photograph("translations")

    visitor.go(f"#/play/{domains.name}")
    visitor.upload("Translate", picture())
    visitor.drawn("#translated canvas")
    uploaded = visitor.looks("#translated canvas")
    pad = visitor.find("#pad")
    reach = pad.size["width"] // 2 - 10  # black, across the ring
    stroke = ActionChains(visitor.browser).move_to_element_with_offset(pad, -reach, 0).click_and_hold()
    stroke.move_by_offset(reach, 20).move_by_offset(reach, 20).release().perform()
    visitor.changes("#translated canvas", uploaded)
    there = visitor.looks("#translated canvas")
    visitor.script("const s = document.querySelector('#way'); s.value = 'b2a'; s.dispatchEvent(new Event('change'))")
    visitor.changes("#translated canvas", there)
    visitor.photograph("translate")
    assert visitor.complaints() == []


def test_a_picture_is_found_again_classified_and_encoded(visitor_of, others, coded):
    visitor = visitor_of(others)
    visitor.go(f"#/play/{coded.name}")
    visitor.drawn(".big canvas")
    before = visitor.looks()
    visitor.upload("Find it", picture())
    visitor.reads("#toast", "Found, at a distance of")
    visitor.changes(".big canvas", before)
    visitor.upload("Classify", picture())
    until(lambda: len(visitor.all("#classify b")) == 10)
    shares = [float(e.text) for e in visitor.all("#classify b")]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.01)
    visitor.upload("Encode", picture())
    until(lambda: visitor.all("#encode b"))
    visitor.photograph("classify")
    visitor.upload("Find it", b"%PDF-1.4 no picture")
    visitor.reads("#toast", "the upload cannot be used")
    assert [c for c in visitor.complaints() if "400" not in c] == []


def test_a_caption_is_drawn_and_an_unknown_word_is_told(visitor_of, others, captioned):
    visitor = visitor_of(others)
    visitor.go(f"#/play/{captioned.name}")
    visitor.drawn(".big canvas")
    before = visitor.looks()
    other = captioned.spec.y.decode(captioned.data().take(20).y)[-1]
    visitor.write("#condition", f"{other}\t")
    visitor.changes(".big canvas", before)
    visitor.write("#condition", "a wombat\t")
    visitor.reads("#toast", "have no word 'wombat'")
    visitor.reads("#unsaved", "it is told captions")
    assert visitor.script("return document.querySelector('#keep').disabled")


@pytest.mark.parametrize(
    ("game", "source", "names"),
    [
        ("dualgan", "edges:digits", {"D_A", "D_B"}),
        ("cogan", "edges:digits", {"D_a", "D_b"}),
        ("bigan", "ring8:80", {"D"}),
        ("cgan", "digits", {"D"}),
        ("wgan_gp", "ring8:80", {"D"}),
    ],
)
def test_every_discriminator_is_heard(game, source, names, tmp_path):
    """On real and on fake, whatever it is given beside them: a condition, a code, another domain."""
    few = {"width": 4} | ({"z_dim": 4} if game != "dualgan" else {}) | ({"width": 24} if game == "cgan" else {})
    out = dict(out=tmp_path, track="none", quiet=True)
    run = zs.train(game, source, rounds=1, batch=4, limit=40, **few, **out)
    model, _ = run.load()
    batch = run.data().held_out.take(8)
    heard = opinions(model, batch)
    assert heard.keys() == names
    assert {len(v) for both in heard.values() for v in both} == {batch.n}
    if game == "cogan":
        assert heard["D_a"][0].tolist() == pytest.approx(model.D_a(batch.a).tolist(), abs=1e-5)
    if game == "cgan":
        assert heard["D"][0].tolist() == pytest.approx(model.D(batch.x, batch.y).tolist(), abs=1e-5)


def test_hearing_changes_nothing(ring):
    model, _ = ring.load()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    batch = ring.data().held_out.take(32)
    first, second = (opinions(model, Batch(**batch.tensors)) for _ in range(2))
    assert all(first[k][i].equal(second[k][i]) for k in first for i in (0, 1))
    assert all(v.equal(before[k]) for k, v in model.state_dict().items())
