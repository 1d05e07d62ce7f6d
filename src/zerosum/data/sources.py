"""Where examples are read: in memory, or in a memory-mapped file. Picture files are in `images`."""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

SAMPLE = 1 << 26  # bytes of an array that its stamp hashes at most


class Source(Protocol):
    """Examples by number, as they are kept: pixels `[n, c, h, w]` in the user's range, rows `[n, columns]` of
    standardised numbers and category codes, labels `[n]`."""

    stamp: str  # hash of the content
    held: bool  # in memory, so that reading costs nothing

    def __len__(self) -> int: ...

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor: ...


class Held:
    """A tensor in memory. On an accelerator a copy is kept there, where it takes at most half of the free memory."""

    held = True

    def __init__(self, values: Tensor, stamp: str):
        self.values, self.stamp = values, stamp
        self._copies: dict[torch.device, Tensor] = {}

    def __len__(self) -> int:
        return len(self.values)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_copies": {}}

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        values = self._near(torch.device(device))
        where = torch.from_numpy(index).to(values.device, non_blocking=True)
        if values.dtype == torch.uint16:  # not every device can index unsigned numbers
            return values.view(torch.int16)[where].view(torch.uint16)
        return values[where]

    def _near(self, device: torch.device) -> Tensor:
        """The values on the device, if they fit there; else where they are."""
        if device.type == "cpu":
            return self.values
        if device not in self._copies:
            fits = self.values.nbytes <= free_memory(device) / 2
            self._copies[device] = self.values.to(device) if fits else self.values
        return self._copies[device]


def free_memory(device: torch.device) -> int:
    """Bytes free on an accelerator; where it does not say, 2 GiB are assumed."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 2 << 30


class Mapped:
    """An array in a memory-mapped file. Pixels become `[n, c, h, w]`, numbers are standardised, as they are read."""

    held = False

    def __init__(
        self,
        values: np.ndarray,
        stamp: str,
        layout: str = "rows",
        size: tuple[int, int] | None = None,
        mean: np.ndarray | None = None,
        std: np.ndarray | None = None,
    ):
        self.values, self.stamp, self.layout, self.size, self.mean, self.std = values, stamp, layout, size, mean, std

    def __len__(self) -> int:
        return len(self.values)

    def __getstate__(self) -> dict:
        if not isinstance(self.values, np.memmap):
            return self.__dict__
        where = (self.values.filename, self.values.dtype, self.values.shape, self.values.offset, _order(self.values))
        return {**self.__dict__, "values": where}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if isinstance(self.values, tuple):
            filename, dtype, shape, offset, layout = self.values
            self.values = np.memmap(filename, dtype, "r", offset, shape, layout)

    def take(self, index: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
        unique, back = np.unique(index, return_inverse=True)  # the file is read forwards
        values = np.asarray(self.values[unique])[back]
        if self.mean is not None and self.std is not None:
            return torch.from_numpy(((values.reshape(len(index), -1) - self.mean) / self.std).astype(np.float32))
        return pixels(values, self.layout, self.size)


def _order(values: np.ndarray) -> str:
    return "F" if values.flags.f_contiguous and not values.flags.c_contiguous else "C"


def pixels(values: np.ndarray, layout: str, size: tuple[int, int] | None = None) -> Tensor:
    """Pictures as the user has them ("hw", "hwc", "chw") -> `[n, c, h, w]`, scaled to `size` if given.

    8 and 16 bits stay so; other integers and floats become float32.
    """
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    elif values.dtype not in (np.uint8, np.uint16):
        values = values.astype(np.float32)
    values = {"hw": lambda v: v[:, None], "hwc": lambda v: v.transpose(0, 3, 1, 2), "chw": lambda v: v}[layout](values)
    tensor = torch.from_numpy(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False)))
    return tensor if size is None else resized(tensor, size)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """`[n, c, h, w]` scaled to cover `size` = (h, w), antialiased, and cropped at the centre; the dtype is kept."""
    h, w = size
    if tuple(x.shape[2:]) == (h, w):
        return x
    scale = max(h / x.shape[2], w / x.shape[3])
    cover = (max(h, round(x.shape[2] * scale)), max(w, round(x.shape[3] * scale)))
    top, left = (cover[0] - h) // 2, (cover[1] - w) // 2
    parts = []
    for part in x.split(1024):
        y = torch.nn.functional.interpolate(part.float(), cover, mode="bilinear", antialias=True)
        y = y[:, :, top : top + h, left : left + w]
        parts.append((y if x.is_floating_point() else y.round()).to(x.dtype))
    return torch.cat(parts)


def stamp(values: np.ndarray) -> str:
    """Hash of an array's shape, dtype and content; of evenly spaced examples where it is larger than SAMPLE bytes."""
    digest = hashlib.blake2b(f"{values.shape} {values.dtype.str}".encode(), digest_size=16)
    step = max(1, -(-values.nbytes // SAMPLE))
    digest.update(repr(values[::step].tolist()).encode() if values.dtype == object else values[::step].tobytes())
    return digest.hexdigest()
