"""What Arjovsky et al. 2017 claim."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..game import Move
from ..games.wgan import WGAN
from ..losses import fake, real
from . import Claim
from ._rigs import drawn, play


class Critic(WGAN):
    """The critic alone, against fakes that stay: `still(n)`."""

    still: Callable[[int], Tensor] = torch.randn

    def sample(self, n: int) -> Tensor:
        return self.still(n)

    def moves(self) -> list[Move]:
        return super().moves()[:1]

    def distance(self, x: Tensor, y: Tensor) -> float:
        """What the critic believes W1 to be, up to its slope."""
        return float((self.D(x).mean() - self.D(y).mean()).detach())

    def fooled(self, y: Tensor) -> Tensor:
        """The sum of what G descends."""
        return -self.D(y).sum()


class Classifier(Critic):
    """The same network as a GAN's D: cross-entropy, no clipping."""

    def clip(self) -> None:
        pass

    def criticize(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def distance(self, x: Tensor, y: Tensor) -> float:
        """What D believes the Jensen-Shannon divergence to be."""
        return math.log(2) - float((real(self.D(x)) + fake(self.D(y))).detach()) / 2

    def fooled(self, y: Tensor) -> Tensor:
        """The sum of log(1 - D(y))."""
        return -fake(self.D(y)) * len(y)


def alone(idea: bool, still: Callable[[int], Tensor], c: float) -> Critic:
    return (Critic if idea else Classifier)(still=still, width=16, warm_up=0, n_critic=1, c=c, lr=1e-3)


def slope(seed: int, idea: bool) -> float:
    def at(centre: float) -> Callable[[int], Tensor]:
        return lambda n: centre + 0.5 * torch.randn(n, 1)

    game = alone(idea, at(4.0), c=0.05)
    play(game, drawn(at(-4.0), 1), 3000, seed)
    y = game.sample(1000).requires_grad_()
    return float(torch.autograd.grad(game.fooled(y), y)[0].abs().mean())


def distance(seed: int, idea: bool) -> dict[str, float]:
    def line(theta: float) -> Callable[[int], Tensor]:
        return lambda n: torch.stack([torch.full((n,), theta), torch.rand(n)], 1)

    thetas, found = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0], []
    for theta in thetas:
        game = alone(idea, line(theta), c=0.1)
        play(game, drawn(line(0.0), 2), 1000, seed)
        found.append(game.distance(line(0.0)(1000), line(theta)(1000)))
    r = float(torch.corrcoef(torch.tensor([thetas, found]))[0, 1])
    return {"r": r} | {f"theta {theta:g}": value for theta, value in zip(thetas, found, strict=True)}


CLAIMS = [
    Claim(
        "slope",
        "A critic trained to its optimum still has a gradient at fakes far from the data, where a GAN's D has none "
        "(Sec. 3, Fig. 2).",
        "mean |d loss of G / dx| at fakes of N(4, 0.5^2) against data of N(-4, 0.5^2), c = 0.05",
        0.02,
        "higher",
        "D by cross-entropy without clipping, G's loss log(1 - D)",
        slope,
    ),
    Claim(
        "distance",
        "The critic's value follows the distance of two parallel lines, where the Jensen-Shannon divergence jumps to "
        "log 2 (Sec. 2, Example 1).",
        "Pearson's r of value and distance over 0, 0.25, 0.5, 1, 1.5, 2, with c = 0.1",
        0.95,
        "higher",
        "D by cross-entropy without clipping, its value the divergence",
        distance,
    ),
]
