"""Loops by hand of games that translate, as their authors' code has them: each fake is made once a round."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ..data import Data
from ..engine import Engine
from ..game import Game
from ..losses import fake, real
from ..translation import translate
from .loops import device_of


def forever(data: Data, batch: int, game: Game) -> Iterator[list[Tensor]]:
    """Batches of a and b."""
    loader = DataLoader(TensorDataset(data.all("a"), data.all("b")), batch_size=batch, shuffle=True, drop_last=True)
    while True:
        for pair in loader:
            yield [x.to(device_of(game)) for x in pair]


def adam(*modules: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([p for m in modules for p in m.parameters()], lr=2e-4, betas=(0.5, 0.999))


def pix2pix(game: Game, data: Data, batch: int) -> Iterator[None]:
    """pix2pix.py: D, then G, on one translation."""
    G, D = game.G, game.D
    opt_d, opt_g, log = adam(D), adam(G), []
    for a, b in forever(data, batch, game):
        y = G(a)
        D.requires_grad_(True)
        loss_d = (real(D(torch.cat([a, b], 1))) + fake(D(torch.cat([a, y.detach()], 1)))) / 2
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        D.requires_grad_(False)
        loss_g = real(D(torch.cat([a, y], 1))) + 100 * (b - y).abs().mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        log.append((loss_d.item(), loss_g.item()))
        yield


def cyclegan(game: Game, data: Data, batch: int) -> Iterator[None]:
    """cyclegan.py: both generators, then both discriminators, on the same translations."""
    G, F, D_a, D_b = game.G, game.F, game.D_a, game.D_b
    opt_g, opt_d, log = adam(G, F), adam(D_a, D_b), []
    olds: tuple[list[Tensor], list[Tensor]] = ([], [])
    for a, b in forever(data, batch, game):
        in_b, in_a = G(a), F(b)
        for D in (D_a, D_b):
            D.requires_grad_(False)
        loss_g = (D_b(in_b) - 1).square().mean() + (D_a(in_a) - 1).square().mean()
        loss_g = loss_g + 10 * ((F(in_b) - a).abs().mean() + (G(in_a) - b).abs().mean())
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        for D in (D_a, D_b):
            D.requires_grad_(True)
        loss_d = torch.zeros((), device=a.device)
        for D, old, x, y in ((D_a, olds[0], a, in_a), (D_b, olds[1], b, in_b)):
            y = history(old, y.detach())
            loss_d = loss_d + ((D(x) - 1).square().mean() + D(y).square().mean()) / 2
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        log.append((loss_g.item(), loss_d.item()))
        yield


def history(old: list[Tensor], new: Tensor, size: int = 50) -> Tensor:
    """Each of the new ones, or half of the time one of the last `size` in its place."""
    out = []
    for y in new:
        if len(old) < size:
            old.append(y)
        elif random.random() < 0.5:
            i = random.randrange(size)
            old[i], y = y, old[i]
        out.append(y)
    return torch.stack(out)


def by_hand(game: Game, data: Data, batch: int) -> Iterator[None]:
    """Translations in evaluation mode."""
    game.eval()
    a = data.take(batch).a.to(device_of(game))
    while True:
        with torch.no_grad():
            game.G(a).cpu()
        yield


def translated(make: Callable[[], Game], data: Data, batch: int, device: str) -> Callable[[], Tensor]:
    """As `zerosum translate` and the report do it."""
    game, a = Engine(make(), data, batch=batch, device=device).game.eval(), data.take(batch).a
    return lambda: translate(game, a, device=device)
