"""What Antipov et al. 2017 claim, on digits: who was written is the identity, how it lies is the age, and light falls
on it from anywhere."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..game import Batch
from ..games.agecgan import AgeCGAN
from ..nets import mlp
from ..seeds import mix
from ..spec import Classes, Field, Spec
from . import Arms, Claim, Found
from ._rigs import Made, digits, plain, play

TURNS = (-30.0, 0.0, 30.0)  # degrees; the conditions
ROUNDS = 5000
PEOPLE, GALLERY = 400, 100  # digits that the game is trained on, and held-out ones among whom one is looked for
SPEC = Spec(
    x=plain(64),
    y=Field((), "label", Classes(tuple(f"{turn:g}" for turn in TURNS))),
    identity=Field((), "label", Classes(tuple(str(i) for i in range(PEOPLE)))),
)


def turned(x: Tensor) -> Tensor:
    """Digits `[n, 1, 8, 8]` in [-1, 1] -> ink from 0 to 1 under every turn, `[n, 3, 8, 8]`."""
    ink, ways = (x + 1) / 2, []
    for turn in TURNS:
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        grid = F.affine_grid(torch.tensor([[[c, -s, 0], [s, c, 0]]]).expand(len(x), 2, 3), list(ink.shape), False)
        ways.append(F.grid_sample(ink, grid, align_corners=False))
    return torch.cat(ways, 1)


def lit(ink: Tensor) -> Tensor:
    """Ink `[n, 8, 8]` on paper whose brightness changes from side to side, in any direction, `[n, 64]` in [-1, 1]."""
    row, column = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="ij")
    angle, mean = 2 * math.pi * torch.rand(len(ink), 1, 1), 0.3 + 0.2 * torch.rand(len(ink), 1, 1)
    paper = mean + 0.2 * (torch.cos(angle) * row + torch.sin(angle) * column)
    return (2 * (paper + (1 - paper) * ink) - 1).flatten(1)


@cache
def album() -> Tensor:
    """Ink of all digits, `[n, 3, 8, 8]`: the first PEOPLE are the game's, the last GALLERY are held out, and those
    between are the evaluating network's."""
    x = digits().all()
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    return turned(torch.cat([x, digits().held_out.all()[:GALLERY]]))


def portraits(n: int) -> Batch:
    """Pictures of the game's people."""
    who, y = torch.randint(PEOPLE, (n,)), torch.randint(len(TURNS), (n,))
    return Batch(x=lit(album()[who, y]), y=y, identity=who)


@cache
def evaluator() -> tuple[nn.Module, nn.Module]:
    """Networks that tell who is shown, `[n, 64]`, and how it lies, `[n, 3]`; trained on people that the game never
    sees, and none of those that are looked for."""
    ink = album()[PEOPLE:-GALLERY]
    with torch.random.fork_rng([]), torch.enable_grad():
        torch.manual_seed(mix(0, 10))
        leaky = nn.LeakyReLU(0.2)
        see, name = mlp(64, 256, 256, 64, act=lambda: leaky), nn.Linear(64, len(ink))
        turn = mlp(64, 128, len(TURNS))
        optimizer = torch.optim.Adam([*see.parameters(), *name.parameters(), *turn.parameters()], lr=1e-3, fused=True)
        for i in range(4000):
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 - i / 4000)
            who, y = torch.randint(len(ink), (128,)), torch.randint(len(TURNS), (128,))
            x = lit(ink[who, y])
            loss = F.cross_entropy(name(see(x)), who) + F.cross_entropy(turn(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return see.requires_grad_(False), turn.requires_grad_(False)


def recognised(x: Tensor, y: Tensor) -> Found:
    """Of pictures of the gallery's people in their order, `[GALLERY, 64]`, the share in which the evaluator finds
    the right one among all of them, each known from 5 pictures under every turn; and the share turned as `y` says."""
    see, turn = evaluator()
    known = torch.stack([F.normalize(see(lit(album()[-GALLERY:, t])), dim=1) for t in (0, 1, 2) * 5])
    near = (F.normalize(see(x), dim=1) @ known.mean(0).T).argmax(1)
    right = (near == torch.arange(GALLERY)).double().mean()
    return {"identified": float(right), "turned": float((turn(x).argmax(1) == y).double().mean())}


@cache
def learnt(seed: int) -> AgeCGAN:
    """The game that learnt its own people; its arms differ in how z is found."""
    game = AgeCGAN(width=32, z_dim=32, lr=5e-4, steps=100)
    with play(game, Made(SPEC, portraits), ROUNDS, seed).averaged():
        return game.eval()


def rendered(seed: int, steps: int, identity: bool) -> Found:
    """The gallery's people by G(z, y0), as they lay; and by G(z, y), turned another way."""
    game = learnt(seed)
    game.steps, game.identity = steps, identity
    torch.manual_seed(seed)
    y = torch.randint(len(TURNS), (GALLERY,))
    other = (y + torch.randint(1, len(TURNS), (GALLERY,))) % len(TURNS)
    z = game.encode(lit(album()[torch.arange(-GALLERY, 0), y]), y)
    with torch.no_grad():
        same, turned = recognised(game.render(z, y), y), recognised(game.render(z, other), other)
    return {
        "identified": same["identified"],
        "turned as asked": turned["turned"],
        "identified when turned": turned["identified"],
    }


def preserving(seed: int) -> Found:
    return rendered(seed, 100, identity=True)


def pixels(seed: int) -> Found:
    return rendered(seed, 100, identity=False)


def initial(seed: int) -> Found:
    return rendered(seed, 0, identity=True)


SHARE = (
    "share of 100 held-out people whom an independent network finds among all 100 when it sees G(z, y0): 8x8 digits, "
    "of which each is a person, turned by -30, 0 or 30 degrees (y) on paper lit from anywhere; 5000 rounds"
)

CLAIMS = [
    Claim(
        "identity",
        "Looking for z by a network that tells identities keeps more of the identity than by pixels (Sec. 2.3, Eq. 1).",
        SHARE,
        0.3,
        "higher",
        "z is looked for by pixels, as long",
        Arms(preserving, pixels, "identified"),
        beside="the paper, on faces: 82.9 % by identity, 59.8 % by pixels, 53.2 % by the encoder alone",
    ),
    Claim(
        "search",
        "The encoder's answer is an approximation: identity comes with the search from there (Sec. 2.2).",
        SHARE,
        0.3,
        "higher",
        "no search: z0 = E(x)",
        Arms(preserving, initial, "identified"),
    ),
]
