"""The tables of docs/doctor.md are those that its results make."""

from tools.doctor.__main__ import PAGE, PARTS, written


def test_the_page_is_made_from_its_results():
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page, "python -m tools.doctor"
    assert all(f"% end of {name}\n" in page for name in PARTS)


def test_a_table_counts_what_was_said():
    rows = [
        {"trial": "ill", "expects": ["a", "b"], "ever": ["b", "c"], "at the end": [], "light": "red"},
        {"trial": "ill", "expects": ["a", "b"], "ever": ["c"], "at the end": ["c"], "light": "yellow"},
        {"trial": "well", "expects": [], "ever": ["c"], "at the end": [], "light": "green"},
    ]
    table = PARTS["confusion"].table(rows)
    assert "Of 2 runs that are broken, what is wrong was named in 1." in table
    assert "nothing to say at the end of 1, and at no time in 0." in table
    assert "| ill | a or b | 1 of 2 | c | red, yellow |" in table
    assert "| well | nothing | 1 of 1 | - | green |" in table
