"""Public files, downloaded once: checksum, progress, resume of a partial download, and never a hang."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from ..errors import InputError

TIMEOUT = 20.0  # seconds without a byte
ATTEMPTS = 3  # each goes on where the one before was cut
CHUNK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A public file. `checksum` is "md5:..." or "sha256:..."; where None is published, the SHA-256 of the first
    download is written beside it, and later readings are held to that."""

    url: str
    checksum: str | None

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]


def cache() -> Path:
    """ZEROSUM_CACHE, or zerosum in XDG_CACHE_HOME, or ~/.cache/zerosum."""
    if os.environ.get("ZEROSUM_CACHE"):
        return Path(os.environ["ZEROSUM_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "zerosum"


def fetch(remotes: Sequence[Remote], folder: Path, data: str) -> list[Path]:
    """The files of set `data` in `folder`, each downloaded if it is not there."""
    targets = [folder / remote.name for remote in remotes]
    hint = (
        f"To use {data} without a network, put {', '.join(r.name for r in remotes)} in {folder}, or in a folder "
        f"{folder.name}/ of a folder that --data-dir or ZEROSUM_DATA names."
    )
    if not all(target.exists() for target in targets):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error}); ZEROSUM_CACHE names another place. {hint}") from error
        with locked(folder / ".lock"):
            for remote, target in zip(remotes, targets, strict=True):
                if not target.exists():
                    download(remote, target, hint)
    for remote, target in zip(remotes, targets, strict=True):
        record = _record(target)
        wanted = f"sha256:{record.read_text().strip()}" if record.exists() else remote.checksum
        if wanted is not None:
            check(target, wanted, "Delete it, and it is downloaded again")
    return targets


def download(remote: Remote, target: Path, hint: str) -> None:
    """`target` from its address; what has arrived is kept as target.part, and the next attempt goes on from there."""
    part = target.with_name(target.name + ".part")
    try:
        for attempt in range(ATTEMPTS):
            try:
                receive(remote, part)
                break
            except (HTTPException, TimeoutError, ConnectionError, EOFError):
                if attempt == ATTEMPTS - 1:
                    raise
    except (OSError, HTTPException, EOFError) as error:
        told = f"{error.code} {error.reason}" if isinstance(error, HTTPError) else getattr(error, "reason", error)
        kept = f" {part.stat().st_size:,} bytes have arrived; try again to go on." if part.exists() else ""
        raise InputError(f"{remote.url} could not be downloaded ({told}).{kept} {hint}") from error
    if remote.checksum is not None:
        try:
            check(part, remote.checksum, "It was deleted: try again")
        except InputError:
            part.unlink()
            raise
    _record(target).write_text(checksum(part, "sha256") + "\n")
    os.replace(part, target)


def check(path: Path, wanted: str, remedy: str) -> None:
    """InputError where the file has not the checksum `wanted`, "md5:..." or "sha256:..."."""
    kind, _, value = wanted.partition(":")
    if (got := checksum(path, kind)) != value:
        raise InputError(f"{path} is damaged or not what it was: its {kind} is {got}, not {value}. {remedy}")


def _record(target: Path) -> Path:
    """Where the SHA-256 of the first download stands."""
    return target.with_name(target.name + ".sha256")


def receive(remote: Remote, part: Path) -> None:
    """Append what is missing to `part`. EOFError where the connection ends early."""
    have = part.stat().st_size if part.exists() else 0
    parts = urlsplit(remote.url)
    request = Request(urlunsplit(parts._replace(path=quote(parts.path, safe="/~%"))), headers={"User-Agent": "zerosum"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and error.headers.get("Content-Range", "").endswith(f"/{have}"):
            return  # all of it was there
        raise
    with answer, part.open("ab") as out, bar(remote.name) as progress:
        if answer.status != 206:  # from the beginning, whatever was asked
            out.truncate(have := 0)
        total = _total(answer, have)
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            out.write(chunk)
            have += len(chunk)
            progress(have, total)
        if total is not None and have < total:
            raise EOFError(f"the connection ended after {have:,} of {total:,} bytes")


def _total(answer: HTTPResponse, have: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return None if length is None else have + int(length)


def checksum(path: Path, kind: str) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, kind).hexdigest()


@contextmanager
def bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function of (bytes so far, bytes in all or None) that moves a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"downloading {name}", file=sys.stderr, flush=True)
    columns = (
        "downloading {task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        yield lambda have, total: progress.update(task, completed=have, total=total)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, so that the ranks of a run do not download the same file at once."""
    with path.open("w") as f:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(f, fcntl.LOCK_EX)
        yield
