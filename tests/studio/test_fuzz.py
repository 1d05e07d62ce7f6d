"""Nonsense by our own OpenAPI document: whatever is asked, no answer is a 500."""

import contextlib
import sys
import time

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from zerosum.studio.app import build
from zerosum.studio.jobs import Jobs

from .conftest import Served

EXAMPLES = 7  # of each address and kind of nonsense
MODES = list(schemathesis.GenerationMode)  # what the document allows, and what it does not


@pytest.fixture(scope="module")
def fuzzed(root, digits, classes, ring):
    """A studio whose processes do nothing, so that nonsense starts no training, and whose streams end at once."""
    here = Served(root)
    here.studio.jobs = Jobs(here.studio.shelf, [sys.executable, "-S", "-c", "pass"], most=2)
    here.studio.ending = lambda: True
    yield here
    here.close()


def test_no_nonsense_is_answered_with_a_500(fuzzed, digits, classes, ring):
    """Half of the time with the name of a run that is there, or nothing would get past the names."""
    names = [run.name for run in (digits, classes, ring)]
    schema = schemathesis.openapi.from_dict(build(fuzzed.studio).openapi())
    asked: dict[str, set[int]] = {}
    slow = []
    for found in schema.get_all_operations():
        operation = found.ok()
        statuses = asked.setdefault(operation.label, set())
        for mode in MODES:
            with contextlib.suppress(Unsatisfiable):  # what takes nothing cannot be given anything wrong
                fuzz(operation, mode, names, fuzzed.url, statuses, slow)
    assert {k: v for k, v in asked.items() if max(v) >= 500} == {}
    assert sum(200 in v for v in asked.values()) > 20  # much of it did get through
    assert all(v for v in asked.values())
    assert max(slow) < 20


def fuzz(operation, mode, names, url, statuses, slow) -> None:
    """Ask one address again and again."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), name=st.sampled_from([None, *names]))
    def ask(case, name) -> None:
        if name and "name" in case.path_parameters:
            case.path_parameters["name"] = name
        if name and isinstance(case.body, dict) and "run" in case.body:
            case.body["run"] = name
        began = time.monotonic()
        statuses.add(case.call(base_url=url, timeout=30).status_code)
        slow.append(time.monotonic() - began)

    ask()
