"""Somebody at the page, in a real browser."""

import base64
import os
import time
from collections.abc import Callable
from pathlib import Path

PICTURES = os.environ.get("ZEROSUM_SCREENSHOTS")  # a folder to leave screenshots in


def until(true: Callable[[], object], seconds: float = 60.0):
    """Wait for something to be true; what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


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
        said = [e["message"] for e in self.browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
        return [text for text in said if "willReadFrequently" not in text]  # that is our own looking

    def script(self, code: str, *given):
        return self.browser.execute_script(code, *given)

    def looks(self, selector: str = ".big canvas") -> str:
        """What a canvas shows."""
        return self.script("return document.querySelector(arguments[0])?.toDataURL() ?? ''", selector)

    def changes(self, selector: str, before: str, seconds: float = 30.0) -> None:
        """Wait until a canvas shows something else."""
        until(lambda: self.looks(selector) not in ("", before), seconds)

    def upload(self, label: str, picture: bytes) -> None:
        """Give a picture to a file input, as choosing a file does."""
        code = """
            const bytes = Uint8Array.from(atob(arguments[1]), c => c.charCodeAt(0)), all = new DataTransfer();
            all.items.add(new File([bytes], 'mine.png', {type: 'image/png'}));
            const input = document.querySelector(arguments[0]);
            input.files = all.files;
            input.dispatchEvent(new Event('change'));"""
        selector = f"input[type=file][aria-label^='{label}']"
        until(lambda: self.all(selector))
        self.script(code, selector, base64.b64encode(picture).decode())

    def press(self, *keys: str) -> None:
        """Keys, to whatever has the focus."""
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)
