"""Simulation of electron-proton scattering events by a feature-augmented and transformed generative adversarial network (FAT-GAN). Alanazi et al., 2020. arXiv:2001.11103"""

from dataclasses import replace

from ..game import Game, Move, named_terms
from ..losses import mmd
from .dsgan import DSGAN


class Matched(Game):
    """Put before any game among a class's bases, it adds eta MMD^2(p, G(z)) to what G descends."""

    mmd: float = 10.0  # eta, the weight of MMD^2
    kernels: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0)  # widths of the Gaussians, in spreads of the features
    pairs: int = 1000  # rows at most that are compared, each with each

    def moves(self) -> list[Move]:
        return [replace(m, divisible=m.divisible and m.player != "G") for m in super().moves()]

    def generate(self, batch):
        terms = named_terms(super().generate(batch), "fool")  # pyright: ignore[reportAttributeAccessIssue]
        if not self.mmd:
            return terms
        x = batch.x[: self.pairs]
        return terms | {"mmd": self.mmd * mmd(x, self.sample(len(x)), self.kernels)}


class FATGAN(Matched, DSGAN):
    """L_D = E D(p~) - E D(p) + lam E(|grad D(p^)| - 1)^2,    L_G = -E D(p~) + eta MMD^2(p, p~)

    G writes transformed features, T = ln(E_b - p_z) in the place of p_z, so that no event lies beyond the beam; D sees
    these and, augmented, p_T, E, p_z and cot theta. Features belong to the data: --features, --augment-columns.
    """

    features = "cartesian"
