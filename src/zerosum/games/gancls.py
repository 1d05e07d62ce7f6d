"""Generative adversarial text to image synthesis. Reed et al., 2016. arXiv:1605.05396"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import AsItIs, IntoD, IntoG, conditional_discriminator, conditional_generator, embed, encoder
from ..optim import Adam
from ..priors import Conditions, Normal
from ..spec import Spec


class GANCLS(Game):
    """Algorithm 1. D is matching-aware: it must refuse real pictures with wrong texts, too:

    L_D = log D(x, t) + (log(1 - D(x, t~)) + log(1 - D(G(z, t), t))) / 2,  and G ascends log D(G(z, t), t)

    t is the text's embedding by phi: a GRU over words (not the paper's), the paper's char-CNN-RNN made small, or a
    sentence encoder that you have; another condition is taken as it is. phi is trained on the same pairs with a
    network of pictures v, so that v(x) . phi(t) is largest for pairs (Sec. 3.2, Eq. 2, here a softmax over the batch),
    in the paper beforehand, here alongside.
    """

    needs = {"x": ("image", "vector"), "y": ("text", "label", "vector")}

    z_dim: int = 100
    width: int = 64
    text_dim: int = 128
    lr: float = 2e-4
    wrong: float = 0.5  # share of wrong texts in what D refuses; 0 is the ablation
    reader: str = "gru"  # of texts: gru, chars (the paper's), or a sentence encoder's name or folder
    into_g: IntoG = "concat"  # norm: y sets gain and bias of G's batch norms; not the paper's
    into_d: IntoD = "concat"  # projection: y is held against D's features; not the paper's

    def build(self, spec: Spec) -> None:
        self.prior, self.conditions = Normal(self.z_dim), Conditions(spec.y)
        self.phi = embed(spec.y, self.text_dim, self.reader)
        t = AsItIs(self.phi.width)
        self.G = conditional_generator(self.z_dim, spec.x, t, self.width, self.into_g)
        self.D = conditional_discriminator(spec.x, t, self.width, self.into_d)
        self.v = encoder(spec.x, t.width, self.width)

    def players(self) -> dict[str, Player]:
        texts: list[nn.Module] = [self.v, self.phi]
        return {
            "D": Player(self.D, Adam(self.lr)),
            "G": Player(self.G, Adam(self.lr)),
            "T": Player(texts, Adam(self.lr)),
        }

    def moves(self) -> list[Move]:
        return [
            Move("T", self.match, divisible=False),
            Move("D", self.discriminate, divisible=False),
            Move("G", self.generate, divisible=False),
        ]

    def render(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.G(z, self.phi(self.conditions(len(z)) if y is None else y))

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` as the texts `y` `[n, length]` say, or texts as in the data."""
        y = self.conditions(n) if y is None else y
        return self.render(self.latent(n), y)

    def matching(self, x: Tensor, y: Tensor) -> Tensor:
        """D's logit for a picture and a text, `[n]`."""
        return self.D(x, self.phi(y))

    def match(self, batch):
        """-log softmax of v(x) . phi(t) over the batch, both ways; pictures of the same text are no rivals"""
        logits = F.normalize(self.v(batch.x), dim=1) @ F.normalize(self.phi(batch.y), dim=1).T * 10
        y = batch.y.flatten(1) if batch.y.ndim > 1 else batch.y[:, None]
        same = (y[:, None] == y).all(2) & ~torch.eye(len(y), dtype=torch.bool, device=y.device)
        logits, pairs = logits.masked_fill(same, -1e4), torch.arange(len(y), device=y.device)
        return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2

    def discriminate(self, batch):
        """-log D(x, t) - wrong log(1 - D(x, t~)) - (1 - wrong) log(1 - D(G(z, t), t))"""
        t = self.phi(batch.y)
        terms = {"real": real(self.D(batch.x, t))}
        terms["fake"] = (1 - self.wrong) * fake(self.D(self.G(self.latent(batch.n), t), t))
        if self.wrong:
            others = (t - t.roll(1, 0)).abs().sum(1) > 1e-6  # a neighbour may have the same text
            refused = F.softplus(self.D(batch.x, t.roll(1, 0))) * others
            terms["wrong"] = self.wrong * refused.sum() / others.sum().clamp(min=1)
        return terms

    def generate(self, batch):
        """-log D(G(z, t), t)"""
        t = self.phi(batch.y)
        return {"fool": real(self.D(self.G(self.latent(batch.n), t), t))}
