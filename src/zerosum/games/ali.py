"""Adversarially learned inference. Dumoulin et al., 2016. arXiv:1606.00704"""

import torch
from torch import Tensor

from ..nets import AsItIs, Joint, discriminator, encoder, generator
from ..priors import Normal
from ..spec import Spec
from .bigan import BiGAN


class ALI(BiGAN):
    """min_G max_D  E_q(x)[log D(x, z^)] + E_p(z)[log(1 - D(G(z), z))],  z^ ~ q(z|x)   (Eq. 3)

    The encoder is a distribution, z^ = mu(x) + sigma(x) eps (Eq. 2). Where D cannot tell the joint q(x, z) of examples
    and codes from the joint p(x, z) of samples and latents, q(z|x) is the posterior of the generator. Encoder and
    generator are one player, and descend D's objective with the labels exchanged (Algorithm 1). The moves are BiGAN's,
    which was found independently; the code there is mu(x).
    """

    z_dim: int = 64
    lr: float = 1e-4

    def build(self, spec: Spec) -> None:
        self.prior = Normal(self.z_dim)
        self.G = generator(self.z_dim, spec.x, self.width)
        self.E = encoder(spec.x, 2 * self.z_dim, self.width)
        self.D = Joint(discriminator(spec.x, self.width), AsItIs(self.z_dim), 4 * self.width, dropout=0.2)

    def encode(self, x: Tensor) -> Tensor:
        """mu(x), the mean of q(z|x), `[n, z_dim]`."""
        return self.E(x)[:, : self.z_dim]

    def infer(self, x: Tensor) -> Tensor:
        """A draw from q(z|x), which is what D is shown beside x."""
        mean, log_sigma = self.E(x).chunk(2, 1)
        return mean + log_sigma.clamp(-6, 2).exp() * torch.randn_like(mean)
