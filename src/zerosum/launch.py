"""Several processes of one command on this machine: they begin together, and end together when one of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import torch
import torch.distributed as dist

from .errors import InputError
from .processes import GRACE, SIGNALS, joined, place

PIPE = "ZEROSUM_PARENT"  # names the end of a pipe that is closed when the parent is gone, however it went
STOPPED = {128 + s for s in SIGNALS}  # exit statuses of who was asked to stop, and did


def together(
    words: list[str], devices: int | None, batch: int, device: str, timeout: float, work: Callable[[], int]
) -> int:
    """Do the work in this process, alone or as one of those that torchrun or SLURM started; or start as many as
    `devices` says, with these words."""
    follow()
    if (devices or 1) > 1 and place(os.environ) is None:
        check(devices or 1, batch, device)
        return launch(words, devices or 1, timeout)
    with joined(timeout):
        return work()


def launch(words: list[str], n: int, patience: float) -> int:
    """`zerosum WORDS` in `n` processes; the exit status of the first that failed, 0 where none did.

    A signal goes on to all of them, once. When one has ended otherwise, the rest has some seconds to say what it knows
    and to leave, and is killed then; after a signal it has `patience` seconds.
    """
    cores = os.cpu_count() or 1
    store = dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)  # pyright: ignore[reportPrivateImportUsage]
    ours, theirs = os.pipe()
    environment = os.environ | {
        "WORLD_SIZE": str(n),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is here
        PIPE: str(ours),
    }
    for name, value in (
        ("OMP_NUM_THREADS", str(max(1, cores // n))),
        ("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else ""),
        ("TORCH_CPP_LOG_LEVEL", "ERROR"),
    ):
        if value:
            environment.setdefault(name, value)
    command = [sys.executable, "-m", "zerosum", *words]
    started = [
        subprocess.Popen(
            command,
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            pass_fds=[ours],
            start_new_session=True,  # Ctrl-C of the terminal comes here only
        )
        for rank in range(n)
    ]
    os.close(ours)

    def forward(number: int, frame: FrameType | None) -> None:
        for process in started:
            process.send_signal(number)

    before = {s: signal.signal(s, forward) for s in SIGNALS}
    try:
        return watch(started, patience)
    finally:
        for process in started:
            process.kill()
            process.wait()
        for s, handler in before.items():
            signal.signal(s, handler)
        os.close(theirs)


def watch(started: list[subprocess.Popen[bytes]], patience: float) -> int:
    """Wait until all have ended, or long enough after one has failed."""
    until, first = float("inf"), 0
    while any(p.poll() is None for p in started) and time.monotonic() < until:
        ended = [p.returncode for p in started if p.returncode is not None]
        failed = [code for code in ended if code]
        if failed and not first:
            first = failed[0]
            until = time.monotonic() + (patience if first in STOPPED else 4 * GRACE)
        time.sleep(0.05)
    for rank, process in enumerate(started):
        code = process.poll()
        if code is None:
            print(f"zerosum: rank {rank} (process {process.pid}) does not end and is killed", file=sys.stderr)
        elif code < 0:
            name = signal.Signals(-code).name
            print(f"zerosum: rank {rank} (process {process.pid}) was ended by {name}", file=sys.stderr)
    codes = [p.returncode for p in started if p.returncode]
    own = [code for code in codes if code > 0]
    return own[0] if own else 128 - codes[0] if codes else 0


def follow() -> None:
    """In a process that `launch` started: when the parent is gone, finish the round, save, and end."""
    pipe = os.environ.pop(PIPE, "")
    if not pipe.isdecimal():
        return

    def wait() -> None:
        os.read(int(pipe), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def check(devices: int, batch: int, device: str) -> None:
    """Raises InputError for a number of processes that cannot be meant."""
    if batch % devices:
        raise InputError(f"batch {batch} does not divide evenly over {devices} devices")
    gpus = torch.cuda.device_count()
    if device.startswith("cuda") and devices > gpus:
        raise InputError(f"--devices {devices}, but there are {gpus} GPUs here; --device cpu shares the cores out")
