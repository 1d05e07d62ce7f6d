"""The page in a real browser, as a newcomer meets it: train on digits, watch, stop, walk, judge, see the score."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from zerosum.studio.jobs import SOURCE

from .conftest import Served
from .visitor import Visitor, until


def test_a_newcomer_trains_watches_stops_walks_and_judges(browser, tmp_path):
    here = Served(tmp_path / "runs")
    try:
        visitor = Visitor(browser, here.url)
        visitor.go("")
        visitor.reads("main h1", "Nothing trained here yet")
        visitor.click("main a.primary")

        visitor.click("[data-game=dcgan]")
        visitor.reads("summary", "dcgan")
        visitor.write("#source", "digits")
        visitor.write("#f-rounds", 4000)
        visitor.write("#f-batch", 16)
        visitor.click("form details summary")
        visitor.write("#f-width", 8)
        visitor.click("details:nth-of-type(2) summary")
        visitor.write("#f-threads", 1)
        visitor.write("#f-save_every", 20)
        visitor.photograph("new")
        visitor.click("#train")

        visitor.find("#stop", 90)
        visitor.reads("#state", "training", 60)
        visitor.find("canvas.chart", 60)
        film = "return document.querySelector('.scrub span')?.innerText ?? ''"
        until(lambda: re.search("round [1-9]", visitor.script(film)), 90)  # a fast machine may be past 20 already
        visitor.click("#pause")
        visitor.reads("#state", "paused")
        (name,) = here.studio.shelf.names()
        time.sleep(1)
        still = here.studio.shelf.run(name).stats()
        time.sleep(1)
        assert here.studio.shelf.run(name).stats() == still
        visitor.photograph("watch")
        visitor.click("#continue")
        until(lambda: len(here.studio.shelf.run(name).stats()) > len(still))
        visitor.click("#stop")
        visitor.reads("#state", "stopped")
        run = here.studio.shelf.run(name)
        assert 0 < run.rounds < 4000
        assert here.studio.jobs.list()[0].state == "stopped"

        visitor.go(f"#/play/{name}")
        visitor.drawn(".big canvas")
        before = visitor.looks()
        visitor.slide("[aria-label='direction 1']", 3)
        visitor.changes(".big canvas", before)
        visitor.click(".tiles button:nth-child(2)")
        visitor.click("[aria-label^=from]")
        visitor.click(".tiles button:nth-child(5)")
        visitor.click("[aria-label^=to]")
        until(lambda: len(visitor.all(".strip canvas")) == 9)
        visitor.photograph("play")

        visitor.go(f"#/judge/{name}")
        visitor.write("#judge", "Ada")
        visitor.write("#count", 20)
        visitor.click("#begin")
        for i in range(22):
            visitor.turn(f"{i + 1} of 22")
            browser.find_element("css selector", "body").send_keys("rf"[i % 2])
        score = visitor.find("#score").text
        assert score.endswith("%")
        visitor.photograph("score")
        visitor.click("#again")
        visitor.reads("#scores", "Ada")
        assert here.studio.book.scores(name)[0]["n"] == 20
        assert visitor.complaints() == []
    finally:
        here.close()


def test_every_term_has_its_curve_and_the_samples_their_film(visitor, digits):
    visitor.go(f"#/watch/{digits.name}")
    terms = {key for row in digits.stats() for key in row} - {"round", "examples", "seconds"}
    wanted = {term.partition("/")[2] or term for term in terms} | {"real", "fake"}  # these are D's scores, too
    until(lambda: wanted <= {e.text for e in visitor.all(".legend button")})
    visitor.reads("h2", "What D thinks")
    visitor.reads(".facts", "rounds a second")
    visitor.reads(".scrub", "round 6")
    film = "document.querySelector('#film').click(); return document.querySelector('.scrub span').textContent"
    assert visitor.script(film) == "round 0"
    visitor.reads(".scrub", "round 6")
    visitor.script("document.querySelector('canvas.chart').focus()")
    visitor.press("\ue014")  # the right arrow reads values
    visitor.reads("[role=status]", "round 6, ")
    assert visitor.complaints() == []


def test_the_plane_moves_and_can_be_wound_back(visitor, ring):
    visitor.go(f"#/watch/{ring.name}")
    visitor.reads(".stage + .scrub, .scrub", "round 6")
    visitor.reads("h2", "The game in the plane")
    visitor.drawn(".stage canvas")
    now = visitor.looks(".stage canvas")
    visitor.slide("#scrubber", 0)
    visitor.reads(".scrub", "round 2")
    visitor.changes(".stage canvas", now)
    visitor.photograph("plane")
    assert visitor.complaints() == []


def test_runs_are_compared_from_the_same_seed(visitor, digits, classes):
    visitor.go(f"#/compare/{digits.name},{classes.name}")
    until(lambda: len(visitor.all(".tiles canvas")) == 32)
    visitor.reads("h2", "Distance to held-out data")
    visitor.photograph("compare")
    assert visitor.complaints() == []


def test_classes_are_chosen_and_samples_are_added_and_subtracted(visitor, classes):
    visitor.go(f"#/play/{classes.name}")
    visitor.drawn(".big canvas")
    before = visitor.looks()
    visitor.script(
        "const s = document.querySelector('#condition'); s.value = '7'; s.dispatchEvent(new Event('change'))"
    )
    visitor.changes(".big canvas", before)
    drag = """
        const data = new DataTransfer(), event = (type) => new DragEvent(type, {dataTransfer: data, bubbles: true});
        document.querySelector(`[aria-label='sample ${arguments[0]}']`).dispatchEvent(event('dragstart'));
        document.querySelector(`[aria-label^='${arguments[1]}:']`).dispatchEvent(event('drop'));"""
    for i, slot in enumerate("ABC"):
        visitor.script(drag, i, slot)
        until(lambda slot=slot: visitor.all(f"[aria-label^='{slot}:'] canvas"))
    until(lambda: visitor.all(".slots .slot.full:last-child canvas"))
    for slider, value in (("#truncation", 0.3), ("#seed", 5)):
        shown = visitor.looks("[aria-label='sample 1'] canvas")
        visitor.slide(slider, value)
        visitor.changes("[aria-label='sample 1'] canvas", shown)
    assert visitor.complaints() == []


def test_a_glance_is_as_long_as_it_says(visitor, digits):
    """HYPE-time: the page's own clock, within two frames of a busy machine's screen, at the median."""
    visitor.go(f"#/judge/{digits.name}")
    visitor.write("#judge", "Flash")
    visitor.write("#count", 4)
    visitor.browser.execute_script("document.querySelector('#mode').value = 'time'")
    visitor.click("#begin")
    for i in range(5):
        visitor.turn(f"{i + 1} of 5")
        visitor.click("#fake")
    assert visitor.find("#score").text.endswith("ms")
    with Served(digits.path.parent).studio.book._open() as db:
        rows = db.execute("SELECT exposure, shown FROM answers JOIN sessions ON session = id WHERE judge = 'Flash'")
        late = sorted(shown - exposure for exposure, shown in rows.fetchall())
    assert -20 < late[len(late) // 2] < 60


def test_the_whole_page_can_be_used_by_keys(visitor, digits):
    enter, tab, end = "\ue007", "\ue004", "\ue010"
    visitor.go(f"#/watch/{digits.name}")
    visitor.reads("h1", digits.name)
    light = "return document.documentElement.classList.contains('light')"
    before = visitor.script(light)
    visitor.press("t")
    assert visitor.script(light) != before
    visitor.press("p")
    until(lambda: "#/play/" in visitor.browser.current_url)
    visitor.drawn(".big canvas")
    here = "const e = document.activeElement; return [e.id, e.ariaLabel ?? '', e.innerText.trim()].join('|')"
    outlined = "return getComputedStyle(document.activeElement).outlineStyle != 'none'"

    def go_to(words: str) -> None:
        """With the tabulator, as far as it takes."""
        for _ in range(120):
            visitor.press(tab)
            if words in visitor.script(here):
                assert visitor.script(outlined), words
                return
        raise AssertionError(f"{words} is not reached")

    for step in ("direction 1", "sample 3"):
        shown = visitor.looks()
        go_to(step)
        visitor.press(end if "direction" in step else enter)
        visitor.changes(".big canvas", shown)
    for slot in ("from:", "to:"):
        go_to(slot)
        visitor.press(enter)
    until(lambda: len(visitor.all(".strip canvas")) == 9)
    visitor.press("j")
    until(lambda: "#/judge/" in visitor.browser.current_url)
    visitor.press("n")
    visitor.find("#source")
    go_to("Train")
    nameless = """return [...document.querySelectorAll('button, a, input, select')]
        .filter(e => e.checkVisibility())
        .filter(e => !(e.innerText || e.getAttribute('aria-label') || e.labels?.length || e.title) || e.tabIndex < 0)
        .map(e => e.outerHTML)"""
    for where in ("watch", "play", "judge", "compare"):
        visitor.go(f"#/{where}/{digits.name}")
        visitor.find("h1")
        assert visitor.script(nameless) == []


def test_what_cannot_be_shown_says_why(visitor, root):
    visitor.go("#/watch/00999-nobody")
    visitor.reads("#unshown", "no run '00999-nobody' here")


def test_it_fits_on_a_projector(visitor, digits):
    """1024 x 768: nothing is cut off at the right, and no text is smaller than 13 pixels."""
    visitor.browser.set_window_size(1024, 768)
    small = """return [...document.querySelectorAll('main *, aside *, header *')]
        .filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
        .filter(e => parseFloat(getComputedStyle(e).fontSize) < 13).map(e => e.outerHTML)"""
    try:
        for where in ("new", f"watch/{digits.name}", f"play/{digits.name}", f"judge/{digits.name}", "api"):
            visitor.go(f"#/{where}")
            visitor.find("h1")
            assert visitor.script("return document.documentElement.scrollWidth - innerWidth") <= 0, where
            assert visitor.script(small) == [], where
    finally:
        visitor.browser.set_window_size(1440, 1000)


def test_from_elsewhere_the_printed_address_lets_in(browser, digits):
    here = Served(digits.path.parent, token="s3cret")
    try:
        visitor = Visitor(browser, here.url)
        visitor.go("")
        visitor.reads("body", "a token is needed")
        visitor.go(f"?token=s3cret#/watch/{digits.name}")
        visitor.reads("h1", digits.name)
        assert "s3cret" not in browser.current_url
        visitor.go(f"#/play/{digits.name}")
        visitor.drawn(".big canvas")
    finally:
        browser.delete_all_cookies()
        here.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_stands_out_from_its_ground(visitor, theme):
    """Contrast by WCAG 2: at least 4.5 for text, in both themes."""
    visitor.go("")
    visitor.browser.execute_script(
        f"document.documentElement.classList.toggle('light', {str(theme == 'light').lower()})"
    )
    value = lambda name: visitor.browser.execute_script(  # noqa: E731
        "return getComputedStyle(document.documentElement).getPropertyValue(arguments[0]).trim()", f"--{name}"
    )
    pairs = [(a, b) for a in ("ink", "soft", "judge") for b in ("back", "panel", "raised")]
    for front, back in [*pairs, ("on-accent", "accent"), ("real", "panel"), ("fake", "panel"), ("bad", "panel")]:
        assert contrast(value(front), value(back)) >= 4.5, (theme, front, back)


def contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([light(a), light(b)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_command_serves_and_ends_by_ctrl_c(root, digits, host):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    words = [sys.executable, "-m", "zerosum", "studio", str(digits.path), "--port", "0", "--host", host]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(f"zerosum studio: http://{host}:")
    assert ("?token=" in line) == (host == "0.0.0.0")
    assert line.strip().endswith(f"#/watch/{digits.name}")
    process.send_signal(signal.SIGINT)
    _, wrong = process.communicate(timeout=30)
    assert process.returncode == 0, wrong
    assert "Traceback" not in wrong
