"""The page in a real browser, as a newcomer meets it: train on digits, watch, stop, walk, judge, see the score."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zerosum.studio.jobs import SOURCE

from .conftest import Served, until

PICTURES = os.environ.get("ZEROSUM_SCREENSHOTS")  # a folder to leave screenshots in


class Visitor:
    """Somebody at the page."""

    def __init__(self, browser, url: str):
        self.browser, self.url = browser, url
        browser.get("about:blank")
        browser.get_log("browser")

    def go(self, where: str) -> None:
        self.browser.get(f"{self.url}/{where}")

    def find(self, selector: str, seconds: float = 30.0):
        """The first element that matches and can be seen; the page is drawn anew now and then."""
        from selenium.common.exceptions import StaleElementReferenceException

        def seen():
            try:
                return next((e for e in self.all(selector) if e.is_displayed()), None)
            except StaleElementReferenceException:
                return None

        return until(seen, seconds)

    def all(self, selector: str) -> list:
        return self.browser.find_elements("css selector", selector)

    def click(self, selector: str, seconds: float = 30.0) -> None:
        """Once it is there and can be clicked, though the page is drawn anew now and then."""
        from selenium.common.exceptions import WebDriverException

        wrong = ""

        def clicked() -> bool:
            nonlocal wrong
            try:
                self.find(selector, seconds).click()
            except WebDriverException as error:
                wrong = str(error.msg)
                return False
            return True

        try:
            until(clicked, seconds)
        except AssertionError as error:
            self.photograph("stuck")
            raise AssertionError(f"{selector} cannot be clicked: {wrong}") from error

    def write(self, selector: str, text: object) -> None:
        element = self.find(selector)
        element.clear()
        element.send_keys(str(text))

    def reads(self, selector: str, wanted: str, seconds: float = 60.0) -> None:
        """Wait until an element's text holds this."""
        script = "return [...document.querySelectorAll(arguments[0])].some(e => e.innerText.includes(arguments[1]))"
        until(lambda: self.browser.execute_script(script, selector, wanted), seconds)

    def turn(self, wanted: str) -> None:
        """Wait for this picture of a session, until it can be answered."""
        script = """return document.querySelector('#turn')?.innerText === arguments[0]
            && !document.querySelector('#real').disabled"""
        until(lambda: self.browser.execute_script(script, wanted))

    def drawn(self, selector: str) -> None:
        """Wait until a canvas shows more than one colour."""
        script = """
            const c = document.querySelector(arguments[0]);
            if (!c || !c.width) return false;
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const ink = Array.from({length: d.length / 4}, (_, i) => d[4*i] * 65536 + d[4*i+1] * 256 + d[4*i+2]);
            return new Set(ink).size > 1"""
        until(lambda: self.browser.execute_script(script, selector), 30)

    def slide(self, selector: str, value: float) -> None:
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.browser.execute_script(script, self.find(selector), value)

    def photograph(self, name: str) -> None:
        if PICTURES:
            self.browser.save_screenshot(str(Path(PICTURES) / f"{name}.png"))

    def complaints(self) -> list[str]:
        """What the browser found wrong: errors of scripts, and what the policy stopped."""
        return [
            entry["message"] for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
        ]


@pytest.fixture
def visitor(browser, served):
    return Visitor(browser, served.url)


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
        visitor.reads(".scrub span", "round 20", 90)
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
        before = pixels(browser)
        visitor.slide("[aria-label='direction 1']", 3)
        until(lambda: pixels(browser) != before)
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


def pixels(browser) -> str:
    return browser.execute_script("return document.querySelector('.big canvas')?.toDataURL() ?? ''")


def test_the_plane_moves_and_can_be_wound_back(visitor, ring):
    visitor.go(f"#/watch/{ring.name}")
    visitor.reads(".stage + .scrub, .scrub", "round 6")
    visitor.reads("h2", "The game in the plane")
    visitor.drawn(".stage canvas")
    now = visitor.browser.execute_script("return document.querySelector('.stage canvas').toDataURL()")
    visitor.slide("#scrubber", 0)
    visitor.reads(".scrub", "round 2")
    until(lambda: visitor.browser.execute_script("return document.querySelector('.stage canvas').toDataURL()") != now)
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
    before = pixels(visitor.browser)
    visitor.browser.execute_script(
        "const s = document.querySelector('#condition'); s.value = '7'; s.dispatchEvent(new Event('change'))"
    )
    until(lambda: pixels(visitor.browser) not in ("", before))
    for slot in "ABC":
        visitor.click(f"[aria-label^='{slot}:']")
    until(lambda: visitor.all(".slots .slot.full:last-child canvas"))
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
    visitor.go(f"#/watch/{digits.name}")
    visitor.reads("h1", digits.name)
    body = visitor.browser.find_element("css selector", "body")
    light = "return document.documentElement.classList.contains('light')"
    before = visitor.browser.execute_script(light)
    body.send_keys("t")
    assert visitor.browser.execute_script(light) != before
    body.send_keys("p")
    until(lambda: "#/play/" in visitor.browser.current_url)
    nameless = """return [...document.querySelectorAll('button, a, input, select')]
        .filter(e => e.checkVisibility())
        .filter(e => !(e.innerText || e.getAttribute('aria-label') || e.labels?.length || e.title))
        .map(e => e.outerHTML)"""
    for where in ("watch", "play", "judge", "compare"):
        visitor.go(f"#/{where}/{digits.name}")
        visitor.find("h1")
        assert visitor.browser.execute_script(nameless) == []


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


def test_the_command_serves_and_ends_by_ctrl_c(root, digits):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    words = [sys.executable, "-m", "zerosum", "studio", str(digits.path), "--port", "0"]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("zerosum studio: http://127.0.0.1:")
    assert line.strip().endswith(f"#/watch/{digits.name}")
    process.send_signal(signal.SIGINT)
    _, wrong = process.communicate(timeout=30)
    assert process.returncode == 0, wrong
    assert "Traceback" not in wrong
