"""Terms that several games share. A discriminator returns logits, `[n]`, so D(x) below is a probability's logit."""

import torch.nn.functional as F
from torch import Tensor


def real(logits: Tensor) -> Tensor:
    """E[-log D], for a D that ends in a sigmoid: what D pays on data, and what the non-saturating G pays."""
    return F.softplus(-logits).mean()


def fake(logits: Tensor) -> Tensor:
    """E[-log(1 - D)]."""
    return F.softplus(logits).mean()
