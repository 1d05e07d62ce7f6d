"""The Dirac-GAN of Mescheder, Geiger and Nowozin 2018 (arXiv:1801.04406).

Data is one point, 0. G makes one point, theta. D is a line through the origin, D(x) = psi x. With a loss f the players
of a zero-sum game descend

    D:  -f(psi 0) - f(-psi theta) + gamma/2 R,      G:  f(-psi theta)  or, non-saturating,  -f(psi theta)

with f(t) = -log(1 + exp(-t)) for GAN. At the equilibrium (0, 0) the Jacobian of the gradient field tells all: where an
eigenvalue has a real part above 0 it is left, at 0 circled, below 0 reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Slope = Callable[[Tensor], Tensor]  # with respect to the fake's logit u = psi theta


@dataclass(frozen=True)
class Loss:
    """Slopes of what D and G pay for a fake, by its logit. What D pays for data of logit v is what it pays for a fake
    of logit -v; where losses are `paired`, each fake's logit less that of a datum is all that there is."""

    d: Slope
    g: Slope
    paired: bool = False


sigmoid = torch.sigmoid
LOSSES: dict[str, Loss] = {
    "gan": Loss(sigmoid, lambda u: -sigmoid(u)),  # log(1 - D) for G, saturating
    "non-saturating": Loss(sigmoid, lambda u: -sigmoid(-u)),
    "wasserstein": Loss(torch.ones_like, lambda u: -torch.ones_like(u)),
    "least squares": Loss(lambda u: u + 1, lambda u: u - 1),  # targets -1 for fakes, 1 for data and for G
    "hinge": Loss(lambda u: (u > -1).to(u), lambda u: -torch.ones_like(u)),
    "relativistic": Loss(sigmoid, lambda u: -sigmoid(-u), paired=True),
}


@dataclass(frozen=True)
class Regulariser:
    """The slope of what D pays more, by psi; noise on fakes and data; and a bound on psi."""

    penalty: Slope = torch.zeros_like
    noise: float = 0.0
    clip: float | None = None
    smooth: bool = True  # at psi = 0


REGULARISERS: dict[str, Regulariser] = {
    "none": Regulariser(),
    "R1": Regulariser(lambda psi: psi),  # gamma / 2 psi^2, gamma = 1: the gradient of D is psi everywhere
    "WGAN-GP": Regulariser(lambda psi: psi - psi.sign(), smooth=False),  # (|psi| - 1)^2 / 2
    "clipping": Regulariser(clip=1.0),
    "instance noise": Regulariser(noise=0.5),
}
NODES = (-(3**0.5), 0.0, 3**0.5)  # Gauss-Hermite: the mean over a normal distribution
WEIGHTS = (1 / 6, 2 / 3, 1 / 6)


def field(loss: str, regulariser: str, theta: Tensor, psi: Tensor) -> Tensor:
    """(d theta / dt, d psi / dt), where both descend at once."""
    f, r = LOSSES[loss], REGULARISERS[regulariser]
    of_theta, of_psi = torch.zeros_like(theta), r.penalty(psi)
    for node, w in zip(NODES, WEIGHTS, strict=True) if r.noise else [(0.0, 1.0)]:
        e = node * r.noise * (2**0.5 if f.paired else 1)  # of a pair, both have noise
        u = psi * (theta + e)
        of_theta = of_theta + w * f.g(u) * psi
        of_psi = of_psi + w * f.d(u) * (theta + e)
        if not f.paired:
            of_psi = of_psi - w * f.d(-psi * e) * e
    return torch.stack([-of_theta, -of_psi])


def eigenvalues(loss: str, regulariser: str) -> list[complex]:
    """Of the field's Jacobian at the equilibrium (0, 0), by differentiation; none where the field jumps there."""
    if not REGULARISERS[regulariser].smooth:
        return []
    zero = torch.zeros((), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda t, p: field(loss, regulariser, t, p), (zero, zero))
    matrix = torch.stack([v.reshape(2) for v in jacobian], 1)  # type: ignore[arg-type]
    return [complex(v) for v in torch.linalg.eigvals(matrix).tolist()]


def trajectory(
    loss: str, regulariser: str, start: tuple[float, float] = (1.0, 0.5), rate: float = 0.1, steps: int = 400
) -> Tensor:
    """(theta, psi) of `steps` simultaneous steps of gradient descent, `[steps + 1, 2]`."""
    at = torch.tensor(start, dtype=torch.float64)
    clip, path = REGULARISERS[regulariser].clip, [at]
    for _ in range(steps):
        at = at + rate * field(loss, regulariser, at[0], at[1])
        if clip:
            at[1] = at[1].clamp(-clip, clip)
        path.append(at)
    return torch.stack(path)


def verdict(path: Tensor) -> str:
    """Where a trajectory goes."""
    distance = path.norm(dim=1)
    late = float(distance[-50:].max())
    if late < 0.05:
        return "arrives"
    if late > 1.1 * float(distance[0]):
        return "leaves"
    return "circles" if late > 0.5 * float(distance[0]) else "approaches"


def judged(loss: str, regulariser: str) -> tuple[dict[str, Any], Tensor]:
    """Eigenvalues at the equilibrium, and where steps of 0.1 lead; and the way there."""
    found, path = eigenvalues(loss, regulariser), trajectory(loss, regulariser)
    row = {
        "loss": loss,
        "regulariser": regulariser,
        "real part": max(v.real for v in found) + 0.0 if found else None,
        "imaginary part": max(v.imag for v in found) if found else None,
        "steps": verdict(path),
        "end": float(path[-1].norm()),
    }
    return row, path
