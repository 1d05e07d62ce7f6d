"""A studio on a port of its own, and a headless Chromium that looks at it."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

import zerosum as zs
from zerosum.runs import Run
from zerosum.studio.app import Studio, build
from zerosum.studio.guard import Guard, own_names

from .visitor import Visitor, until

SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
]
TINY = dict(batch=16, width=16, z_dim=8, track="none", quiet=True, threads=1)


class Served:
    """A studio that is being served. `url` is its address."""

    def __init__(self, root: Path, token: str | None = None):
        self.studio = Studio(root)
        guarded = Guard(build(self.studio), own_names("127.0.0.1"), token)
        config = uvicorn.Config(guarded, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.studio.ending = lambda: self.server.should_exit
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self.studio.jobs.close(20)
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio") / "runs"


@pytest.fixture(scope="session")
def digits(root: Path) -> Run:
    return zs.train("dcgan", "digits", rounds=6, save_every=2, log_every=1, keep=9, out=root, **TINY)


@pytest.fixture(scope="session")
def classes(root: Path) -> Run:
    return zs.train("cgan", "digits", rounds=4, save_every=2, log_every=1, out=root, **{**TINY, "width": 24})


@pytest.fixture(scope="session")
def ring(root: Path) -> Run:
    return zs.train("gan", "ring8:400", rounds=6, save_every=2, log_every=1, keep=9, out=root, **TINY)


# Runs of other kinds, in a folder of their own.


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    here = Served(tmp_path_factory.mktemp("others") / "runs")
    yield here
    here.close()


def small(others: Served, game: str, source: str, **options) -> Run:
    plain = dict(batch=16, track="none", quiet=True, threads=1, rounds=2, save_every=1)
    return zs.train(game, source, out=others.studio.shelf.root, **{**plain, **options})


@pytest.fixture(scope="session")
def domains(others: Served) -> Run:
    """Two ways, two discriminators."""
    return small(others, "cyclegan", "edges:digits", unpaired=True, limit=60, width=4, blocks=1, batch=4)


@pytest.fixture(scope="session")
def coded(others: Served) -> Run:
    """It encodes and classifies."""
    return small(others, "infogan", "digits", width=8, z_dim=4)


@pytest.fixture(scope="session")
def physics(others: Served) -> Run:
    return small(others, "gan", "ep", width=8, limit=400)


@pytest.fixture(scope="session")
def told(others: Served, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Points whose distance from the middle is told, as a beam's energy would be."""
    rng = np.random.default_rng(0)
    angle, beam = rng.uniform(0, 2 * np.pi, 400), rng.uniform(10, 50, 400)
    table = tmp_path_factory.mktemp("table") / "rings.csv"
    rows = np.stack([beam * np.cos(angle), beam * np.sin(angle), beam], 1)
    np.savetxt(table, rows, "%.3f", ",", header="across,up,beam", comments="")
    return small(others, "cgan", str(table), labels="beam:number", width=24, z_dim=4)


@pytest.fixture(scope="session")
def captioned(others: Served) -> Run:
    return small(others, "gancls", "scenes", limit=80, width=4, z_dim=4, text_dim=8)


@pytest.fixture(scope="session")
def served(root: Path, digits: Run, classes: Run, ring: Run) -> Iterator[Served]:
    here = Served(root)
    yield here
    here.close()


@pytest.fixture(scope="session")
def visitor_of(browser) -> Callable[[Served], Visitor]:
    return lambda served: Visitor(browser, served.url)


@pytest.fixture
def visitor(browser, served) -> Visitor:
    return Visitor(browser, served.url)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory):
    """Debian's Chromium. `.ci/run` installs it, and says so; elsewhere its tests are left out where it is not."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        if os.environ.get("ZEROSUM_BROWSER"):
            raise AssertionError("ZEROSUM_BROWSER is set, and there is no chromium with its chromedriver")
        pytest.skip("no chromium and chromedriver here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}", "--window-size=1440,1000"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, Service(driver)) as found:
        found.set_page_load_timeout(60)
        yield found
