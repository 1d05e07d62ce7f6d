"""What the experiments with pairs of pictures share: data, and how near translations come to their truths."""

from __future__ import annotations

from functools import cache

from ..data import Data, open
from ..engine import Engine
from ..metrics import frechet_distance, of_data, psnr, sharpness
from ..metrics.translations import domain, enlarged
from ..translation import translate
from . import Found


@cache
def pairs(source: str, size: int | None = None) -> Data:
    """Pairs by name, their test set held out; labels, where there are some, teach the network that judges."""
    return open(source, size=size)


def restored(engine: Engine, seed: int, n: int = 1000, look: bool = True) -> Found:
    """`n` held-out pictures a, translated, beside their truths b; the same pictures whatever the seed.

    PSNR (dB) and L1 (of [-1, 1]) are means over pictures; "sharpness" is the squared difference of neighbouring
    pixels over that of the truths. "PSNR of a" is that of the input itself, by bicubic interpolation where it is
    smaller, and "gain" the PSNR beyond it. "Frechet", with `look`, is the distance of features of a network that was
    trained on b.
    """
    data = engine.data
    assert isinstance(data, Data)
    batch = data.held_out.take(n, seed=0)
    with engine.averaged() as game:
        y = translate(game, batch.a, seed=seed)
    found: Found = {
        "PSNR": float(psnr(y, batch.b).mean()),
        "L1": float((y - batch.b).abs().mean()),
        "sharpness": float(sharpness(y).mean() / sharpness(batch.b).mean()),
    }
    if batch.a.shape[1] == batch.b.shape[1]:
        a = batch.a if batch.a.shape == batch.b.shape else enlarged(batch.a, batch.b.shape[2:])
        found["PSNR of a"] = float(psnr(a, batch.b).mean())
        found["gain"] = found["PSNR"] - found["PSNR of a"]
    if look:
        network = of_data(domain(data, "b"))
        found["Frechet"] = frechet_distance(network(y).rows, network(batch.b).rows)
    return found
