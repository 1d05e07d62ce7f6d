"""Terms that several games share. A discriminator returns logits, `[n]`, so D(x) below is a probability's logit."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def real(logits: Tensor) -> Tensor:
    """E[-log D], for a D that ends in a sigmoid: what D pays on data, and what the non-saturating G pays."""
    return F.softplus(-logits).mean()


def fake(logits: Tensor) -> Tensor:
    """E[-log(1 - D)]."""
    return F.softplus(logits).mean()


def mmd(x: Tensor, y: Tensor, widths: Sequence[float]) -> Tensor:
    """Squared maximum mean discrepancy of rows `[n, d]` and `[m, d]`, over all pairs but a row with itself; the kernel
    is the sum over widths s of exp(-|x - y|^2 / 2 s^2) (Gretton et al. 2012, Eq. 3)."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)
        return torch.stack([(squared * (-0.5 / s**2)).exp().sum() for s in widths]).sum()

    def within(a: Tensor) -> Tensor:
        return (kernel(a, a) - len(a) * len(widths)) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * kernel(x, y) / (len(x) * len(y))


def misread(read: Tensor, y: Tensor) -> Tensor:
    """How far a condition that was read, `[n, e]`, is from what it is: cross-entropy of classes, mean square of
    numbers."""
    return F.mse_loss(read, y) if y.is_floating_point() else F.cross_entropy(read, y)
