"""Ways of a condition into a network, whatever kind it is of: a class, numbers and attributes, or text.

`embed` makes rows of it, which stand beside a latent or other rows (concatenation).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..spec import Field, Words
from .mlp import Discriminator, mlp


class Embedding(nn.Module):
    """y -> rows `[n, width]`."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width


def embed(field: Field, width: int = 128) -> Embedding:
    """A class is one-hot and a row stays as it is, without parameters; a text is read by a GRU of `width` units."""
    if isinstance(field.codec, Words):
        return Reader(len(field.codec.vocabulary), width)
    return OneHot(len(field.classes)) if field.kind == "label" else AsItIs(field.size)


class OneHot(Embedding):
    """Classes `[n]` -> `[n, width]`."""

    def forward(self, y: Tensor) -> Tensor:
        return F.one_hot(y, self.width).float()


class AsItIs(Embedding):
    """Rows `[n, width]`."""

    def forward(self, y: Tensor) -> Tensor:
        return y


class Reader(Embedding):
    """Texts `[n, length]`, 0 being no word -> `[n, width]`: a GRU over word vectors, its states averaged over words.

    A text of no words is the zero vector.
    """

    def __init__(self, vocabulary: int, width: int):
        super().__init__(width)
        self.words = nn.Embedding(vocabulary + 1, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, y: Tensor) -> Tensor:
        there = (y > 0).unsqueeze(2).float()
        states, _ = self.gru(self.words(y))
        return (states * there).sum(1) / there.sum(1).clamp(min=1)


class Together(nn.Module):
    """f(a, y): a network of rows, given `a` `[n, k]` and the embedded y side by side."""

    def __init__(self, embedding: Embedding, f: nn.Module):
        super().__init__()
        self.embedding, self.f = embedding, f

    def forward(self, a: Tensor, y: Tensor) -> Tensor:
        return self.f(torch.cat([a, self.embedding(y)], 1))


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
