"""Generative adversarial text to image synthesis (GAN-INT-CLS). Reed et al., 2016. arXiv:1605.05396"""

from ..losses import real
from .gancls import GANCLS


class GANINT(GANCLS):
    """GAN-CLS, whose generator is also trained on texts that nobody wrote, between two that somebody did (Sec. 4.3):

    G ascends  log D(G(z, t), t) + log D(G(z, t'), t'),  t' = beta t1 + (1 - beta) t2                (Eq. 5)

    D never sees t' with a picture, and still says whether they match. beta is 1/2, as in the paper.
    """

    beta: float = 0.5
    between: float = 1.0  # weight of texts in between; 0 is the ablation, GAN-CLS

    def generate(self, batch):
        """-log D(G(z, t), t) - log D(G(z, t'), t')"""
        t = self.phi(batch.y)
        half = self.beta * t + (1 - self.beta) * t.roll(1, 0)
        return {
            "fool": real(self.D(self.G(self.latent(batch.n), t), t)),
            "between": self.between * real(self.D(self.G(self.latent(batch.n), half), half)),
        }
