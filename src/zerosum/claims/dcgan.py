"""What Radford et al. 2015 claim."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data import Data, open
from ..games.dcgan import DCGAN
from ..metrics import frechet_distance, of_data, precision_recall
from . import Claim
from ._rigs import play


def normalised(seed: int, idea: bool) -> dict[str, float]:
    data = open("mnist", limit=10_000)
    engine = play(DCGAN(width=16, norm=idea), data, 800, seed)
    see = of_data(data)
    real, fake = see(data.held_out.take(2000).x).rows, see(engine.sample(2000, seed)).rows
    precision, recall = precision_recall(real, fake)
    return {"distance": frechet_distance(real, fake), "precision": precision, "recall": recall}


def features(seed: int, idea: bool) -> dict[str, float]:
    data = open("fashion-mnist", limit=10_000)
    engine = play(DCGAN(width=32), data, 0, seed)
    before = probe(data, lambda x: pooled(engine.game.D, x))
    if idea:
        engine.game.train()
        engine.play(940)
    after = probe(data, lambda x: pooled(engine.game.D, x))
    pixels = probe(data, lambda x: x.flatten(1))
    return {"difference": 100 * (after - before), "trained, %": 100 * after, "pixels, %": 100 * pixels}


@torch.no_grad()
def pooled(d: nn.Module, x: Tensor) -> Tensor:
    """What every convolution of D says, its largest values on a 4x4 grid, in one row `[n, features]` (Sec. 5.1)."""
    rows, layers = [], d.eval().features
    assert isinstance(layers, nn.Sequential)
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            rows.append(F.adaptive_max_pool2d(x, 4).flatten(1))
    return torch.cat(rows, 1)


def probe(data: Data, see) -> float:
    """Accuracy on 2000 held-out pictures of a linear support vector machine that saw 200 labelled ones."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    few, test = data.take(200, seed=0), data.held_out.take(2000, seed=0)
    machine = make_pipeline(StandardScaler(), LinearSVC(C=1e-3, max_iter=5000)).fit(see(few.x), few.y)
    return float(machine.score(see(test.x), test.y))


CLAIMS = [
    Claim(
        "batch norm",
        "Batch norm is critical: without it deep generators do not begin to learn, or collapse to one point (Sec. 3).",
        "Frechet distance in a classifier's features of 2000 fakes to 2000 held-out MNIST digits, after 800 rounds",
        12.0,
        "lower",
        "no batch norm in G or D",
        normalised,
        data=("mnist",),
    ),
    Claim(
        "features",
        "D learns features that serve to classify (Sec. 5).",
        "accuracy of a linear SVM on D's convolutions after 940 rounds less that on the same D as initialised, points "
        "of per cent; 200 labels of Fashion-MNIST",
        3.0,
        "higher",
        "no rounds are played",
        features,
        data=("fashion-mnist",),
    ),
]
