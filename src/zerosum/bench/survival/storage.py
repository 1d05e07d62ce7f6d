"""Checkpoints on disks that fail, fill up, and forget."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import checkpoints
from ...checkpoints import MANIFEST, STATE, TENSORS

Figures = dict[str, Any]


def content(number: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    dice = torch.Generator().manual_seed(number)
    return {"w": torch.randn(2000, generator=dice), "n": torch.tensor(number)}, {"round": number, "share": 0.1}


def holds(folder: Path, number: int) -> bool:
    """Is the newest whole checkpoint this one, to the bit?"""
    path, _ = checkpoints.newest(folder)
    tensors, values = checkpoints.read(path)
    wanted, state = content(number)
    return int(path.name) == number and values == state and all(tensors[k].equal(wanted[k]) for k in wanted)


class Disk:
    """Records what a save does to the disk, and builds the disk of a crash after any part of it."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, Path, Any]] = []

    @contextlib.contextmanager
    def recorded(self, folder: Path) -> Iterator[None]:
        real = {name: getattr(Path, name) for name in ("rename", "replace", "mkdir", "write_text")}
        sync, save_file, rmtree = checkpoints._sync, checkpoints.save_file, shutil.rmtree

        def noted(kind: str) -> Callable[..., Any]:
            def call(path: Path, *args: Any, **options: Any) -> Any:
                found = kind == "mkdir" and path.exists()
                out = real[kind](path, *args, **options)
                if kind == "write_text":
                    self.note("write", folder, path, path.read_bytes())
                elif not found:
                    self.note("mkdir" if kind == "mkdir" else "move", folder, path, args and args[0])
                return out

            return call

        def save(tensors: dict[str, Tensor], path: Path) -> None:
            save_file(tensors, path)
            self.note("write", folder, path, path.read_bytes())

        def synced(path: Path) -> None:
            sync(path)
            self.note("sync", folder, path, None)

        def remove(path: Path, **options: Any) -> None:
            rmtree(path, **options)
            self.note("remove", folder, path, None)

        for name in real:
            setattr(Path, name, noted(name))
        checkpoints._sync, checkpoints.save_file, checkpoints.shutil.rmtree = synced, save, remove
        try:
            yield
        finally:
            for name, method in real.items():
                setattr(Path, name, method)
            checkpoints._sync, checkpoints.save_file, checkpoints.shutil.rmtree = sync, save_file, rmtree

    def note(self, kind: str, folder: Path, path: Path, value: Any) -> None:
        if path.is_relative_to(folder):
            self.operations.append(
                (kind, path.relative_to(folder), Path(value).relative_to(folder) if kind == "move" else value)
            )

    def crash(self, folder: Path, count: int, drop: bool) -> None:
        """The disk after `count` operations; with `drop`, bytes that were not synced are gone from their files, and
        names whose folder was not synced since are as before."""
        done: list[tuple[str, Path, Any]] = self.operations[:count]
        if drop:
            last = {p: i for i, (kind, p, _) in enumerate(done) if kind == "sync"}
            done = [
                (kind, p, value if kind != "write" or last.get(p, -1) > i else b"")
                for i, (kind, p, value) in enumerate(done)
                if kind != "move" or last.get(value.parent, -1) > i
            ]
        for kind, relative, value in done:
            path = folder / relative
            if kind == "mkdir":
                path.mkdir(parents=True, exist_ok=True)
            elif kind == "write":
                path.write_bytes(value)
            elif kind == "move":
                path.replace(folder / value)
            elif kind == "remove":
                shutil.rmtree(path, ignore_errors=True)


def crash(folder: Path) -> Figures:
    """Three saves with pruning, cut after every operation on the disk, with and without what was not synced."""
    disk = Disk()
    base = folder / "recorded"
    checkpoints.save(base, 1, *content(1))
    with disk.recorded(base):
        for number in (2, 3, 4):
            checkpoints.save(base, number, *content(number))
            checkpoints.point(base, checkpoints.BEST, number)
            checkpoints.prune(base, 1)
    whole, cuts = 0, 0
    for count in range(len(disk.operations) + 1):
        for drop in (False, True):
            out = folder / f"{count}-{drop}"
            checkpoints.save(out, 1, *content(1))
            disk.crash(out, count, drop)
            cuts += 1
            found = int(checkpoints.newest(out)[0].name)
            whole += holds(out, found)
            shutil.rmtree(out)
    return {"cuts": cuts, "newest checkpoint whole": whole, "operations": len(disk.operations)}


def corruption(folder: Path, n: int = 400) -> Figures:
    """Bit flips, zeroed 4 KiB pages and truncations of each file of the newest of two checkpoints."""
    dice = np.random.default_rng(0)
    checkpoints.save(folder, 1, *content(1))
    checkpoints.save(folder, 2, *content(2))
    figures: Figures = {}
    for name in (TENSORS, STATE, MANIFEST):
        path = folder / "000002" / name
        good = path.read_bytes()
        for harm in ("flips", "pages", "truncations"):
            found, passed, tried = 0, 0, 0
            for _ in range(n):
                bad = bytearray(good)
                place = int(dice.integers(0, len(good)))
                if harm == "flips":
                    bad[place] ^= 1 << int(dice.integers(0, 8))
                elif harm == "pages":
                    start = place // 4096 * 4096
                    bad[start : start + 4096] = bytes(len(bad[start : start + 4096]))
                else:
                    bad = bad[:place]
                path.write_bytes(bad)
                tried += 1
                back = int(checkpoints.newest(folder)[0].name) == 1
                found += back
                passed += not holds(folder, 1 if back else 2)
            figures[f"{harm} of {name}: found"] = f"{found}/{tried}"
            figures["wrong bytes loaded"] = figures.get("wrong bytes loaded", 0) + passed
        path.write_bytes(good)
    return figures


def disk(folder: Path) -> Figures:
    """A full disk (a limit on file sizes, and a real one of 1 MB), a read-only one, and EIO at every sync."""
    big = {"w": torch.zeros(200_000)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    figures: Figures = {"intact": 0, "left over": 0, "told": 0, "harms": 0}
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def harmed(work: Callable[[], Any], where: Path) -> None:
        figures["harms"] += 1
        try:
            work()
        except OSError as error:
            figures["told"] += bool(str(error))
        figures["intact"] += holds(where, 1)
        figures["left over"] += len([p for p in where.iterdir() if p.name.startswith(".")])

    try:
        for i, size in enumerate((0, 100, 5000, 50_000, 400_000, 799_999)):
            out = folder / str(i)
            checkpoints.save(out, 1, *content(1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
            harmed(lambda out=out: checkpoints.save(out, 2, big, {}), out)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    for k in range(4):
        out, real, calls = folder / f"eio{k}", os.fsync, [0]
        checkpoints.save(out, 1, *content(1))

        def broken(handle: int, k: int = k, calls: list[int] = calls, real: Any = real) -> None:
            calls[0] += 1
            if calls[0] == k + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(handle)

        os.fsync = broken
        try:
            harmed(lambda out=out: checkpoints.save(out, 2, *content(2)), out)
        finally:
            os.fsync = real
    for kind, options in (("small", "size=1m"), ("readonly", "size=8m")):
        out = folder / kind
        out.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(out)], capture_output=True).returncode:
            figures[f"{kind} file system"] = "not tried: mounting is not allowed here"
            continue
        try:
            checkpoints.save(out / "c", 1, *content(1))
            if kind == "readonly":
                subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
            harmed(lambda out=out: checkpoints.save(out / "c", 2, {"w": torch.zeros(400_000)}, {}), out / "c")
        finally:
            subprocess.run(["umount", str(out)], check=True)
    return figures


def retention(folder: Path, n: int = 1000) -> Figures:
    """Random sequences of saves, of a best one and of pruning, each cut at a random line of it."""
    dice, without, lost = random.Random(4), 0, 0
    checkpoints._sync, sync = (lambda path: None), checkpoints._sync
    try:
        for i in range(n):
            out, best, number = folder / str(i), None, 0
            for _ in range(dice.randint(1, 6)):
                number += 1
                checkpoints.save(out, number, {"w": torch.zeros(1)}, {"round": number})
                if dice.random() < 0.1:
                    break  # dies before it points at the best, and prunes
                if best is None or dice.random() < 0.4:
                    best = number
                    checkpoints.point(out, checkpoints.BEST, number)
                if dice.random() < 0.9:
                    checkpoints.prune(out, dice.randint(1, 3))
            left = checkpoints.numbers(out)
            without += number not in left
            lost += best is not None and best not in left
            shutil.rmtree(out)
    finally:
        checkpoints._sync = sync
    return {"sequences": n, "newest lost": without, "best lost": lost}
