"""Many processes as one player: who is who, sums over all of them, and who is missing when one dies or hangs."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .errors import InputError, Lost

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
GRACE = 3.0  # seconds in which those who are alive say so, when one is not

_store: Any = None  # a torch.distributed.Store, where processes leave words for each other
_notes = 0


def here() -> tuple[int, int]:
    """This process's number, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def total(tensor: Tensor) -> Tensor:
    """The sum over all processes, in place. Raises Lost where one of them does not take part."""
    try:
        dist.all_reduce(tensor)
    except RuntimeError as error:
        raise Lost(missing()) from error
    return tensor


def whole(rows: Tensor) -> Tensor:
    """The rows of all processes in the order of the batch, of which process r has rows r, r + world, and so on."""
    world = here()[1]
    if world == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(world)]
    try:
        dist.all_gather(parts, rows.contiguous())
    except RuntimeError as error:
        raise Lost(missing()) from error
    return torch.stack(parts, 1).flatten(0, 1)


def missing() -> str:
    """Who died or hangs: those who do not say within moments that they are alive, or what they left for."""
    (rank, world), store = here(), _store
    dist.destroy_process_group()  # which those notice who wait for this process
    if store is None:
        return "another process died or does not answer"
    try:
        store.set(f"alive/{rank}", "")
        gone, until = list(range(world)), time.monotonic() + GRACE
        while gone and time.monotonic() < until:
            silent = [r for r in gone if not store.check([f"alive/{r}"])]
            gone, until = silent, until if silent == gone else time.monotonic() + GRACE
            time.sleep(0.1)
        names = [f"rank {r} ({store.get(f'who/{r}').decode()})" for r in gone]
        why = [store.get(f"left/{r}").decode() for r in gone if store.check([f"left/{r}"])]
        if rank == 0:
            time.sleep(GRACE)  # it may hold the store, in which the others are looking
    except RuntimeError:
        return "rank 0, at whose address the others meet, died or does not answer"
    if not gone:
        return "the processes lost each other, though all of them are alive: the network"
    return f"{', '.join(names)} {'ended: ' + '; '.join(why) if why else 'died or does not answer'}"


def first_says(text: str) -> str:
    """What the first process says, to all of them."""
    if _store is None or here()[1] == 1:
        return text
    key = _key()
    if here()[0] == 0:
        _store.set(key, text)
    return _store.get(key).decode()


def all_say(text: str) -> list[str]:
    """What every process says, in the order of their ranks."""
    rank, world = here()
    if _store is None or world == 1:
        return [text]
    key = _key()
    _store.set(f"{key}/{rank}", text)
    return [_store.get(f"{key}/{r}").decode() for r in range(world)]


def _key() -> str:
    """The same key in every process, and another each time."""
    global _notes
    _notes += 1
    return f"note/{_notes}"


# Joining and leaving.


def place(environment: Mapping[str, str]) -> tuple[int, int, int] | None:
    """(rank, world, rank on this machine) by torchrun's variables or SLURM's; None for a process that is alone."""
    for names in (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")):
        found = [environment.get(name, "") for name in names]
        if found[0].isdecimal() and found[1].isdecimal() and int(found[1]) > 1:
            return int(found[0]), int(found[1]), int(found[2] or found[0])
    return None


def meeting(environment: Mapping[str, str]) -> tuple[str, int]:
    """Host and port at which processes meet: those given, or the first node of SLURM's step and a port by its job."""
    host, port = environment.get("MASTER_ADDR"), environment.get("MASTER_PORT")
    if host is None and (nodes := re.match(r"([^,[]+)(?:\[(\d+))?", environment.get("SLURM_STEP_NODELIST", ""))):
        host = nodes[1] + (nodes[2] or "")
    if port is None and environment.get("SLURM_JOB_ID", "").isdecimal():
        port = str(20_000 + int(environment["SLURM_JOB_ID"]) % 20_000)
    if host is None or port is None:
        raise InputError("several processes, but MASTER_ADDR and MASTER_PORT do not say where they meet; use torchrun")
    return host, int(port)


@contextmanager
def joined(timeout: float) -> Iterator[None]:
    """Inside, this process is one of those that its environment tells of. `timeout`: seconds that one of them may
    leave the others waiting."""
    global _store, _notes
    found = place(os.environ)
    if found is None or dist.is_initialized():
        yield
        return
    rank, world, local = found
    host, port = meeting(os.environ)
    patience = timedelta(seconds=timeout)
    held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # by who started us: torchrun, or launch.py
    try:
        tcp = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]
            host, port, None, rank == 0 and not held, timeout=patience, wait_for_workers=False
        )
        _store = dist.PrefixStore(  # pyright: ignore[reportPrivateImportUsage]
            f"zerosum/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", tcp
        )
        _store.set(f"who/{rank}", f"process {os.getpid()} on {socket.gethostname()}")
        _notes = 0
        backend = "cpu:gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(local % torch.cuda.device_count())
            backend += ",cuda:nccl"
        dist.init_process_group(backend, store=_store, rank=rank, world_size=world, timeout=patience)
    except (RuntimeError, ValueError) as error:
        raise Lost(f"rank {rank} did not find the {world - 1} others at {host}:{port} within {timeout:g} s") from error
    try:
        yield
        _end(rank, world)
    except BaseException as error:
        text = str(error) or type(error).__name__
        if _store is not None:
            _leave(rank, text)
            if _said(rank, text):
                sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (once is enough)
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        _store = None


def _end(rank: int, world: int) -> None:
    """The first process, which may hold the store, leaves last."""
    if _store is None or world == 1:
        return
    try:
        _store.set(f"done/{rank}", "")
        if rank == 0:
            _store.wait([f"done/{r}" for r in range(world)], timedelta(seconds=10 * GRACE))
    except RuntimeError:
        return  # one died after its work was done


def _leave(rank: int, why: str) -> None:
    """Tell the others why."""
    try:
        _store.set(f"left/{rank}", why)
    except RuntimeError:
        return  # who held the store is gone, and with it who could read it


def _said(rank: int, text: str) -> bool:
    """Does a process before this one say the same?"""
    until = time.monotonic() + GRACE
    try:
        while rank and time.monotonic() < until:
            left = [r for r in range(rank) if _store.check([f"left/{r}"])]
            if any(_store.get(f"left/{r}").decode() == text for r in left):
                return True
            time.sleep(0.05)
    except RuntimeError:
        return False
    return False


def own_device(device: str) -> str:
    """A process's share of the machine: the GPU of its number there."""
    found = place(os.environ)
    if here()[1] == 1 or found is None or not device.startswith("cuda"):
        return device
    return f"cuda:{found[2] % torch.cuda.device_count()}"


# Statistics of the whole batch.


def share_statistics(game: nn.Module) -> None:
    """Batch norms use mean and variance of the batch of all processes, as one process with all of it would.

    torch's SyncBatchNorm does the same on GPUs only, and cannot be differentiated twice.
    """
    for module in game.modules():
        if isinstance(module, _BatchNorm):
            module.forward = partial(_normalise, module)  # pyright: ignore[reportAttributeAccessIssue]


def _normalise(norm: _BatchNorm, x: Tensor) -> Tensor:
    if not norm.training:
        return type(norm).forward(norm, x)
    dims = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    v = x.float()
    n = v.numel() // v.shape[1] * here()[1]
    mean = _Sum.apply(v.sum(dims)) / n
    v = v - mean.view(shape)
    variance = _Sum.apply(v.square().sum(dims)) / n
    if norm.running_mean is not None and norm.running_var is not None:
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        share = norm.momentum if norm.momentum is not None else 1 / norm.num_batches_tracked.item()
        norm.running_mean.lerp_(mean.detach(), share)
        norm.running_var.lerp_(variance.detach() * (n / max(n - 1, 1)), share)
    v = v * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        v = v * norm.weight.view(shape) + norm.bias.view(shape)
    return v.to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over all processes, through which gradients flow to all of them, any number of times."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return total(tensor.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _Sum.apply(gradient)  # pyright: ignore[reportReturnType]
