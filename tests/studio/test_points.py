"""Points in the plane: they move under the sliders, and the page that is saved draws the same ones."""

import re

import numpy as np
import pytest

from zerosum.errors import InputError
from zerosum.studio import save
from zerosum.studio.models import Models

from .visitor import Visitor, until

MAP = ".stage canvas"


def test_points_are_chosen_moved_and_walked_between(visitor, ring):
    visitor.go(f"#/play/{ring.name}")
    visitor.drawn(MAP)
    visitor.reads("#took", "ms")
    before = visitor.looks(MAP)
    visitor.slide("[aria-label='direction 1']", 4)
    visitor.changes(MAP, before)
    visitor.script("document.querySelector('.stage canvas').focus()")
    for way, arrows in (("from", 3), ("to", 5)):
        visitor.press(*["\ue014"] * arrows)  # the right arrow: the next point
        visitor.click(f"[aria-label^={way}]")
        visitor.script("document.querySelector('.stage canvas').focus()")
    until(
        lambda: all(
            re.fullmatch(r"-?[\d.e-]+, -?[\d.e-]+", visitor.find(f"[aria-label^={w}]").text) for w in ("from", "to")
        )
    )
    until(lambda: not visitor.script("return document.querySelector('#between').disabled"))
    pinned = visitor.looks(MAP)
    visitor.slide("#between", 0.5)
    visitor.changes(MAP, pinned)
    visitor.photograph("points")
    half = visitor.looks(MAP)
    visitor.click("#stroll")
    visitor.changes(MAP, half)
    visitor.click("#stroll")
    for slot in "ABC":
        visitor.click(f"[aria-label^='{slot}:']")
    until(lambda: re.search(r"\d", visitor.find(".slots .slot.full:last-child").text))
    assert visitor.complaints() == []


def test_points_are_compared_over_the_same_real_ones(visitor, ring, digits):
    visitor.go(f"#/compare/{ring.name},{digits.name}")
    visitor.drawn(MAP)
    until(lambda: len(visitor.all(".tiles canvas")) == 16)
    before = visitor.looks(MAP)
    visitor.write("#seed", 7)
    until(lambda: visitor.looks(MAP) not in ("", before))
    visitor.photograph("compare-points")
    assert visitor.complaints() == []


def test_a_number_is_told_by_a_slider(visitor_of, others, told):
    visitor = visitor_of(others)
    visitor.go(f"#/play/{told.name}")
    visitor.drawn(MAP)
    before = visitor.looks(MAP)
    visitor.slide("input[name=beam]", 49)
    visitor.changes(MAP, before)
    visitor.reads(".row b", "49")
    visitor.reads("#unsaved", "it is told numbers")
    visitor.photograph("told")
    visitor.go(f"#/watch/{told.name}")
    visitor.reads(".soft", "D is asked about more than points")
    assert visitor.complaints() == []


def test_a_page_of_points_is_saved_and_draws_what_pytorch_does(visitor, ring, tmp_path):
    folder = {"behavior": "allow", "downloadPath": str(tmp_path)}
    visitor.browser.execute_cdp_cmd("Browser.setDownloadBehavior", folder)
    visitor.go(f"#/play/{ring.name}")
    visitor.click("#keep")
    path = tmp_path / f"{ring.name}.html"
    until(path.exists)
    until(lambda: path.stat().st_size > 1000)
    model = Models().get(ring)
    page = Visitor(visitor.browser, "")
    page.browser.get(path.as_uri())
    page.drawn("#big")
    z = model.latents(3, seed=5)
    for row, one in zip(z.tolist(), model.render(z).numpy(), strict=True):
        found = page.script("return [...window.zerosum.render(arguments[0], 0)]", row)
        np.testing.assert_allclose(found, one, atol=2e-5)
    for button in ("others", "walk"):
        before = page.looks("#big")
        page.click(f"#{button}")
        page.changes("#big", before)
    page.photograph("saved-points")
    assert page.complaints() == []


def test_what_cannot_be_saved_is_said(told, domains, physics):
    for run, why in ((told, "it is told numbers"), (domains, "it translates"), (physics, "rows of a table")):
        with pytest.raises(InputError, match=why):
            save.page(Models().get(run))
