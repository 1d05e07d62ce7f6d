"""Two voices that sing melodies, made of tones: recordings through the data door, and the notes one hears in a wave."""

from __future__ import annotations

import math
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..data import Data, open
from ..data.wavs import write_wav
from ..engine import Engine
from ..sound import Ear, heard, played
from ..spec import Pixels
from ..translation import translate
from . import Found

RATE, SIZE = 8000, (32, 32)  # samples a second; mel bands and columns, about half a second
EAR = Ear.at(RATE, SIZE[0])
LENGTH = EAR.hop * (SIZE[1] - 1)
NOTES = 4  # of a melody
TONES = 440 * 2 ** (torch.arange(8) / 4)  # hertz: minor thirds up from a, more than a mel band apart
OVERTONES = {"reed": [1 / k for k in range(1, 18)], "whistle": [1.0]}
HISS = {"reed": 0.001, "whistle": 0.03}


def melodies(n: int, seed: int) -> Tensor:
    """Numbers of tones, `[n, NOTES]`."""
    return torch.randint(len(TONES), (n, NOTES), generator=torch.Generator().manual_seed(seed))


def sung(voice: str, melody: Tensor, seed: int) -> Tensor:
    """A wave `[LENGTH]`: a reed has all overtones, a whistle has none, and hisses."""
    chance = torch.Generator().manual_seed(seed)
    sample = torch.arange(LENGTH)
    tone = TONES[melody[sample * NOTES // LENGTH]]
    phase = 2 * math.pi * (tone.cumsum(0) / RATE + torch.rand((), generator=chance))
    wave = sum(
        (size * (k * phase).sin() * (k * tone < RATE / 2) for k, size in enumerate(OVERTONES[voice], start=1)),
        torch.zeros(LENGTH),
    )
    attack = (sample % (LENGTH // NOTES) / 160).clamp(max=1)
    return 0.3 * attack * wave + HISS[voice] * torch.randn(LENGTH, generator=chance)


@cache
def voices() -> Data:
    """a: 600 melodies of a reed, b: 600 others of a whistle, out of folders of wav files."""
    with tempfile.TemporaryDirectory() as folder:
        for k, voice in enumerate(("reed", "whistle")):
            for i, melody in enumerate(melodies(600, seed=k)):
                write_wav(Path(folder) / voice / f"{i:03d}.wav", sung(voice, melody, 1000 * k + i), RATE)
        return open(f"{folder}/reed,{folder}/whistle", size=SIZE, holdout=0)


def notes(wave: Tensor) -> Tensor:
    """The tone that is loudest in each part of a wave `[LENGTH]`, as its number, `[NOTES]`."""
    part = wave.view(NOTES, -1)
    size = torch.fft.rfft(part * torch.hann_window(part.shape[1]), 8 * RATE).abs()
    return size[:, (8 * TONES).round().long()].argmax(1)


@cache
def new(voice: str) -> tuple[Tensor, Tensor]:
    """100 melodies, the same for all voices, and their spectrograms as games see them, `[100, 1, bands, columns]`."""
    codec = voices().spec.fields["a"].codec
    wanted = melodies(100, seed=2)
    seen = [heard(sung(voice, melody, 3000 + i), EAR) for i, melody in enumerate(wanted)]
    assert isinstance(codec, Pixels)
    return wanted, codec.encode(torch.stack(seen)[:, None])


def understood(x: Tensor) -> Tensor:
    """Spectrograms `[n, 1, bands, columns]`, made audible -> the notes one hears, `[n, NOTES]`."""
    codec = voices().spec.fields["a"].codec
    return torch.stack([notes(played(torch.from_numpy(one), EAR, LENGTH)) for one in codec.decode(x)])


def sung_again(engine: Engine, seed: int) -> Found:
    """Of new melodies of the reed, translated and made audible: the share of which all notes are heard, that of notes,
    and the mean absolute error of spectrograms to the whistle's own, in [-1, 1], beside that of another melody's."""
    wanted, reed = new("reed")
    _, whistle = new("whistle")
    with engine.averaged() as game:
        made = translate(game, reed, "a2b", seed)
    right = understood(made) == wanted
    return {
        "melodies": float(right.all(1).double().mean()),
        "notes": float(right.double().mean()),
        "error": float((made - whistle).abs().mean()),
        "another's": float((whistle.roll(1, 0) - whistle).abs().mean()),
    }
