"""A game in twenty lines: the Cramer GAN's energy distance as D's objective, on double moons.

D maps points to a space in which the energy distance of data and fakes is large, and G makes it small
(Bellemare et al. 2017, arXiv:1705.10743, without its surrogate).
"""

import torch

import zerosum as zs
from zerosum.nets import mlp


class Energy(zs.Game):
    """G descends, and D ascends, 2 E|h(x) - h(y)| - E|h(x) - h(x')| - E|h(y) - h(y')|."""

    needs = {"x": ("vector",)}

    width: int = 64
    lr: float = 5e-4

    def build(self, spec):
        self.prior = zs.Normal(8)
        self.G = mlp(8, self.width, self.width, spec.x.size)
        self.D = mlp(spec.x.size, self.width, 8, last=torch.nn.Tanh())

    def players(self):
        return {"D": zs.Player(self.D, zs.Adam(self.lr)), "G": zs.Player(self.G, zs.Adam(self.lr))}

    def moves(self):
        return [zs.Move("D", self.separate), zs.Move("G", self.distance)]

    def separate(self, batch):
        return -self.distance(batch)

    def distance(self, batch):
        x, y = self.D(batch.x), self.D(self.sample(batch.n))
        return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


if __name__ == "__main__":
    run = zs.train(Energy(), "moons", rounds=300, batch=128)
    for card in run.evaluate(repeats=3):
        print(f"{card.name:22} {card.value:8.4f}   real data {card.floor:8.4f}")
