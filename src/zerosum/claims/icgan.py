"""What Perarnau et al. 2016 claim, on digits whose condition is the class, thick or thin, and upright or lying; what is
left to the latent is the hand, above all how hard the pen was pressed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..game import Batch
from ..games.icgan import IcGAN
from ..nets import Joint, discriminator
from ..spec import Column, Columns, Field, Spec
from . import Arms, Claim, Found
from ._latents import Nothing, held_out, some_of
from ._rigs import Made, digits, plain, play

ROUNDS, EMA = 3000, 2e4
CORNERS = torch.tensor([[-1.0, -1], [1, -1], [-1, 1], [1, 1]])  # thin or thick, upright or lying; the last is new
COLUMNS = (Column("digit", categories=tuple("0123456789")), Column("thick"), Column("lying"))


def asked_for(digit: Tensor, corner: Tensor) -> Tensor:
    """Conditions `[n, 12]` of digits `[n]` and attributes `[n, 2]`."""
    return torch.cat([F.one_hot(digit, 10).float(), corner], 1)


SEEN = [asked_for(torch.tensor([d]), c[None])[0].tolist() for d in range(10) for c in CORNERS[:3]]
SPEC = Spec(x=plain(64), y=Field((12,), "vector", Columns(COLUMNS), {"seen": SEEN}))


def written(x: Tensor, corner: Tensor, pressure: Tensor) -> Tensor:
    """Digits `[n, 64]` with the attributes `[n, 2]`, thick ones wider and higher by a pixel, lying ones turned aside;
    and as bright as the pressure `[n]` says, 1 being full."""
    x = x.view(-1, 1, 8, 8)
    wide = torch.maximum(x, F.pad(x[..., :-1], (1, 0), value=-1.0))
    thick = torch.maximum(wide, F.pad(wide[..., :-1, :], (0, 0, 1, 0), value=-1.0))
    x = torch.where((corner[:, 0] > 0)[:, None, None, None], thick, x)
    x = torch.where((corner[:, 1] > 0)[:, None, None, None], x.rot90(1, (2, 3)), x).flatten(1)
    return (x + 1) * pressure[:, None] - 1


def pressed(n: int) -> Tensor:
    return 0.4 + 0.6 * torch.rand(n)


def three(n: int) -> Batch:
    """Digits of the first three corners."""
    i, corner = torch.randint(len(digits()), (n,)), some_of(CORNERS[:3], n)
    x = written(digits().all().flatten(1)[i], corner, pressed(n))
    return Batch(x=x, y=asked_for(digits().all("y")[i], corner))


@cache
def reader() -> Callable[[Tensor], Tensor]:
    """Pictures `[n, 64]` -> digit, thick and lying `[n, 3]`, by support vector machines that saw all four corners, each
    picture scaled to full brightness."""
    from sklearn.svm import SVC

    x, y = digits().all().flatten(1), digits().all("y")
    pictures = torch.cat([written(x, corner.expand(len(x), 2), torch.ones(len(x))) for corner in CORNERS])
    told = [y.repeat(4), *(CORNERS[:, i].repeat_interleave(len(x)) for i in (0, 1))]
    machines = [SVC(gamma=0.02, C=5.0).fit(full(pictures).numpy(), t.numpy()) for t in told]  # pyright: ignore[reportArgumentType]
    return lambda x: torch.stack([torch.from_numpy(m.predict(full(x).numpy())).double() for m in machines], 1)


def full(x: Tensor) -> Tensor:
    """Pictures scaled to full brightness."""
    ink = (x + 1).clamp_min(0)
    return 2 * ink / ink.amax(1, keepdim=True).clamp_min(1e-3) - 1


class Untold(IcGAN):
    """D does not see the condition."""

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.D = Joint(discriminator(spec.x, self.width), Nothing(), 4 * self.width)


@cache
def learnt(kind: type[IcGAN], seed: int) -> IcGAN:
    """The game that learnt three corners."""
    game = kind(width=32, z_dim=16, lr=1e-3)
    with play(game, Made(SPEC, three), ROUNDS, seed, ema=EMA).averaged():
        return game.eval()


@torch.no_grad()
def edited(game: IcGAN, seed: int, drawn: bool = False) -> Found:
    """Held-out digits of the first three corners, made another digit, and brought to the fourth corner. Where latents
    are drawn, the encoder is not asked."""
    torch.manual_seed(seed)
    test, corner, pressure = held_out(), some_of(CORNERS[:3], 503), pressed(503)
    x, other = written(test.x, corner, pressure), (test.y + torch.randint(1, 10, (503,))) % 10
    z = game.latent(503) if drawn else game.encode(x)
    made = game.render(z, asked_for(other, corner))
    read, pair = reader()(made), torch.stack([pressure, full_scale(made)])
    new = reader()(game.render(z, asked_for(test.y, CORNERS[3:].expand(503, 2))))
    fourth = (new[:, 1:] > 0).all(1)
    return {
        "digit": share(read[:, 0] == other),
        "pressure": float(torch.corrcoef(pair)[0, 1]),
        "fourth": share(fourth),
        "fourth and the digit": share(fourth & (new[:, 0] == test.y)),
    }


def full_scale(x: Tensor) -> Tensor:
    """Brightness of the brightest pixel, from 0 to 1, `[n]`."""
    return (x.amax(1) + 1) / 2


def share(right: Tensor) -> float:
    return float(right.double().mean())


def told(seed: int) -> Found:
    return edited(learnt(IcGAN, seed), seed)


def untold(seed: int) -> Found:
    return edited(learnt(Untold, seed), seed)


def drawn(seed: int) -> Found:
    return edited(learnt(IcGAN, seed), seed, drawn=True)


DATA = (
    "of 503 held-out 8x8 digits, thin or thick and upright or lying, never thick and lying, as bright as the pen was "
    "pressed; 3000 rounds at lr = 0.001"
)

CLAIMS = [
    Claim(
        "edit",
        "A picture is encoded and rendered under another condition, and shows it (Sec. 3).",
        f"share in which a classifier reads the digit that x was edited to be, {DATA}",
        0.7,
        "higher",
        "D does not see y",
        Arms(told, untold, "digit"),
    ),
    Claim(
        "style",
        "What the condition does not say is kept by E_z (Sec. 3).",
        f"Pearson's r of the brightness of x and of x edited to be another digit, {DATA}",
        0.5,
        "higher",
        "z is drawn, not encoded",
        Arms(told, drawn, "pressure"),
    ),
    Claim(
        "fourth corner",
        "Attributes add up: thin lying - thin upright + thick upright is thick and lying, which was never trained on "
        "(the arithmetic of Radford et al. 2015, Sec. 6.3.2, with conditions).",
        f"share that a classifier reads as thick and lying when x is edited to be so, {DATA}",
        0.3,
        "higher",
        "D does not see y",
        Arms(told, untold, "fourth"),
    ),
]
