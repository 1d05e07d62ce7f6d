"""Sound: filters, spectrograms and the way back; folders of wav files through the door."""

import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from zerosum.data import open
from zerosum.data.wavs import read_wav, write_wav
from zerosum.errors import InputError
from zerosum.sound import LOUD, QUIET, Ear, filters, heard, hertz, mel, played, transform, unbanded

EAR = Ear.at(8000, 32)


def tone(*tones: float, rate: int = 8000, seconds: float = 1.5, loud: float = 0.3) -> torch.Tensor:
    t = torch.arange(round(seconds * rate)) / rate
    return sum((loud * torch.sin(2 * torch.pi * f * t) for f in tones), torch.zeros(len(t)))


def write(path: Path, values: np.ndarray, rate: int = 8000, channels: int = 1) -> None:
    """PCM of the array's own width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as w:
        w.setnchannels(channels)
        w.setsampwidth(values.itemsize)
        w.setframerate(rate)
        w.writeframes(values.tobytes())


def test_mel_is_o_shaughnessys():
    f = torch.tensor([0.0, 700.0, 1000.0, 4000.0], dtype=torch.float64)
    assert mel(f)[2].item() == pytest.approx(999.99, abs=0.01), "1000 mel at 1000 Hz"
    assert mel(f)[1].item() == pytest.approx(2595 * np.log10(2))
    torch.testing.assert_close(hertz(mel(f)), f)


def test_filters_are_triangles_that_add_up_to_one():
    m = filters(EAR)
    tones = torch.arange(EAR.bins) * EAR.rate / EAR.window
    corners = hertz(torch.linspace(0, float(mel(torch.tensor(4000.0, dtype=torch.float64))), 34, dtype=torch.float64))
    between = (tones >= corners[1]) & (tones <= corners[-2])
    torch.testing.assert_close(m.sum(0)[between], torch.ones(int(between.sum())))
    theirs = np.array([np.interp(tones, corners[i : i + 3], [0, 1, 0]) for i in reversed(range(32))])
    torch.testing.assert_close(m, torch.from_numpy(theirs).float(), atol=1e-5, rtol=0)


def test_the_transform_is_scipys():
    x = tone(440.0, 1333.0)
    w = hann(EAR.window, sym=False)
    theirs = ShortTimeFFT(w, EAR.hop, EAR.rate).stft(x.numpy().astype(float))
    ours = transform(x, EAR)
    inside = slice(4, 20)  # columns that see no edge
    first = theirs.shape[1] - ours.shape[1] - (theirs.shape[1] - ours.shape[1]) // 2
    theirs = np.abs(theirs[:, first : first + ours.shape[1]]) / (w.sum() / 2)
    np.testing.assert_allclose(ours.abs().numpy()[:, inside], theirs[:, inside], atol=1e-4)


def test_a_full_sine_is_about_0_db_and_silence_is_quiet():
    x = heard(tone(1000.0, loud=1.0), EAR)[:, 4:-4]
    assert x.max().item() == pytest.approx(0.0, abs=3.0)
    assert heard(torch.zeros(4000), EAR).unique().tolist() == [QUIET]
    assert heard(torch.sign(torch.randn(8000)), EAR).max() < LOUD


def test_bins_fit_their_bands():
    power = filters(EAR) @ transform(tone(300.0, 900.0, 2500.0), EAR).abs().square()
    again = filters(EAR) @ unbanded(power, EAR)
    assert (again - power).norm() < 0.05 * power.norm()


def test_a_wave_comes_back_with_its_tones_and_its_length():
    x = tone(440.0, 1500.0)
    y = played(heard(x, EAR), EAR, len(x))
    assert y.shape == x.shape
    assert torch.equal(y, played(heard(x, EAR), EAR, len(x))), "the same every time"
    louder = (heard(x, EAR) > -40)[:, 2:-2]
    apart = (heard(y, EAR) - heard(x, EAR))[:, 2:-2][louder].abs().mean()
    assert apart < 3, "dB"
    random = tone(440.0, 1500.0) * 0 + 0.1 * torch.randn(len(x))
    assert (heard(random, EAR) - heard(x, EAR))[:, 2:-2][louder].abs().mean() > 10, "the comparison can fail"
    power = torch.fft.rfft(y).abs().square()
    f = torch.arange(len(power)) * EAR.rate / len(y)
    near = ((f - 440).abs() < 70) | ((f - 1500).abs() < 170)  # a band's width
    assert power[near].sum() > 0.9 * power.sum()


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        (np.array([0, 128, 255], np.uint8), [-1.0, 0.0, 127 / 128]),
        (np.array([-32768, 0, 16384], np.int16), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1.0, 0.0, 0.5]),
    ],
)
def test_whole_numbers_are_read_by_their_width(tmp_path: Path, values: np.ndarray, scale: list[float]):
    write(tmp_path / "a.wav", values)
    with (tmp_path / "a.wav").open("rb") as f:
        found = read_wav(f)
    assert found.rate == 8000
    torch.testing.assert_close(found.wave, torch.tensor(scale))


def test_24_bits_and_what_was_written(tmp_path: Path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(3)
        w.setframerate(8000)
        w.writeframes(bytes([0, 0, 0x40, 0, 0, 0x80, 0xFF, 0xFF, 0xFF]))
    with (tmp_path / "a.wav").open("rb") as f:
        torch.testing.assert_close(read_wav(f).wave, torch.tensor([0.5, -1.0, -1 / 2**23]))
    x = tone(440.0)
    with write_wav(tmp_path / "b.wav", x, 8000).open("rb") as f:
        torch.testing.assert_close(read_wav(f).wave, x, atol=1e-4, rtol=0)


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Twelve recordings of three pieces and a half each, in two folders."""
    for i in range(12):
        write_wav(tmp_path / ("low" if i % 2 else "high") / f"{i}.wav", tone(200.0 + 50 * i, seconds=1.79), 8000)
    return tmp_path


def test_a_folder_becomes_pieces(voices: Path):
    data = open(str(voices), size="32x32")
    assert data.spec.x.shape == (1, 32, 32)
    assert data.spec.x.extra["sound"] == {"rate": 8000, "bands": 32, "window": 512, "hop": 128}
    assert data.spec.y.classes == ("high", "low")
    assert len(data) + len(data.held_out) == 12 * 3
    assert len(data.held_out) == 3, "one whole recording"
    assert any("12 recordings" in note and "0.51 s" in note for note in data.notes), data.notes
    x = data.all("x")
    assert -1 <= x.min() < -0.9
    assert 0 < x.max() <= 1
    high = x[data.all("y") == 0][0]
    assert 16 < int(high.mean(2).argmax()) < 32, "low tones are at the bottom"


def test_few_recordings_hold_out_their_end(tmp_path: Path):
    write_wav(tmp_path / "a" / "one.wav", tone(440.0, seconds=6.0), 8000)
    data = open(str(tmp_path / "a"), size="32x32")
    assert (len(data), len(data.held_out)) == (10, 1)
    write_wav(tmp_path / "b" / "short.wav", tone(440.0, seconds=0.1), 8000)
    with pytest.raises(InputError, match="at least 2 pieces"):
        open(str(tmp_path / "b"))


def test_two_voices_are_two_domains_and_a_zip_is_a_folder(voices: Path):
    data = open(f"{voices}/low,{voices}/high", size="32x32")
    assert set(data.spec.fields) == {"a", "b"}
    assert len(data.groups) == 2
    with zipfile.ZipFile(voices / "v.zip", "w") as z:
        for path in (voices / "low").iterdir():
            z.write(path, path.name)
    assert open(str(voices / "v.zip"), size="32x32").spec.x == data.spec.a


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: write(p, np.zeros(2000, np.int16), channels=2), "odd.wav: stereo; mix it down to mono"),
        (lambda p: write(p, np.zeros(2000, np.int16), rate=22050), "22,050 samples a second where .* has 8,000"),
        (lambda p: write(p, np.zeros(0, np.int16)), "odd.wav: no sound in it"),
        (lambda p: p.write_bytes(b"RIFF, but no wav"), "odd.wav: no wav file of PCM"),
        (lambda p: p.with_suffix(".txt").write_text("hello"), "odd.txt: no wav file of PCM"),
    ],
)
def test_what_is_wrong_is_named(voices: Path, spoil, said: str):
    spoil(voices / "low" / "odd.wav")
    with pytest.raises(InputError, match=f"1 of 13 files is no usable wav file .*{said}"):
        open(str(voices))
    data = open(str(voices), bad_files="skip")
    assert any("skipped: 1 of 13" in note for note in data.notes)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("{0}/low,{0}/fast", {}, "low' has 8,000 samples a second, .*fast' has 16,000"),
        ("{0}/low,digits", {}, "low' has 8,000 samples a second, 'digits' has no sound"),
        ("edges:{0}/low", {}, "edges changes pictures; .* has sound"),
        ("{0}/low", {"size": "400x64"}, "400 mel bands are too many for 8,000"),
        ("{0}/low", {"size": "32x32", "crop": 16}, "crop of sound keeps its 32 mel bands: --crop 32x16"),
        ("{0}/low", {"labels": "who"}, "of recordings, folders are the classes"),
        ("{0}/low/1.wav", {}, "put recordings in a folder"),
    ],
)
def test_what_does_not_fit_sound_is_said(voices: Path, source: str, options: dict, said: str):
    for i in range(3):
        write_wav(voices / "fast" / f"{i}.wav", tone(440.0, rate=16000), 16000)
    with pytest.raises(InputError, match=said):
        open(source.format(voices), **options)
