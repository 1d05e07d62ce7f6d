"""Sound as pictures and back: log-mel spectrograms, and Griffin and Lim's way back to a wave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .errors import InputError

QUIET, LOUD = -80.0, 10.0  # dB of full scale: a band of silence, and of more than any 16-bit wave holds
WINDOW = 0.064  # seconds, about
FIT, TURNS, MOMENTUM = 100, 60, 0.99  # steps from bands to bins, from sizes to a wave, and how boldly


@dataclass(frozen=True)
class Ear:
    """How a wave becomes a picture of `bands` rows, high tones first, as spectrograms are drawn."""

    rate: int  # samples a second
    bands: int
    window: int  # samples
    hop: int  # samples from one column to the next

    @classmethod
    def at(cls, rate: int, bands: int) -> Ear:
        """A window of about 64 ms, moved by a quarter. Raises InputError where bands are finer than it can tell."""
        window = 2 ** round(math.log2(WINDOW * rate))
        ear = cls(rate, bands, window, window // 4)
        if not bool(filters(ear).any(1).all()):
            raise InputError(f"{bands} mel bands are too many for {rate:,} samples a second; give a smaller --size")
        return ear

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Ear:
        """From the `extra["sound"]` of a field."""
        return cls(**facts)

    @property
    def bins(self) -> int:
        return self.window // 2 + 1

    def columns(self, n: int) -> int:
        """Of a wave of n samples."""
        return 1 + n // self.hop

    def seconds(self, columns: int) -> float:
        return columns * self.hop / self.rate


def mel(hertz: Tensor) -> Tensor:
    """O'Shaughnessy 1987."""
    return 2595 * (1 + hertz / 700).log10()


def hertz(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)


@cache
def filters(ear: Ear) -> Tensor:
    """`[bands, bins]`: triangles from half the rate down to 0, evenly spaced in mel, whose neighbours add up to 1."""
    top = mel(torch.tensor(ear.rate / 2, dtype=torch.float64))
    corners = hertz(torch.linspace(0, float(top), ear.bands + 2, dtype=torch.float64))[:, None]
    tones = torch.arange(ear.bins, dtype=torch.float64) * ear.rate / ear.window
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rise, fall = (tones - low) / (centre - low), (high - tones) / (high - centre)
    return torch.minimum(rise, fall).clamp(min=0).flip(0).float()


@cache
def window(ear: Ear) -> Tensor:
    """Hann's, `[window]`, of sum 2: then a sine of amplitude 1 has size 1."""
    w = torch.hann_window(ear.window)
    return 2 * w / w.sum()


def transform(wave: Tensor, ear: Ear) -> Tensor:
    """Short-time Fourier transform of `[n]`: complex `[bins, columns]`; a sine of amplitude 1 has size 1."""
    return torch.stft(
        wave, ear.window, ear.hop, window=window(ear), center=True, pad_mode="constant", return_complex=True
    )


def heard(wave: Tensor, ear: Ear) -> Tensor:
    """A wave `[n]` in [-1, 1] -> its log-mel spectrogram `[bands, columns]`, dB of full scale, QUIET to LOUD."""
    power = filters(ear) @ transform(wave.float(), ear).abs().square()
    return (10 * power.clamp(min=1e-30).log10()).clamp(QUIET, LOUD)


def unbanded(power: Tensor, ear: Ear) -> Tensor:
    """Powers of bands `[bands, columns]` -> of bins `[bins, columns]`, none below 0, that would give them: least
    squares by the multiplicative steps of Lee and Seung 2001."""
    m = filters(ear)
    wanted, bins = m.T @ power, m.T @ power
    for _ in range(FIT):
        bins = bins * wanted / (m.T @ (m @ bins)).clamp(min=1e-20)
    return bins


def played(spectrogram: Tensor, ear: Ear, n: int | None = None, seed: int = 0) -> Tensor:
    """A log-mel spectrogram `[bands, columns]`, dB -> a wave of `n` samples in [-1, 1] that has one like it.

    Griffin and Lim 1984 with the momentum of Perraudin et al. 2013: from random phases, to the phases of the wave that
    comes nearest, and so on.
    """
    power = 10 ** (spectrogram.float() / 10)
    size = unbanded(torch.where(spectrogram > QUIET + 1, power, torch.zeros_like(power)), ear).sqrt()
    turn = torch.rand(size.shape, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
    phase, before = torch.polar(torch.ones_like(turn), turn), torch.zeros(())

    def wave(length: int) -> Tensor:
        return torch.istft(size * phase, ear.window, ear.hop, window=window(ear), center=True, length=length)

    whole = ear.hop * (size.shape[1] - 1)
    for _ in range(TURNS):
        now = transform(wave(whole), ear)
        bold = now + MOMENTUM * (now - before)
        phase, before = bold / bold.abs().clamp(min=1e-12), now
    return wave(whole if n is None else n).clamp(-1, 1)
