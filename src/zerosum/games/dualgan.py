"""DualGAN: unsupervised dual learning for image-to-image translation. Yi et al., 2017. arXiv:1704.02510"""

from torch import Tensor, nn

from ..errors import InputError
from ..game import Game, Move, Player
from ..nets import PatchGAN, UNet, halvings
from ..optim import RMSprop
from ..spec import Field, Spec


class DualGAN(Game):
    """l_g(u, v) = l_U |u - G_B(G_A(u, z), z')| + l_V |v - G_A(G_B(v, z'), z)| - D_B(G_B(v, z')) - D_A(G_A(u, z)) (3)

    a primal translation G_A from u (here a) to v (here b) and a dual one back close a loop; critics of Wasserstein's
    kind, their weights clipped, judge patches (Eqs. 1, 2). The noise z is dropout, in use as in training (Sec. 3.2).
    """

    needs = {"a": ("image",), "b": ("image",)}

    width: int = 64
    patch: int = 70  # pixels that a critic judges at a time
    lam: float = 20.0  # of both reconstructions, of mean absolute errors; 0 is the ablation
    n_critic: int = 3  # 2 to 4, Sec. 3.4
    c: float = 0.01  # critics' weights are clipped to [-c, c]
    dropout: float = 0.5
    lr: float = 5e-5

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if not spec.like("a", "b"):
            raise InputError(f"dualgan needs a and b of one size; a is {spec.a}, b is {spec.b}. Give them a --size")

    def build(self, spec: Spec) -> None:
        self.G_A, self.G_B = self.translator(spec.a, spec.b), self.translator(spec.b, spec.a)
        self.D_A, self.D_B = self.critic(spec.b), self.critic(spec.a)

    def translator(self, source: Field, target: Field) -> nn.Module:
        depth = halvings(*source.shape[1:])
        return UNet(source.shape[0], target.shape[0], self.width, depth, dropout=self.dropout)

    def critic(self, field: Field) -> nn.Module:
        return PatchGAN(field.shape[0], self.width, self.patch, side=min(field.shape[1:]))

    def players(self) -> dict[str, Player]:
        rms = RMSprop(self.lr, alpha=0.9)  # Sec. 3.4
        return {
            "D": Player([self.D_A, self.D_B], rms, after=self.clip),
            "G": Player([self.G_A, self.G_B], rms),
        }

    def moves(self) -> list[Move]:
        return [Move("D", self.criticize, times=self.n_critic), Move("G", self.exchange)]

    def clip(self) -> None:
        for critic in (self.D_A, self.D_B):
            for p in critic.parameters():
                p.clamp_(-self.c, self.c)

    def translate(self, a: Tensor) -> Tensor:
        return self.G_A(a)

    def translate_back(self, b: Tensor) -> Tensor:
        return self.G_B(b)

    def criticize(self, batch):
        """E D_A(G_A(u)) - E D_A(v), and E D_B(G_B(v)) - E D_B(u)"""
        u, v = batch.a, batch.b
        return {
            "A": self.D_A(self.G_A(u)).mean() - self.D_A(v).mean(),
            "B": self.D_B(self.G_B(v)).mean() - self.D_B(u).mean(),
        }

    def exchange(self, batch):
        """lam (E |u - G_B(G_A(u))| + E |v - G_A(G_B(v))|) - E D_A(G_A(u)) - E D_B(G_B(v))"""
        u, v = batch.a, batch.b
        in_v, in_u = self.G_A(u), self.G_B(v)
        terms = {"A": -self.D_A(in_v).mean(), "B": -self.D_B(in_u).mean()}
        if self.lam:
            loop = (u - self.G_B(in_v)).abs().mean() + (v - self.G_A(in_u)).abs().mean()
            terms["reconstruction"] = self.lam * loop
        return terms
