"""The page of a run: whole in one file, with all that there is to tell, and without what is gone."""

import json
import re
from html.parser import HTMLParser

import pytest

from zerosum import report
from zerosum.runs import Run


class Page(HTMLParser):
    """Headings, what the page would fetch, and whether its tags close."""

    def __init__(self, text: str):
        super().__init__()
        self.headings: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.fetched += [v for k, v in attrs if k in ("src", "href", "data", "srcset", "action") and tag != "a"]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def page_of(run: Run) -> tuple[Page, str]:
    text = report.write(run).read_text()
    return Page(text), text


def folder_of(run: Run, folder, *without: str, **config) -> Run:
    """The same run in a folder of its own, so that a test can take things away."""
    for path in run.path.iterdir():
        if path.name not in (*without, "config.yaml", "metrics.json", "report.html", "curves.png"):
            (folder / path.name).symlink_to(path)
    text = (run.path / "config.yaml").read_text()
    for old, new in config.items():
        text = text.replace(old, new)
    (folder / "config.yaml").write_text(text)
    return Run(folder)


def test_the_page_fetches_nothing(points_run, pictures_run, table_run):
    for run in (points_run, pictures_run, table_run):
        page, text = page_of(run)
        assert page.fetched
        assert all(v.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,")) for v in page.fetched)
        assert not re.search(r"url\(|@import|<script|<link|<iframe", text)
        assert page.headings[0] == run.name
        assert (run.path / "curves.png").is_file()


def test_pictures_have_their_sections(pictures_run):
    page, text = page_of(pictures_run)
    expected = ["Samples", "Class by class", "Through time", "Curves", "Nearest training neighbours", "Metrics"]
    assert [h for h in page.headings if h in expected] == expected
    assert text.count("<figcaption>") >= 2 + 10 + 3, "samples beside reals, ten classes, three moments"
    assert "Mirza and Osindero, 2014" in text
    assert 'href="https://arxiv.org/abs/1411.1784"' in text


def test_points_and_tables_have_theirs(points_run, table_run):
    points, text = page_of(points_run)
    assert "4 of 4" in text
    assert "Rows" not in points.headings
    assert "Class by class" not in points.headings
    table, text = page_of(table_run)
    assert {"Rows", "Columns", "Nearest training neighbours"} <= set(table.headings)
    assert text.count("<th>") >= 4
    assert all(f"<th>{name}" in text for name in ("height", "income", "children", "town"))


def test_metrics_are_shown_once_measured(points_run, tmp_path):
    run = folder_of(points_run, tmp_path)
    assert f"zerosum evaluate {run.path}" in page_of(run)[1]
    card = dict(name="a & b", value=0.123, spread=0.01, repeats=5, n_real=100, n_fake=50, split="train", seed=0)
    card |= dict(features=None, floor=None, floor_spread=None, better="lower", source="Somebody 2020", note="")
    (tmp_path / "metrics.json").write_text(json.dumps({"round": 4, "cards": [card]}))
    text = page_of(run)[1]
    assert "a &amp; b" in text
    assert "0.123 &plusmn; 0.01" in text
    assert "At round 4." in text
    assert "Somebody 2020" in text
    assert "zerosum evaluate" not in text


def test_without_its_data_a_run_still_has_a_page(points_run, tmp_path):
    run = folder_of(points_run, tmp_path, **{"source: ring8:100": "source: nowhere.csv"})
    page, text = page_of(run)
    assert "Without its data" in page.headings
    assert "no file or folder" in text
    assert "nowhere.csv" in text
    assert {"Samples", "Curves", "Metrics"} <= set(page.headings)
    assert "Nearest training neighbours" not in page.headings


def test_a_page_without_readings_and_pictures(points_run, tmp_path):
    page, _ = page_of(folder_of(points_run, tmp_path, "stats.jsonl", "samples"))
    assert "Curves" not in page.headings
    assert "Through time" not in page.headings
    assert "Samples" in page.headings


def test_what_users_named_is_escaped(points_run, tmp_path):
    folder = tmp_path / "00001-<b>"
    folder.mkdir()
    page, text = page_of(folder_of(points_run, folder))
    assert "<b>00001" not in text
    assert "00001-&lt;b&gt;" in text
    assert page.headings[0] == "00001-<b>"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (3725, "1 h 2 min")])
def test_durations(seconds, said):
    assert report._duration(seconds) == said
