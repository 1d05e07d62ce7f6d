"""Ways of a condition into a network, whatever kind it is of: a class, numbers and attributes, or text.

`embed` makes rows of it. They stand beside a latent or other rows (concatenation), set gain and bias of G's batch norms
(conditional batch norm), or are held against D's features (projection). The two last are a choice of each player.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..spec import Field, Words
from .embedding import Embedding
from .mlp import Discriminator, mlp
from .texts import reader

IntoG = Literal["concat", "norm"]
IntoD = Literal["concat", "projection"]


def embed(field: Field, width: int = 128, by: str = "gru") -> Embedding:
    """A class is one-hot and a row stays as it is, without parameters; a text is read by the reader of that name, which
    has `width` units."""
    if isinstance(field.codec, Words):
        return reader(field.codec, width, by)
    return OneHot(len(field.classes)) if field.kind == "label" else AsItIs(field.size)


class OneHot(Embedding):
    """Classes `[n]` -> `[n, width]`."""

    def forward(self, y: Tensor) -> Tensor:
        return F.one_hot(y, self.width).float()


class AsItIs(Embedding):
    """Rows `[n, width]`."""

    def forward(self, y: Tensor) -> Tensor:
        return y


class Blind(Embedding):
    """Zeros `[n, width]` for any y: a player who is not told, as ablations have it."""

    def __init__(self, embedding: Embedding):
        super().__init__(embedding.width)
        self.embedding = embedding

    def forward(self, y: Tensor) -> Tensor:
        return self.embedding(y) * 0.0


class Together(nn.Module):
    """f(a, y): a network of rows, given `a` `[n, k]` and the embedded y side by side."""

    def __init__(self, embedding: Embedding, f: nn.Module):
        super().__init__()
        self.embedding, self.f = embedding, f

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        return self.f(torch.cat([a, self.embedding(y)], 1))


class ConditionalNorm(nn.Module):
    """Batch norm with a gain and a bias for each condition, (1 + A e) x^ + B e, where x^ has mean 0 and variance 1 a
    channel and e is the embedded y (Dumoulin et al. 2017, arXiv:1610.07629; de Vries et al. 2017, arXiv:1707.00683).

    A and B are zero at first, so that it starts as batch norm does. `[n, channels, ...]`.
    """

    def __init__(self, norm: _BatchNorm, width: int):
        super().__init__()
        c = norm.num_features
        self.norm, self.by = type(norm)(c, eps=norm.eps, affine=False), nn.Linear(width, 2 * c)
        nn.init.zeros_(self.by.weight)
        nn.init.zeros_(self.by.bias)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        gain, bias = (v.view(*v.shape, *[1] * (x.ndim - 2)) for v in self.by(e).chunk(2, 1))
        return self.norm(x) * (1 + gain) + bias


class Normed(nn.Module):
    """f(a, y): the layers of `f`, in which y sets gain and bias of every batch norm."""

    def __init__(self, embedding: Embedding, f: nn.Sequential):
        super().__init__()
        self.embedding = embedding
        self.f = nn.ModuleList(ConditionalNorm(m, embedding.width) if isinstance(m, _BatchNorm) else m for m in f)

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        e = self.embedding(y)
        for layer in self.f:
            a = layer(a, e) if isinstance(layer, ConditionalNorm) else layer(a)
        return a


class Joint(nn.Module):
    """D(x, y), logits `[n]`: features of x and the embedded y side by side, through two hidden layers of `width`."""

    def __init__(self, x: Discriminator, embedding: Embedding, width: int, dropout: float = 0.0):
        super().__init__()
        self.features, self.embedding = x.features, embedding
        leaky = nn.LeakyReLU(0.2)
        hidden = mlp(x.head.in_features + embedding.width, width, width, act=lambda: leaky, last=leaky)
        self.joint = nn.Sequential(hidden, nn.Dropout(dropout), nn.Linear(width, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.joint(self.together(x, y)).squeeze(1)

    def together(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([self.features(x), self.embedding(y)], 1)

    def layers(self, x: Tensor, y: Tensor) -> Tensor:
        """The last hidden layer, `[n, width]`."""
        return self.joint[:-1](self.together(x, y))


class Projection(nn.Module):
    """D(x, y) = psi(phi(x)) + e . V phi(x), logits `[n]`: e is the embedded y, phi the features of x and psi their
    linear head (Miyato and Koyama 2018, Eq. 3, arXiv:1802.05637).

    For a class it is the exact form of log p(x | y) / q(x | y) where p(y | x) and q(y | x) are softmaxes over phi(x).
    """

    def __init__(self, x: Discriminator, embedding: Embedding):
        super().__init__()
        self.features, self.head, self.embedding = x.features, x.head, embedding
        self.V = nn.Linear(embedding.width, x.head.in_features, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.features(x)
        return self.head(h).squeeze(1) + (self.V(self.embedding(y)) * h).sum(1)
