"""Training loops by hand, as tutorials write them: a DataLoader, Adam, `backward`, `step`, `.item()`.

Each is a generator that plays one round at every `next`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ..data import Data
from ..engine import Engine
from ..game import Game


def forever(data: Data, batch: int, device: torch.device) -> Iterator[Tensor]:
    loader = DataLoader(TensorDataset(data.all("x")), batch_size=batch, shuffle=True, drop_last=True)
    while True:
        for (x,) in loader:
            yield x.to(device)


def device_of(game: Game) -> torch.device:
    return next(game.parameters()).device


def gan(game: Game, data: Data, batch: int) -> Iterator[None]:
    """The non-saturating GAN: gan.py and dcgan.py."""
    G, D, prior = game.G, game.D, game.prior
    opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    log = []
    for x in forever(data, batch, device_of(game)):
        loss_d = F.softplus(-D(x)).mean() + F.softplus(D(G(prior(batch)).detach())).mean()
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        loss_g = F.softplus(-D(G(prior(batch)))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        log.append((loss_d.item(), loss_g.item()))
        yield


def bare(game: Game, data: Data, batch: int) -> Iterator[None]:
    """The same game with the engine's kernels: fused Adam, players that do not move frozen, nothing read, batches cut
    from one tensor."""
    G, D, prior = game.G, game.D, game.prior
    opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    device = device_of(game)
    reals = data.all("x").to(device)
    sums = torch.zeros(2, device=device)
    while True:
        x = reals[torch.randint(len(reals), (batch,), device=device)]
        G.requires_grad_(False)
        D.requires_grad_(True)
        loss_d = F.softplus(-D(x)).mean() + F.softplus(D(G(prior(batch)))).mean()
        opt_d.zero_grad()
        loss_d.backward()
        opt_d.step()
        G.requires_grad_(True)
        D.requires_grad_(False)
        loss_g = F.softplus(-D(G(prior(batch)))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        sums += torch.stack([loss_d, loss_g]).detach()
        yield


def wgan_gp(game: Game, data: Data, batch: int) -> Iterator[None]:
    """wgan_gp.py: five moves of the critic, one of G."""
    G, D, prior = game.G, game.D, game.prior
    opt_d = torch.optim.Adam(D.parameters(), lr=1e-4, betas=(0.0, 0.9))
    opt_g = torch.optim.Adam(G.parameters(), lr=1e-4, betas=(0.0, 0.9))
    device = device_of(game)
    reals, log, loss_d = forever(data, batch, device), [], torch.zeros(())
    while True:
        for _ in range(5):
            x = next(reals)
            y = G(prior(batch)).detach()
            t = torch.rand(batch, *[1] * (x.ndim - 1), device=device)
            between = (t * x + (1 - t) * y).requires_grad_()
            (slope,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
            penalty = 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
            loss_d = D(y).mean() - D(x).mean() + penalty
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()
        loss_g = -D(G(prior(batch))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()
        log.append((loss_d.item(), loss_g.item()))
        yield


def sampling(game: Game, data: Data, batch: int) -> Iterator[None]:
    """Samples in evaluation mode."""
    game.eval()
    while True:
        with torch.no_grad():
            game.G(game.prior(batch)).cpu()
        yield


def unwatched(game: Game, data: Data, batch: int) -> Iterator[None]:
    """The engine's own rounds, beside which the doctor's cost is measured."""
    engine = Engine(type(game)(**game.hyperparameters()), data, batch=batch, device=str(device_of(game)))
    while True:
        engine.round()
        yield
