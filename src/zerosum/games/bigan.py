"""Adversarial feature learning. Donahue et al., 2016. arXiv:1605.09782"""

from torch import Tensor

from ..game import Game, Move, Player
from ..losses import fake, real
from ..nets import AsItIs, Joint, discriminator, encoder, generator
from ..optim import Adam
from ..priors import Uniform
from ..spec import Spec


class BiGAN(Game):
    """min_{G,E} max_D  E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]                 (Eq. 3)

    D tells pairs of an example and its code from pairs of a sample and its latent. At the optimum E inverts G almost
    everywhere (Theorem 2). G and E are one player, and descend D's objective with the labels exchanged (Sec. 3.4).
    """

    z_dim: int = 50
    width: int = 64
    lr: float = 2e-4
    joint: bool = True  # False: D sees x alone, the ablation

    def build(self, spec: Spec) -> None:
        self.prior = Uniform(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.E = encoder(spec.x, self.z_dim, self.width)
        self.D = Joint(discriminator(spec.x, self.width), AsItIs(self.z_dim), 4 * self.width)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(self.lr)), "GE": Player([self.G, self.E], Adam(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("GE", self.agree)]

    def encode(self, x: Tensor) -> Tensor:
        """E(x), a latent `[n, z_dim]`."""
        return self.E(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """G(E(x))"""
        return self.render(self.encode(x))

    def score(self, x: Tensor) -> Tensor:
        """0.9 |x - G(E(x))| + 0.1 |f(x, E(x)) - f(G(E(x)), E(x))|, `[n]`, f being D's last hidden layer: the score of
        Zenati et al. 2018, arXiv:1802.06222, Sec. 3, not of the paper."""
        z = self.encode(x)
        made, shown = self.render(z), z * float(self.joint)
        features = self.D.layers(x, shown) - self.D.layers(made, shown)
        return 0.9 * (x - made).abs().flatten(1).sum(1) + 0.1 * features.abs().sum(1)

    def judge(self, x: Tensor, z: Tensor) -> Tensor:
        return self.D(x, z * float(self.joint))

    def infer(self, x: Tensor) -> Tensor:
        """The code that D is shown beside x."""
        return self.E(x)

    def pairs(self, batch) -> tuple[Tensor, Tensor]:
        """D of (x, E(x)) and of (G(z), z)."""
        z = self.latent(batch.n)
        return self.judge(batch.x, self.infer(batch.x)), self.judge(self.render(z), z)

    def discriminate(self, batch):
        """-E log D(x, E(x)) - E log(1 - D(G(z), z))"""
        encoded, generated = self.pairs(batch)
        return {"real": real(encoded), "fake": fake(generated)}

    def agree(self, batch):
        """-E log(1 - D(x, E(x))) - E log D(G(z), z)"""
        encoded, generated = self.pairs(batch)
        return {"encoder": fake(encoded), "generator": real(generated)}
