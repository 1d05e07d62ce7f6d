"""Who may talk to the studio, and what never leaves it."""

import http.client
import os
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from zerosum.errors import InputError
from zerosum.studio import place, serve
from zerosum.studio.app import Studio, build
from zerosum.studio.guard import LARGEST_BODY, Guard, is_loopback, own_names
from zerosum.studio.shelf import Missing, Shelf, trainer

LOCAL = "http://127.0.0.1"
SECRET = "nobody may read this"


@pytest.fixture(scope="module")
def client(root, digits):
    (root.parent / "secret.png").write_text(SECRET)
    (root / "00099-link").symlink_to(root.parent)
    (root.parent / "config.yaml").write_text(SECRET)
    with TestClient(Guard(build(Studio(root)), own_names("127.0.0.1"), None), base_url=LOCAL) as found:
        yield found
    (root / "00099-link").unlink()


@pytest.fixture
def locked(root, digits):
    return TestClient(Guard(build(Studio(root)), own_names("0.0.0.0"), "s3cret"), base_url="http://192.168.1.7:8642")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "[::1"])
def test_other_hosts_are_turned_away(client, host):
    """DNS rebinding: a name of somebody else's that points here."""
    assert client.get("/api/runs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:80", "LOCALHOST:1"])
def test_own_hosts_are_let_in(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


def test_other_pages_change_nothing(client):
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert client.post("/api/jobs", json={"game": "gan", "source": "ring8"}, headers=headers).status_code == 403
    assert client.get("/api/jobs").json() == []
    own = client.post("/api/jobs/7/stop", headers={"origin": LOCAL})
    assert own.status_code == 404


def test_nothing_can_be_loaded_from_elsewhere(client):
    for path in ("/", "/app.js", "/api/runs", "/api/none"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    web = Path(__file__).parents[2] / "src" / "zerosum" / "studio" / "web"
    for file in [p for p in web.rglob("*") if p.is_file()]:
        text = file.read_text()
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "").replace("://arxiv.org", ""), file
        assert "innerHTML" not in text, file


def test_from_other_machines_a_token_is_needed(locked):
    assert locked.get("/api/runs").status_code == 401
    assert locked.get("/").status_code == 401
    assert locked.get("/?token=wrong").status_code == 401
    assert locked.get("/api/runs", headers={"authorization": "Bearer s3cret"}).status_code == 200
    assert locked.get("/api/runs", headers={"cookie": 'zerosum="wrong'}).status_code == 401
    welcome = locked.get("/?token=s3cret&a=1", follow_redirects=False)
    assert welcome.status_code == 303
    assert welcome.headers["location"] == "/?a=1"
    assert "HttpOnly" in welcome.headers["set-cookie"]
    assert locked.get("/api/runs").status_code == 200  # by the cookie
    assert locked.get("/api/runs", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)],
)
def test_which_addresses_reach_this_machine_only(host, local):
    assert is_loopback(host) == local


TRICKS = [
    "..", "../secret.png", "..%2fsecret.png", "%2e%2e", "%252e%252e%252f", "..\\secret", "00099-link", "00000-a/../..",
    "00000-%00", "00000-a%0a", "/etc/passwd", "~root", "00000-" + "a" * 5000, "00000-ü", ".studio",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_names_never_leave_the_folder(client, served, digits, trick):
    """By a client that sends paths as they are."""
    shelf = Shelf(digits.path.parent)
    with pytest.raises(Missing):
        shelf.run(trick)
    paths = [f"/api/runs/{trick}", f"/api/runs/{trick}/pictures/reals", f"/api/runs/{trick}/model", f"/{trick}"]
    paths += [f"/api/runs/{digits.name}/pictures/{trick}", f"/api/runs/{digits.name}/moments/{trick}"]
    for path in paths:
        connection = http.client.HTTPConnection(served.url.removeprefix("http://"))
        connection.putrequest("GET", path.encode("ascii", "replace").decode())
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status in (400, 404, 405, 422), path
        assert SECRET not in answer.read().decode()
        connection.close()


def test_bodies_have_a_largest_size(client, digits):
    path = f"/api/runs/{digits.name}/invert"
    assert client.post(path, content=b" " * (LARGEST_BODY + 1)).status_code == 413

    def endless():
        for _ in range(40):
            yield b" " * 2**19

    began = time.monotonic()
    answer = client.post(path, content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert time.monotonic() - began < 10


def test_a_lock_of_a_dead_process_is_nobodys(digits, tmp_path):
    lock = digits.path / ".lock"
    before = lock.read_text()
    try:
        lock.write_text("process 99999999999999999999 on nowhere\n")
        assert trainer(digits) is None
        lock.write_text("rubbish")
        assert trainer(digits) is None
    finally:
        lock.write_text(before)
    assert trainer(digits) in (None, os.getpid())


def test_where_to_begin(digits, root, tmp_path, monkeypatch):
    assert place(str(root)) == (root, "")
    assert place(str(digits.path)) == (root, f"#/watch/{digits.name}")
    monkeypatch.chdir(tmp_path)
    assert place("runs") == (Path("runs"), "")
    with pytest.raises(InputError, match="no run"):
        place("nowhere")


def test_a_port_that_is_taken_is_said(served, root):
    port = int(served.url.rpartition(":")[2])
    with pytest.raises(InputError, match=f"port {port}"):
        serve(str(root), port=port)
