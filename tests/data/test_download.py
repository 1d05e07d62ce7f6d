import bz2
import gzip
import hashlib
import io
import re
import struct
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import zerosum.data as d
from zerosum.data import download, named
from zerosum.data.download import Remote, fetch
from zerosum.errors import InputError

BODY = bytes(range(256)) * 2000
MD5 = f"md5:{hashlib.md5(BODY).hexdigest()}"


class Server(ThreadingHTTPServer):
    """Serves `files`; cuts its first `cuts` answers in the middle; `asked` are the paths and ranges asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/some%20file.bin": BODY}
        self.cuts, self.ranges, self.silent, self.asked = 0, True, False, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.server.silent:
            threading.Event().wait(3)
            return
        body = self.server.files.get(self.path)
        if body is None:
            return self.send_error(404, "Not Found")
        start = int(re.findall(r"bytes=(\d+)-", wanted)[0]) if wanted and self.server.ranges else 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return None
        self.send_response(206 if wanted and self.server.ranges else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = len(body)
        if self.server.cuts:
            self.server.cuts -= 1
            stop = start + (len(body) - start) // 2
        self.wfile.write(body[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def get(server: Server, folder, checksum: str | None = MD5, path: str = "/some file.bin"):
    return fetch((Remote(server.url + path, checksum),), folder / "set", "theset")[0]


def test_a_file_is_downloaded_once(server, tmp_path):
    path = get(server, tmp_path)
    assert path.read_bytes() == BODY
    assert path.name == "some file.bin"
    assert get(server, tmp_path) == path
    assert len(server.asked) == 1
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "some file.bin", "some file.bin.sha256"]


def test_a_cut_connection_is_resumed_at_once(server, tmp_path):
    server.cuts = 2
    assert get(server, tmp_path).read_bytes() == BODY
    assert [r for _, r in server.asked] == [None, "bytes=256000-", "bytes=384000-"]


def test_a_download_cut_too_often_goes_on_next_time(server, tmp_path):
    server.cuts = 3
    with pytest.raises(InputError, match=r"ended after .* of 512,000 bytes.*448,000 bytes have arrived; try again"):
        get(server, tmp_path)
    assert get(server, tmp_path).read_bytes() == BODY
    assert server.asked[-1][1] == "bytes=448000-"


def test_a_server_without_ranges_begins_again(server, tmp_path):
    server.cuts, server.ranges = 1, False
    assert get(server, tmp_path).read_bytes() == BODY


def test_a_part_that_was_complete(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "some file.bin.part").write_bytes(BODY)
    assert get(server, tmp_path).read_bytes() == BODY


def test_a_wrong_checksum_is_refused_and_nothing_kept(server, tmp_path):
    server.files["/some%20file.bin"] = BODY[:-1] + b"x"
    with pytest.raises(InputError, match=r"damaged or not what it was: its md5 is .*deleted: try again"):
        get(server, tmp_path)
    assert [p.name for p in (tmp_path / "set").iterdir()] == [".lock"]


def test_where_no_checksum_is_published_the_first_download_counts(server, tmp_path):
    path = get(server, tmp_path, None)
    assert path.with_name(path.name + ".sha256").read_text().strip() == hashlib.sha256(BODY).hexdigest()
    path.write_bytes(BODY[:-1])
    with pytest.raises(InputError, match=r"damaged or not what it was.*Delete it, and it is downloaded again"):
        get(server, tmp_path, None)
    path.unlink()
    server.files["/some%20file.bin"] = BODY[:-1]  # the public file has changed
    assert get(server, tmp_path, None).read_bytes() == BODY[:-1]


def test_a_file_put_there_by_hand_is_checked(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "some file.bin").write_bytes(BODY)
    assert get(server, tmp_path).read_bytes() == BODY
    assert not server.asked


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"cannot be made .*ZEROSUM_CACHE names another place"):
        get(server, tmp_path)


def test_not_found(server, tmp_path):
    with pytest.raises(InputError, match=r"gone.bin could not be downloaded \(404 Not Found\)\. To use theset without"):
        get(server, tmp_path, path="/gone.bin")
    assert len(server.asked) == 1


def test_a_silent_server_does_not_hang(server, tmp_path):
    server.silent = True
    with pytest.raises(InputError, match="timed out"):
        get(server, tmp_path)


def test_no_network(tmp_path, monkeypatch):
    """Says which files to put where. Port 9 of this machine refuses connections."""
    for name in ("ZEROSUM_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    entry = named.NAMED["mnist"]
    offline = tuple(Remote(f"http://127.0.0.1:9/{r.name}", r.checksum) for r in entry.files)
    monkeypatch.setitem(named.NAMED, "mnist", replace(entry, files=offline))
    with pytest.raises(InputError) as caught:
        d.open("mnist")
    told = str(caught.value)
    assert all(name in told for name in named.IDX)
    assert str(tmp_path / "mnist") in told
    assert "ZEROSUM_DATA" in told


def test_the_cache_is_where_it_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path / "a"))
    assert download.cache() == tmp_path / "a"
    monkeypatch.delenv("ZEROSUM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert download.cache() == tmp_path / "b" / "zerosum"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    assert download.cache() == tmp_path / "c" / ".cache" / "zerosum"


def idx(values: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "usps", "cifar10", "quickdraw"])
def test_every_set_is_downloaded_and_read(server, tmp_path, monkeypatch, name):
    """From stand-ins of the true formats, since tests have no network."""
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    monkeypatch.delenv("ZEROSUM_DATA", raising=False)
    rng = np.random.default_rng(0)
    if name == "quickdraw":
        buffer = io.BytesIO()
        np.save(buffer, rng.integers(0, 256, (30, 784), np.uint8))
        server.files["/The%20Eiffel%20Tower.npy"] = buffer.getvalue()
        monkeypatch.setattr(named, "QUICKDRAW", server.url)
        data = d.open("quickdraw:The Eiffel Tower")
        assert data.spec.x.shape == (1, 28, 28)
        assert data.name == "quickdraw-The-Eiffel-Tower"
        return
    entry = named.NAMED[name]
    local = tuple(Remote(f"{server.url}/{r.name}", None) for r in entry.files)
    monkeypatch.setitem(named.NAMED, name, replace(entry, files=local))
    if name == "usps":
        pixels = " ".join(f"{k + 1}:{v:.4f}" for k, v in enumerate(rng.uniform(-1, 1, 256)))
        bodies = [bz2.compress("\n".join(f"{1 + i % 10} {pixels}" for i in range(n)).encode()) for n in (20, 10)]
    elif name == "cifar10":
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for part in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
                records = rng.integers(0, 10, (10, 3073), np.uint8)
                records[:, 1:1025] = 200  # the red plane
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{part}.bin")
                member.size = records.nbytes
                archive.addfile(member, io.BytesIO(records.tobytes()))
        bodies = [buffer.getvalue()]
    else:
        pictures = [rng.integers(0, 256, (n, 28, 28), np.uint8) for n in (20, 10)]
        bodies = [idx(v) for x in pictures for v in (x, np.arange(len(x), dtype=np.uint8) % 10)]
    server.files |= {f"/{r.name}": body for r, body in zip(local, bodies, strict=True)}
    data = d.open(name)
    shape = {"usps": (1, 16, 16), "cifar10": (3, 32, 32)}.get(name, (1, 28, 28))
    assert data.spec.x.shape == shape
    assert len(data.spec.y.classes) == 10
    assert (len(data), len(data.held_out)) == ((50, 10) if name == "cifar10" else (20, 10))
    if name == "cifar10":
        assert (data.spec.x.decode(data.all())[..., 0] == 200).all()
    again = d.open(name)
    assert again.fingerprint == data.fingerprint
    assert len(server.asked) == len(local)


def test_sets_are_found_where_people_keep_them(tmp_path, monkeypatch):
    monkeypatch.delenv("ZEROSUM_DATA", raising=False)
    rng = np.random.default_rng(0)
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file, n in zip(named.IDX, (20, 20, 10, 10), strict=True):
        values = rng.integers(0, 256, (n, 28, 28), np.uint8) if "images" in file else np.arange(n, dtype=np.uint8) % 10
        (raw / file).write_bytes(gzip.decompress(idx(values)))
    for where, options in ((tmp_path, {}), (raw, {})):
        data = d.open("fashion_mnist", data_dir=where, **options)
        assert (len(data), len(data.held_out)) == (20, 10)
        assert data.spec.y.classes[-1] == "trouser"
    assert d.open(raw).spec.x == data.spec.x
    (raw / named.IDX[1]).write_bytes(b"\0\0\x08\x01")
    with pytest.raises(InputError, match="is damaged"):
        d.open("fashion-mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "n", "held"),
    [("mnist", 60_000, 10_000), ("fashion-mnist", 60_000, 10_000), ("quickdraw:flamingo", 382, 42)],
)
def test_the_real_sets(real_data, name, n, held):
    data = d.open(name)
    assert (len(data), len(data.held_out)) == (n, held)
    assert data.spec.x.shape == (1, 28, 28)
    assert data.batch(0, 64).x.min() == -1
    assert 0.3 < data.batch(0, 64).x.std() < 1


def test_quickdraw_subset(real_data):
    assert len(d.open("quickdraw:bird", holdout=0)) > 300
