"""cFAT-GAN: conditional simulation of electron-proton scattering events with variate beam energies by a transformed generative adversarial network. Velasco et al., 2020. IEEE ICMLA"""

import torch
from torch import Tensor, nn

from ..nets import Discriminator, mlp, output
from ..penalties import gradient_penalty
from ..priors import Conditions, Normal
from ..spec import Columns, Field, Spec
from .dsgan import DSGAN


class CFATGAN(DSGAN):
    """Events of any beam energy that is asked for: WGAN-GP between G(z | y) and D(p | y), y being numbers `[n, c]`.

    On events y is the energy, and T = ln(E_b - p_z) follows it from event to event. Columns of x that are y itself are
    copied, not written. As in the authors' program, there is no MMD.
    """

    needs = {"x": ("vector",), "y": ("vector",)}
    features = "cartesian"

    depth: int = 8  # hidden layers, of G and of D

    def build(self, spec: Spec) -> None:
        hidden, leaky, c = [self.width] * self.depth, nn.LeakyReLU(0.2), spec.y.size
        copies = 0 < spec.x.written[0] - c and columns(spec.x)[:c] == columns(spec.y)
        self.prior, self.conditions, self.copied = Normal(self.z_dim), Conditions(spec.y), c * copies
        self.G = mlp(self.z_dim + c, *self.writer, spec.x.written[0] - self.copied, act=lambda: leaky)
        self.complete = output(spec.x)
        self.D = Discriminator(mlp(spec.x.size + c, *hidden, act=lambda: leaky, last=leaky), self.width)

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """`[n, *spec.x.shape]` under the conditions `y` `[n, c]`, or under conditions as the data has them."""
        given = self.conditions(n) if y is None else y
        written = self.G(torch.cat([self.prior(n), given], 1))
        return self.complete(torch.cat([given[:, : self.copied], written], 1))

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        return self.D(torch.cat([x, y], 1))

    def criticize(self, batch):
        """E D(G(z | y) | y) - E D(p | y) + lam E(|grad D(p^ | y)| - 1)^2"""
        y, x, fake = batch.y, batch.x, self.sample(batch.n, batch.y)
        penalty = gradient_penalty(self.D, torch.cat([x, y], 1), torch.cat([fake, y], 1))
        return {"gap": self.judge(fake, y).mean() - self.judge(x, y).mean(), "penalty": self.lam * penalty}

    def generate(self, batch):
        """-E D(G(z | y) | y)"""
        return -self.judge(self.sample(batch.n, batch.y), batch.y).mean()


def columns(field: Field):
    return field.codec.columns if isinstance(field.codec, Columns) else ()
