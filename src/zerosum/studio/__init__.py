"""The studio: a web page, served from this machine, to watch runs, play with what they learned, and judge it."""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from .. import runs
from ..errors import InputError

PORT = 8642


def place(where: str) -> tuple[Path, str]:
    """The folder of runs, and the part of the page to begin with, for a run or a folder of runs."""
    path = Path(where)
    if path.is_dir() and not (path / runs.CONFIG).is_file():
        return path, ""
    if not path.exists() and path == Path("runs"):
        return path, ""  # nothing is trained yet: the page will
    run = runs.find(where)
    return run.path.resolve().parent, f"#/watch/{run.name}"


def serve(
    where: str = "runs",
    host: str = "127.0.0.1",
    port: int = PORT,
    token: str | None = None,
    hosts: Iterable[str] = (),
) -> None:
    """Serve the page until Ctrl-C. Raises InputError where what it needs is not installed or the port is taken."""
    try:
        import uvicorn

        from .app import Studio, build
    except ModuleNotFoundError as error:
        raise InputError(f"the studio needs {error.name}: pip install 'zerosum[studio]'") from error
    from .guard import Guard, is_loopback, own_names

    root, begin = place(where)
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    studio = Studio(root)
    guarded = Guard(build(studio), own_names(host) | {name.lower() for name in hosts}, token)
    config = uvicorn.Config(
        guarded,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    listener, server = _listen(host, port), uvicorn.Server(config)
    studio.ending = lambda: server.should_exit
    at = f"[{host}]" if ":" in host else host
    address = f"http://{at}:{listener.getsockname()[1]}/{f'?token={token}' if token else ''}{begin}"
    studio.started = lambda: print(f"zerosum studio: {address}\n(Ctrl-C ends it)", flush=True)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # this is how it is meant to end
    finally:
        working = [job for job in studio.jobs.list() if job.status is None]
        if working:
            print(f"zerosum: {len(working)} processes finish their round and save", file=sys.stderr)
        for job in studio.jobs.close():
            if job.run:
                print(f"zerosum: saved. Go on with: zerosum resume {root / job.run}", file=sys.stderr)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises InputError where the address is taken, or not this machine's."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise InputError(f"cannot listen on {host}, port {port}: {error.strerror}. Give another: --port 0") from error
    return listener
