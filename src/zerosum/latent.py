"""The latent space of any game that has one: walk it, compute in it, find directions in it, and the way back.

    z = latents(game, 64, seed=0)            the latents behind `sample(64, seed=0)`
    x = render(game, z, y)                   what the game makes of them
    frames = walk(game, z, steps=16)         from each latent to the next
    d = directions(game, "sefa", k=8)        unit directions, the strongest first
    x = edit(game, z, d[0], [-3, 0, 3])      each latent, moved along a direction
    z = paint(game, z, colours, brush)       near latents whose pictures have these colours under the brush
    found = invert(game, x, "hybrid")        latents that give these pictures

All of it asks for `latent` and `render`, or `encode`, never for a game by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from . import games
from .conditions import conditional
from .draws import BLOCK, SAMPLE
from .errors import InputError
from .game import Game
from .nets import encoder as encoder_network
from .optim import minimise
from .priors import Normal, Uniform
from .seeds import mix
from .spec import Field

RENDER = 7  # purpose of a seed
How = Literal["linear", "spherical"]
Method = Literal["encoder", "optimise", "hybrid"]
CANDIDATES = 64  # latents looked at before each search


def capable(method: str) -> list[str]:
    """Games of the zoo with this method; with a latent space for "latent"."""
    found = []
    for name in games.names():
        kind = games.find(name)
        if method == "latent":
            parts = [vars(c).get("build") for c in kind.__mro__] + [vars(c).get("latent") for c in kind.__mro__[:-3]]
            made = any("prior" in f.__code__.co_names for f in parts if f is not None)
            found += [name] if made else []
        else:
            found += [name] if hasattr(kind, method) else []
    return found


def need(game: Game, method: str) -> None:
    """Raises InputError where the game cannot do this, with the games that can."""
    own = hasattr(game, "prior") or type(game).latent is not Game.latent
    there = own if method == "latent" else hasattr(game, method)
    if not there:
        lacks = "has no latent space" if method == "latent" else f"cannot {method}"
        raise InputError(f"{type(game).__name__} {lacks}; games that can: {', '.join(capable(method)) or 'none yet'}")


# Latents, and what is made of them.


@torch.no_grad()
def latents(game: Game, n: int, seed: int = 0) -> Tensor:
    """The latents of the first `n` samples of this seed, `[n, ...]`, on the CPU."""
    need(game, "latent")
    blocks = []
    with torch.random.fork_rng([]):
        for i in range(0, max(n, 1), BLOCK):
            torch.manual_seed(mix(seed, SAMPLE, i))
            blocks.append(game.latent(BLOCK).cpu())
    return torch.cat(blocks)[:n]


@torch.no_grad()
def render(game: Game, z: Tensor, y: Tensor | None = None) -> Tensor:
    """What the game makes of latents `[n, ...]`, on the CPU; `y` is a condition for each, or one for all.

    A conditional game that is told nothing draws conditions, always the same.
    """
    need(game, "latent")
    y = None if y is None else y.expand(len(z), *y.shape[1:])
    parts = []
    with torch.random.fork_rng([]):
        for i in range(0, len(z), BLOCK):
            torch.manual_seed(mix(RENDER, i))
            part = z[i : i + BLOCK].to(game.device)
            given = () if y is None else (y[i : i + BLOCK].to(game.device),)
            parts.append(game.render(part, *given).float().cpu())
    return torch.cat(parts)


# Between latents.


def natural(game: Game) -> How:
    """Normal latents lie near a sphere, so the way between them does, too; others are joined by a straight line."""
    return "spherical" if isinstance(getattr(game, "prior", None), Normal) else "linear"


def between(a: Tensor, b: Tensor, t: float | Tensor, how: How = "spherical") -> Tensor:
    """The point `t` of the way from `a` to `b`, `[n, ...]` both: on the line, or on the arc whose radius
    goes from that of a to that of b (White 2016, arXiv:1609.04468)."""
    if how == "linear":
        return a.lerp(b, t) if isinstance(t, Tensor) else a + (b - a) * t
    u, v = a.flatten(1), b.flatten(1)
    cosine = nn.functional.cosine_similarity(u, v, dim=1).clamp(-1, 1)
    angle = cosine.acos().clamp(1e-4, torch.pi - 1e-4)[:, None]
    away, towards = torch.sin((1 - t) * angle) / torch.sin(angle), torch.sin(t * angle) / torch.sin(angle)
    return (away * u + towards * v).view_as(a)


def path(z: Tensor, steps: int, how: How = "spherical", loop: bool = False) -> Tensor:
    """From each latent to the next in `steps` steps, `[frames, ...]`; back to the first where it is a loop."""
    if len(z) < 2:
        raise InputError(f"a walk needs at least 2 latents to go between, not {len(z)}")
    if steps < 1:
        raise InputError(f"a walk takes at least 1 step from latent to latent, not {steps}")
    stops = torch.cat([z, z[:1]]) if loop else z
    legs = [torch.cat([between(a[None], b[None], i / steps, how) for i in range(steps)]) for a, b in pairwise(stops)]
    return torch.cat(legs if loop else [*legs, stops[-1:]])


def walk(
    game: Game, z: Tensor, steps: int = 16, how: How | None = None, loop: bool = False, y: Tensor | None = None
) -> Tensor:
    """The frames of a walk from each latent to the next."""
    frames = path(z, steps, how or natural(game), loop)
    return render(game, frames, held(game, y))


def held(game: Game, y: Tensor | None) -> Tensor | None:
    """The condition given; where a game wants one and none is given, one that it draws, for all frames."""
    conditions = getattr(game, "conditions", None) or getattr(game, "labels", None)
    if y is not None or not isinstance(conditions, nn.Module):
        return y
    with torch.random.fork_rng([]):
        torch.manual_seed(mix(RENDER))
        return conditions(1)


def plane(game: Game, corners: Tensor, rows: int, columns: int, y: Tensor | None = None) -> Tensor:
    """`rows` x `columns` pictures between four latents in the corners."""
    if len(corners) != 4:
        raise InputError(f"a plane has 4 corners, not {len(corners)}")
    how, (a, b, c, d) = natural(game), corners.split(1)
    ends = [(between(a, c, i / max(rows - 1, 1), how), between(b, d, i / max(rows - 1, 1), how)) for i in range(rows)]
    z = [between(left, right, j / max(columns - 1, 1), how) for left, right in ends for j in range(columns)]
    return render(game, torch.cat(z), held(game, y))


def sweep(game: Game, z: Tensor, ys: Tensor) -> Tensor:
    """Every latent under every condition, `[len(z) * len(ys), ...]`, a row of conditions for each latent."""
    if not conditional(game):
        raise InputError(f"{type(game).__name__} cannot be told what to draw, so there are no classes to sweep over")
    return render(game, z.repeat_interleave(len(ys), 0), ys.repeat(len(z), *[1] * (ys.ndim - 1)))


def arithmetic(plus: Sequence[Tensor], minus: Sequence[Tensor]) -> Tensor:
    """Sums and differences of averaged latents, as in G' - M' + W' (Radford et al. 2015, Sec. 6.3.2): of `[k, ...]`
    each, `[1, ...]`."""
    means = [z.mean(0, keepdim=True) for z in plus] + [-z.mean(0, keepdim=True) for z in minus]
    return torch.stack(means).sum(0)


# Directions.


def directions(game: Game, method: Literal["sefa", "pca"] = "sefa", k: int = 8, n: int = 2000, seed: int = 0) -> Tensor:
    """The `k` strongest directions, unit length, `[k, d]`, for latents that are rows `[n, d]`.

    sefa: the directions that the first layers stretch most (Shen and Zhou 2020, arXiv:2007.06600), no samples needed.
    pca: the directions in which latents go with the principal components of what is made of them, after Harkonen et al.
    2020, arXiv:2004.02546, with the output in the place of a hidden layer.
    """
    z = latents(game, n if method == "pca" else 2, seed)
    if z.ndim != 2:
        raise InputError(f"directions are of latents that are rows; these have shape {list(z.shape[1:])}")
    k = min(k, z.shape[1])
    if method == "sefa":
        weights = torch.cat(first_layers(game, z))
        return torch.linalg.eigh(weights.T @ weights).eigenvectors.flip(1).T[:k]
    if method == "pca":
        x = render(game, z, held(game, None)).flatten(1)
        x = x - x.mean(0)
        coordinates = x @ torch.linalg.svd(x, full_matrices=False).Vh[:k].T
        found = torch.linalg.lstsq(coordinates, z - z.mean(0)).solution
        return found / found.norm(dim=1, keepdim=True).clamp(min=1e-12)
    raise InputError(f"directions are found by sefa or pca, not {method!r}")


def first_layers(game: Game, z: Tensor) -> list[Tensor]:
    """Weights `[m, d]` of all layers whose input begins with the latent itself."""
    found: list[Tensor] = []
    here = z.to(game.device)

    def look(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
        given, d = args[0].flatten(1), z.shape[1]
        if len(given) != len(here) or given.shape[1] < d or not torch.equal(given[:, :d], here):
            return
        weight = layer.weight
        assert isinstance(weight, Tensor)
        rows = weight.flatten(1)  # [m, d], of a transposed convolution, which sees one pixel, [d, m]
        rows = rows.T if isinstance(layer, nn.ConvTranspose2d) else rows
        found.append(rows[:, :d].detach().float().cpu())

    layers = [m for m in game.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [m.register_forward_pre_hook(look) for m in layers]
    try:
        render(game, z)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise InputError(f"{type(game).__name__}: no layer takes its latent as it is; try pca")
    return found


def attribute(z: Tensor, having: Tensor) -> Tensor:
    """The direction from latents without an attribute to those that have it (bool `[n]`), `[d]`: the normal of the
    plane that parts them best (Shen et al. 2020, arXiv:1907.10786)."""
    from sklearn.linear_model import LogisticRegression

    if having.all() or not having.any():
        raise InputError("all of the labelled samples have the attribute, or none has; directions need both")
    machine = LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced").fit(
        z.flatten(1).numpy(), having.numpy()
    )
    normal = torch.from_numpy(machine.coef_[0]).float()
    return (normal / normal.norm()).view_as(z[0])


def edit(game: Game, z: Tensor, direction: Tensor, amounts: Sequence[float], y: Tensor | None = None) -> Tensor:
    """Each latent moved along a direction by each amount, `[len(z) * len(amounts), ...]`, a row for each latent."""
    steps = torch.tensor(list(amounts)).view(1, -1, *[1] * (z.ndim - 1))
    moved = (z[:, None] + steps * direction).flatten(0, 1)
    y = held(game, y)
    return render(game, moved, y if y is None or len(y) == 1 else y.repeat_interleave(len(amounts), 0))


def paint(
    game: Game,
    z: Tensor,
    colours: Tensor,
    brush: Tensor,
    y: Tensor | None = None,
    *,
    stay: float = 0.01,
    steps: int = 200,
    lr: float = 0.05,
) -> Tensor:
    """Latents near `z` `[n, ...]` whose pictures have these `colours` `[c, h, w]` where the `brush` `[1, h, w]` went, 1
    or 0: Adam on the mean square difference there, and `stay` times the mean square way in z (Zhu et al. 2016,
    arXiv:1609.03552, Eq. 5, without its term of D)."""
    here = game.device
    start, colours, brush = z.to(here), colours.to(here), brush.to(here)
    y = None if y is None else y.expand(len(z), *y.shape[1:]).to(here)

    def far(z: Tensor) -> Tensor:
        made = game.render(z) if y is None else game.render(z, y)
        missed = (brush * (made - colours).square()).sum((1, 2, 3)) / (brush.sum() * len(colours))
        return missed.sum() + stay * (z - start).square().flatten(1).mean(1).sum()

    return minimise(far, start, steps, lr, bounds(game, z)).cpu()


# The way back.


@dataclass(frozen=True)
class Inversion:
    """Latents found for examples, what is made of them, and how far that is from what was given."""

    z: Tensor
    y: Tensor | None
    x: Tensor
    error: Tensor  # mean square, an example, `[n]`


def invert(
    game: Game,
    x: Tensor,
    method: Method | None = None,
    y: Tensor | None = None,
    *,
    candidates: Tensor | None = None,
    encoder: nn.Module | None = None,
    steps: int = 300,
    restarts: int = 4,
    lr: float = 0.05,
    seed: int = 0,
) -> Inversion:
    """Latents that give the examples `x` `[n, ...]`.

    encoder: by the game's `encode`, or by `encoder`, such as `projector` trains. optimise: Adam on the mean square
    difference, from the best of many random latents, `restarts` times; latents of a uniform prior stay in its range,
    normal ones pay for leaving it. hybrid: from the encoder's answer (Zhu et al. 2016, arXiv:1609.03552). If not said,
    hybrid where there is an encoder. A conditional game wants `y`, or `candidates` of which the best fitting is taken.
    """
    need(game, "latent")
    own = own_encoder(game, x)
    method = method or ("hybrid" if encoder or own else "optimise")
    if method not in ("encoder", "optimise", "hybrid"):
        raise InputError(f"method is encoder, optimise or hybrid; not {method!r}")
    if y is None and candidates is not None:
        y = fitting(game, x, candidates, seed)
    y = held(game, y)
    if method != "optimise" and encoder is None and not own:
        raise InputError(
            f"{type(game).__name__} has no encoder of its latents; invert by optimise, or train one with "
            f"latent.projector; games that have one: {', '.join(capable('encode'))}"
        )
    if method == "optimise":
        found = [search(game, x, y, start(game, x, y, seed + i), steps, lr) for i in range(restarts)]
        z = best(game, x, y, found)
    else:
        with torch.no_grad():
            z = (encoder or game.encode)(x.to(game.device)).cpu()
        z = z if method == "encoder" else search(game, x, y, z, steps, lr)
    made = render(game, z, y)
    return Inversion(z, y, made, (made - x).square().flatten(1).mean(1))


def own_encoder(game: Game, x: Tensor) -> bool:
    """Does the game's `encode` give latents that it can render? Some give only codes."""
    if not hasattr(game, "encode"):
        return False
    with torch.no_grad():
        return game.encode(x[:1].to(game.device)).shape[1:] == latents(game, 1).shape[1:]


def start(game: Game, x: Tensor, y: Tensor | None, seed: int) -> Tensor:
    """For each example the nearest of some random latents."""
    z = latents(game, CANDIDATES, seed)
    if y is None or len(y) == 1:
        return z[torch.cdist(x.flatten(1), render(game, z, y).flatten(1)).argmin(1)]
    several = y.repeat_interleave(16, 0)
    made = render(game, z[:16].repeat(len(x), *[1] * (z.ndim - 1)), several).view(len(x), 16, *x.shape[1:])
    return z[(made - x[:, None]).flatten(2).square().sum(2).argmin(1)]


def search(game: Game, x: Tensor, y: Tensor | None, z: Tensor, steps: int, lr: float) -> Tensor:
    """Adam from `z` on the mean square difference of pictures, its rate falling to zero."""
    here = game.device
    prior, target = getattr(game, "prior", None), x.to(here)
    y = None if y is None else y.expand(len(x), *y.shape[1:]).to(here)
    normal = isinstance(prior, Normal)

    def far(z: Tensor) -> Tensor:
        made = game.render(z) if y is None else game.render(z, y)
        apart = (made - target).square().flatten(1).mean(1).sum()
        return apart + 1e-3 * z.square().flatten(1).mean(1).sum() if normal else apart

    return minimise(far, z.to(here), steps, lr, bounds(game, z)).cpu()


def bounds(game: Game, z: Tensor) -> tuple[float, float] | None:
    """The range of latents such as `z`, where the game's prior has one."""
    prior = getattr(game, "prior", None)
    return (prior.low, prior.high) if isinstance(prior, Uniform) and prior.shape == z.shape[1:] else None


def best(game: Game, x: Tensor, y: Tensor | None, found: Sequence[Tensor]) -> Tensor:
    """Of several latents for each example the one that fits it best."""
    errors = torch.stack([(render(game, z, y) - x).square().flatten(1).mean(1) for z in found])
    return torch.stack(list(found))[errors.argmin(0), torch.arange(len(x))]


def fitting(game: Game, x: Tensor, candidates: Tensor, seed: int = 0) -> Tensor:
    """For each example the condition under which a short search comes nearest to it."""
    errors = []
    for y in candidates.split(1):
        z = search(game, x, y, start(game, x, y, seed), 40, 0.1)
        errors.append((render(game, z, y) - x).square().flatten(1).mean(1))
    return candidates[torch.stack(errors).argmin(0)]


def projector(
    game: Game, field: Field, steps: int = 1500, width: int = 32, y: Tensor | None = None, seed: int = 0
) -> nn.Module:
    """An encoder for a game that has none: trained on samples and their latents (Zhu et al. 2016, Sec. 3.1, without the
    pictures; Perarnau et al. 2016, Eq. 4)."""
    z = latents(game, 1, seed)
    if z.ndim != 2:
        raise InputError(f"a projector gives latents that are rows; these have shape {list(z.shape[1:])}")
    with torch.random.fork_rng([]):
        torch.manual_seed(mix(seed, RENDER))
        network = encoder_network(field, z.shape[1], width).to(game.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for i in range(steps):
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 - i / steps)
            with torch.no_grad():
                latent = game.latent(BLOCK)
                made = game.render(latent) if y is None else game.render(latent, y[torch.randint(len(y), (BLOCK,))])
            loss = (network(made) - latent).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval().requires_grad_(False)
