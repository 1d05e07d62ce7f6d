"""Adversarially learned inference. Dumoulin et al., 2016. arXiv:1606.00704"""

import torch
from torch import Tensor

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import AsItIs, Joint, discriminator, encoder, generator
from ..optim import Adam
from ..priors import Normal
from ..spec import Spec


class ALI(Game):
    """min_G max_D  E_q(x)[log D(x, z^)] + E_p(z)[log(1 - D(G(z), z))],  z^ ~ q(z|x)   (Eq. 3)

    The encoder is a distribution, z^ = mu(x) + sigma(x) eps (Eq. 2). Where D cannot tell the joint q(x, z) of examples
    and codes from the joint p(x, z) of samples and latents, q(z|x) is the posterior of the generator. Encoder and
    generator are one player, and descend D's objective with the labels exchanged (Algorithm 1).
    """

    z_dim: int = 64
    width: int = 64
    lr: float = 1e-4
    joint: bool = True  # False: D sees x alone, the ablation

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.E = encoder(spec.x, 2 * self.z_dim, self.width)
        self.D = Joint(discriminator(spec.x, self.width), AsItIs(self.z_dim), 4 * self.width, dropout=0.2)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "GE": Player([self.G, self.E], Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("GE", self.agree)]

    def encode(self, x: Tensor) -> Tensor:
        """mu(x), the mean of q(z|x), `[n, z_dim]`."""
        return self.E(x)[:, : self.z_dim]

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(mu(x))"""
        return self.render(self.encode(x))

    def infer(self, x: Tensor) -> Tensor:
        """A draw from q(z|x)."""
        mean, log_sigma = self.E(x).chunk(2, 1)
        return mean + log_sigma.clamp(-6, 2).exp() * torch.randn_like(mean)

    def judge(self, x: Tensor, z: Tensor) -> Tensor:
        return self.D(x, z * float(self.joint))

    def pairs(self, batch) -> tuple[Tensor, Tensor]:
        """D of (x, z^) and of (G(z), z)."""
        z = self.latent(batch.n)
        return self.judge(batch.x, self.infer(batch.x)), self.judge(self.render(z), z)

    def discriminate(self, batch):
        """-E log D(x, z^) - E log(1 - D(G(z), z))"""
        encoded, generated = self.pairs(batch)
        return {"real": real(encoded), "fake": fake(generated)}

    def agree(self, batch):
        """-E log(1 - D(x, z^)) - E log D(G(z), z)"""
        encoded, generated = self.pairs(batch)
        return {"encoder": fake(encoded), "generator": real(generated)}
