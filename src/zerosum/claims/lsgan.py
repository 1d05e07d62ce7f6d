"""What Mao et al. 2016 claim."""

import torch
from torch import nn

from ..data import open
from ..game import Batch, Player
from ..games.lsgan import LSGAN
from ..losses import fake, real
from ..optim import RMSprop
from . import Claim
from ._rigs import modes, play


class LeastSquares(LSGAN):
    """Another optimiser than the game's own: the paper compares stability under several (Sec. 4.3)."""

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, RMSprop(1e-3)), "G": Player(self.G, RMSprop(1e-3))}


class CrossEntropy(LeastSquares):
    """The same networks with the losses of GAN."""

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        return real(self.D(self.sample(batch.n)))


def pull(seed: int, idea: bool) -> float:
    game = LSGAN() if idea else CrossEntropy()
    torch.manual_seed(seed)
    far = 4 + 4 * torch.rand(1000)
    scores = torch.cat([far, -far]).requires_grad_()
    game.add_module("D", nn.Identity())
    game.sample = lambda n: scores
    gradient = torch.autograd.grad(game.generate(Batch(x=scores)), scores)[0]
    return float(gradient.abs().min()) * len(scores)


def stability(seed: int, idea: bool) -> dict[str, float]:
    game = (LeastSquares if idea else CrossEntropy)(width=32, z_dim=2)
    found = modes(play(game, open("ring8"), 4000, seed, batch=128), seed)
    return {"modes": found.covered, "quality": found.quality}


CLAIMS = [
    Claim(
        "pull",
        "A fake far from D's boundary is pulled back, on whichever side it lies; the cross-entropy has no gradient on "
        "one side (Sec. 3.2, Fig. 1).",
        "least |d loss of G / d D(x)| of fakes that D scores 4 to 8 from 0 on either side",
        1.0,
        "higher",
        "cross-entropy: G ascends log D",
        pull,
    ),
    Claim(
        "stability",
        "It learns, with optimisers under which the cross-entropy collapses, mixtures of Gaussians too (Sec. 4.3).",
        "modes of ring8 covered, of 8, after 4000 rounds of RMSprop",
        7.0,
        "higher",
        "cross-entropy",
        stability,
    ),
]
