"""Unsupervised representation learning with deep convolutional generative adversarial networks. Radford et al., 2015. arXiv:1511.06434"""

from torch import nn

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import discriminator, generator
from ..optim import Adam
from ..priors import Uniform
from ..spec import Spec


class DCGAN(Game):
    """The game of GAN, played by convolutions under the rules of Sec. 3: strides in the place of pooling, batch norm in
    both players except G's last layer and D's first, no hidden fully connected layer, ReLU in G with a tanh at its end,
    LeakyReLU in D. Real and fake pictures go through D in batches of their own."""

    needs = {"x": ("image",)}

    z_dim: int = 100
    width: int = 64  # channels of D's first layer and G's last; the paper's 64x64 networks have 128
    lr: float = 2e-4  # Sec. 4
    beta1: float = 0.5  # Sec. 4: at 0.9 training oscillated
    norm: bool = True  # batch norm; False is the ablation

    def build(self, spec: Spec) -> None:
        self.prior = Uniform(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.D = discriminator(spec.x, self.width, norm=self.norm)
        for m in self.modules():
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(m.weight, 0.0, 0.02)  # Sec. 4

    def players(self) -> dict[str, Player]:
        adam = Adam(self.lr, betas=(self.beta1, 0.999))
        return {"D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def discriminate(self, batch):
        """-E log D(x) - E log(1 - D(G(z)))"""
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        """-E log D(G(z))"""
        return real(self.D(self.sample(batch.n)))
