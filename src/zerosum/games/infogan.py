"""InfoGAN: interpretable representation learning by information maximizing generative adversarial nets. Chen et al., 2016. arXiv:1606.03657"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import DCGANDiscriminator, DCGANGenerator, Discriminator, discriminator, generator, mlp
from ..optim import Adam
from ..priors import Categorical, Uniform
from ..spec import Spec

LEAST = 7  # pixels of a side where convolutions end: 28, 14, 7


class InfoGAN(Game):
    """min_{G,Q} max_D  V(D, G) - lam L_I(G, Q)                                        (Eq. 6)

    The latent is noise z and codes c: one categorical, several uniform. Q(c | x) is a head on D's features, and
    L_I = E[log Q(c | G(z, c))] + H(c), H(c) a constant, bounds their mutual information from below (Eq. 5). As in the
    released code, D's player owns Q and carries the term too, and continuous codes have unit variance under Q.
    """

    z_dim: int = 62
    categories: int = 10
    continuous: int = 2
    width: int = 64
    lam: float = 1.0  # 0 leaves the codes without meaning, the ablation
    lr_d: float = 2e-4
    lr_g: float = 1e-3

    def build(self, spec: Spec) -> None:
        self.prior, self.category = Uniform(self.z_dim), Categorical(self.categories)
        self.code = Uniform(self.continuous)
        latent, codes = self.z_dim + self.categories + self.continuous, self.categories + self.continuous
        if spec.x.kind == "image":  # a layer of units between codes and convolutions, in G and D (App. C.1)
            units = 16 * self.width
            G = DCGANGenerator(units, spec.x, self.width, least=LEAST)
            self.G = nn.Sequential(*dense(latent, units, nn.ReLU()), G)
            D = DCGANDiscriminator(spec.x, self.width, norm=True, least=LEAST)
            layer = dense(D.head.in_features, units, nn.LeakyReLU(0.1))
            self.D = Discriminator(nn.Sequential(D.features, *layer), units)
            self.Q = nn.Sequential(*dense(units, 128, nn.LeakyReLU(0.1)), nn.Linear(128, codes))
        else:
            self.G, self.D = generator(latent, spec.x, self.width), discriminator(spec.x, self.width)
            self.Q = mlp(self.D.head.in_features, 128, codes)

    def players(self) -> dict[str, Player]:
        return {"D": Player([self.D, self.Q], Adam(self.lr_d)), "G": Player(self.G, Adam(self.lr_g))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def codes(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Noise, one-hot category, continuous codes."""
        return self.prior(n), self.category(n), self.code(n)

    def latent(self, n: int) -> Tensor:
        return torch.cat(self.codes(n), 1)

    def encode(self, x: Tensor) -> Tensor:
        """Q's estimate of the codes, `[n, categories + continuous]`: probabilities, then means."""
        logits, mean = self.read(x)
        return torch.cat([logits.softmax(1), mean], 1)

    def classify(self, x: Tensor) -> Tensor:
        """Q(category | x), `[n, categories]`."""
        return self.read(x)[0].softmax(1)

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.codes_in(self.D.features(x))

    def codes_in(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the category, means of the continuous codes."""
        logits, mean = self.Q(features).split([self.categories, self.continuous], 1)
        return logits, mean

    def information(self, features: Tensor, category: Tensor, code: Tensor) -> dict[str, Tensor]:
        """-lam E log Q(c | x), up to a constant, of D's features of x."""
        logits, mean = self.codes_in(features)
        terms = {"category": self.lam * F.cross_entropy(logits, category)}
        if self.continuous:
            terms["code"] = self.lam * (code - mean).square().sum(1).mean() / 2
        return terms

    def discriminate(self, batch):
        """-E log D(x) - E log(1 - D(G(z, c))) - lam L_I"""
        z, category, code = self.codes(batch.n)
        seen = self.D.features(self.G(torch.cat([z, category, code], 1)))
        terms = {"real": real(self.D(batch.x)), "fake": fake(self.D.judge(seen))}
        return {**terms, **self.information(seen, category, code)}

    def generate(self, batch):
        """-E log D(G(z, c)) - lam L_I"""
        z, category, code = self.codes(batch.n)
        seen = self.D.features(self.G(torch.cat([z, category, code], 1)))
        return {"fool": real(self.D.judge(seen)), **self.information(seen, category, code)}


def dense(a: int, b: int, act: nn.Module) -> list[nn.Module]:
    return [nn.Linear(a, b), nn.BatchNorm1d(b), act]
