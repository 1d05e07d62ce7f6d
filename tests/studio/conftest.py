"""A studio on a port of its own, and a headless Chromium that looks at it."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

import zerosum as zs
from zerosum.runs import Run
from zerosum.studio.app import Studio, build
from zerosum.studio.guard import Guard, own_names

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


def until(true: Callable[[], object], seconds: float = 60.0):
    """Wait for something to be true; what it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


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


@pytest.fixture(scope="session")
def served(root: Path, digits: Run, classes: Run, ring: Run) -> Iterator[Served]:
    here = Served(root)
    yield here
    here.close()


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
