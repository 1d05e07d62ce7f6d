import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

REAL = Path(os.environ.get("ZEROSUM_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.fixture(autouse=True)
def fixed_noise() -> None:
    torch.manual_seed(0)


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of real data sets, which named sets then read."""
    if not REAL.is_dir():
        pytest.skip(f"real data are not at {REAL}; set ZEROSUM_DATA")
    monkeypatch.setenv("ZEROSUM_DATA", str(REAL))
    return REAL


def save_picture(path: Path, seed: int, h: int = 6, w: int = 8, mode: str = "RGB", **options) -> np.ndarray:
    """A random picture in a file; its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (h, w) if mode == "L" else (h, w, len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels, mode=mode).save(path, **options)
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """12 RGB pictures of 6x8, in two classes."""
    for i in range(12):
        save_picture(tmp_path / "pets" / ("cat" if i % 3 else "dog") / f"{i:02}.png", i)
    return tmp_path / "pets"
