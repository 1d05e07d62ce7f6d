"""Folders and zips of wav files: recordings as log-mel spectrograms, cut into pieces of one length."""

from __future__ import annotations

import struct
import wave
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..sound import LOUD, QUIET, Ear, heard
from ..spec import Classes, Field, Pixels
from . import order
from .arrays import Array, Group
from .fields import Options, coded
from .images import each, sieve
from .places import Archive, Domain, Folder, domains, stamp
from .sources import Held

SUFFIX = ".wav"
PIECE = (64, 64)  # mel bands, columns
FEW = 10  # recordings, below which pieces are held out and not whole recordings


@dataclass(frozen=True)
class Recording:
    """A wave `[n]` in [-1, 1] at `rate` samples a second."""

    wave: Tensor
    rate: int


def read_wav(f: IO[bytes]) -> Recording:
    """A mono PCM file of 8, 16, 24 or 32 bits. Raises ValueError for another one."""
    try:
        with wave.open(f) as w:
            channels, width, rate = w.getnchannels(), w.getsampwidth(), w.getframerate()
            data = w.readframes(w.getnframes())
    except (wave.Error, EOFError, struct.error) as error:
        raise ValueError(f"no wav file of PCM ({error or 'it ends early'})") from error
    if channels != 1:
        raise ValueError(f"{'stereo' if channels == 2 else f'{channels} channels'}; mix it down to mono")
    if width not in (1, 2, 3, 4):
        raise ValueError(f"{8 * width} bits a sample; 8, 16, 24 or 32 are read")
    if len(data) < width or rate < 1:
        raise ValueError("no sound in it")
    return Recording(samples(data[: len(data) // width * width], width), rate)


def samples(data: bytes, width: int) -> Tensor:
    """Bytes of PCM, little endian, 8 bits from 0 and others around 0 -> `[n]` in [-1, 1]."""
    if width == 1:
        values = np.frombuffer(data, np.uint8).astype(np.float32) - 128
    elif width == 3:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3)
        padded = np.concatenate([np.zeros_like(parts[:, :1]), parts], 1)  # the lowest byte first
        values = (padded.reshape(-1).view("<i4") // 256).astype(np.float32)
    else:
        values = np.frombuffer(data, f"<i{width}").astype(np.float32)
    return torch.from_numpy(values / np.float32(2.0 ** (8 * width - 1)))


def write_wav(path: Path, wave_: Tensor, rate: int) -> Path:
    """A wave `[n]` in [-1, 1] as a mono file of 16 bits."""
    values = (wave_.detach().cpu().clamp(-1, 1) * 32767).round().to(torch.int16).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(values.astype("<i2").tobytes())
    return path


def of_sounds(place: Folder | Archive) -> bool:
    """Are the files wav files, at least one of them, and most?"""
    wavs = sum(name.lower().endswith(SUFFIX) for name in place.names)
    return wavs > len(place.names) / 2


def find_sounds(place: Folder | Archive, where: str, options: Options) -> tuple[list[Group], list[Group], list[str]]:
    """Groups to train on and to hold out, and notes, of a folder or archive of wav files.

    Folders mean what they mean of pictures: classes, train and test, trainA and trainB.
    """
    if options.labels is not None:
        raise InputError(f"labels {options.labels!r}: of recordings, folders are the classes; {where!r} has no table")
    notes: list[str] = []
    refused = [ValueError(place.refused[name]) if name in place.refused else None for name in place.names]
    names, _ = sieve(where, place.names, refused, options, notes, "wav file")
    read = list(each(place, names, read_wav, "reading recordings"))
    rates = Counter(r.rate for r in read if isinstance(r, Recording))
    rate = rates.most_common(1)[0][0] if rates else 0
    first = next((name for name, r in zip(names, read, strict=True) if isinstance(r, Recording) and r.rate == rate), "")
    checked = [of_rate(r, rate, first) for r in read]
    names, recordings = sieve(where, names, checked, options, notes, "wav file")
    if not names:
        raise InputError(f"data {where!r} has no recordings")
    by_name = dict(zip(names, recordings, strict=True))
    train, held = [], []
    for number, domain in enumerate(domains(names)):
        group, rest = pieces(place, domain, by_name, where, options, notes)
        train.append(Group(group, number, rest[0]))
        held += [Group(group, number, rest[1])] if len(rest[1]) else []
    return train, held, notes


def of_rate(found: Recording | Exception, rate: int, first: str) -> Recording | Exception:
    """The recording, or what is wrong with its rate."""
    if isinstance(found, Exception) or found.rate == rate:
        return found
    return ValueError(f"{found.rate:,} samples a second where {first} has {rate:,}; convert it")


def pieces(
    place: Folder | Archive,
    domain: Domain,
    recordings: dict[str, Recording],
    where: str,
    options: Options,
    notes: list[str],
) -> tuple[dict[str, Array], tuple[np.ndarray, np.ndarray]]:
    """The array of a domain, its labels if there are classes, and which pieces to train on and to hold out."""
    bands, columns = options.size or PIECE
    names = [*domain.train, *domain.test]
    rate = recordings[names[0]].rate
    ear = Ear.at(rate, bands)
    total = sum(len(recordings[name].wave) for name in names)
    size = 4 * bands * total // ear.hop
    if not options.fits(size):
        raise InputError(
            f"data {where!r}: {total / rate / 3600:,.1f} hours of sound take {size / 2**30:,.1f} GiB; allow it with "
            f"--memory, or use fewer files"
        )
    cut = [in_pieces(heard(recordings[name].wave, ear), columns, ear) for name in names]
    source = Held(torch.cat(cut)[:, None], stamp(place, names))
    field = Field((1, bands, columns), "image", Pixels(QUIET, LOUD, "float32", "hw"), {"sound": asdict(ear)})
    arrays = {domain.array: Array(field, source)}
    owner = np.repeat(np.arange(len(names)), [len(c) for c in cut])  # whose each piece is
    if domain.classes:
        classes = Classes(tuple(sorted(set(domain.classes.values()))))
        labels = coded(np.array([domain.classes[names[i]] for i in owner]), classes)
        arrays["y"] = Array(Field((), "label", classes), Held(torch.from_numpy(labels), source.stamp))
    notes.append(
        f"{len(names):,} recordings, {total / rate / 60:,.1f} minutes at {rate:,} samples a second: {len(owner):,} "
        f"pieces of {bands} mel bands x {columns} columns, {ear.seconds(columns):.2f} s"
    )
    return arrays, parts(owner, len(domain.train), len(names), options)


def in_pieces(spectrogram: Tensor, columns: int, ear: Ear) -> Tensor:
    """`[bands, any]` -> `[n, bands, columns]`, one after the other. A short one is filled up with silence; what is left
    at the end of a long one is dropped."""
    short = columns - spectrogram.shape[1]
    if short > 0:
        spectrogram = torch.nn.functional.pad(spectrogram, (0, short), value=QUIET)
    n = spectrogram.shape[1] // columns
    return spectrogram[:, : n * columns].view(len(spectrogram), n, columns).transpose(0, 1).contiguous()


def parts(owner: np.ndarray, n_train: int, n: int, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Pieces to train on and to hold out: of whole recordings, or, where those are few, the last of all."""
    if n > n_train:  # a test set lies apart
        train, held = np.flatnonzero(owner < n_train), np.flatnonzero(owner >= n_train)
    elif n_train >= FEW:
        kept, out = Options(holdout=options.holdout).split(n_train)
        train, held = np.flatnonzero(np.isin(owner, kept)), np.flatnonzero(np.isin(owner, out))
    else:
        if len(owner) < 2:
            raise InputError(f"at least 2 pieces of sound are needed; there is {len(owner)}")
        n_held = max(1, round(options.holdout * len(owner))) if options.holdout else 0
        train, held = np.split(np.arange(len(owner)), [len(owner) - n_held])
    if options.limit is not None and options.limit < len(train):
        train = train[np.sort(order.chosen(options.limit, len(train), order.LIMIT))]
    return train, held
