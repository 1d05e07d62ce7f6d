"""A generator in a page of its own: the browser's arithmetic against PyTorch's."""

import json
import re

import numpy as np
import pytest
import torch

import zerosum as zs
from zerosum.runs import Run
from zerosum.studio import save
from zerosum.studio.models import Models

from .visitor import Visitor, until


@pytest.fixture(scope="module")
def deep(tmp_path_factory) -> Run:
    """Convolutions in groups, bilinear doublings, residual blocks."""
    out = tmp_path_factory.mktemp("runs")
    return zs.train("r3gan", "digits", rounds=2, save_every=1, batch=8, width=16, track="none", quiet=True, out=out)


@pytest.mark.parametrize("which", ["digits", "classes", "deep"])
def test_the_browser_computes_what_pytorch_does(which, request, browser, tmp_path):
    model = Models().get(request.getfixturevalue(which))
    path = tmp_path / "page.html"
    path.write_text(save.page(model))
    visitor = Visitor(browser, "")
    browser.get(path.as_uri())
    visitor.drawn("#big")
    z = model.latents(3, seed=5)
    y = torch.tensor([7]) if which == "classes" else None
    wanted = model.render(z, y).numpy()
    for row, one in zip(z.tolist(), wanted, strict=True):
        found = browser.execute_script("return [...window.zerosum.render(arguments[0], 7)]", row)
        np.testing.assert_allclose(found, one.ravel(), atol=2e-5)
    visitor.photograph(f"saved-{which}")
    big = "return document.querySelector('#big').toDataURL()"
    for button in ("others", "walk"):
        before = browser.execute_script(big)
        browser.execute_script(f"document.querySelector('#{button}').click()")
        until(lambda before=before: browser.execute_script(big) != before)
    assert visitor.complaints() == []


def test_a_page_is_one_file_that_asks_for_nothing(digits):
    page = save.page(Models().get(digits))
    assert "://" not in re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert "default-src 'none'" in page
    content = json.loads(re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1])
    assert content["name"] == digits.name
    assert {node["op"] for node in content["program"]["nodes"]} <= save.OPERATIONS


def test_names_cannot_end_the_script(digits, monkeypatch):
    model = Models().get(digits)
    monkeypatch.setattr(model, "name", "</script><script>alert(1)</script>")
    page = save.page(model)
    assert "<script>alert" not in page
