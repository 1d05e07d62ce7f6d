"""Penalties on a discriminator's gradient with respect to its input, `f: [n, ...] -> [n]`."""

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .errors import InputError
from .game import Batch, Game, Move, Terms

Critic = Callable[[Tensor], Tensor]


def value_and_gradient(f: Critic, x: Tensor) -> tuple[Tensor, Tensor]:
    """f(x), `[n]`, and its gradient at each example, like `x`; both can be differentiated again.

    By `torch.func.grad`, the one form that torch.compile can differentiate twice (torch 2.13). Batch norm in training
    mode writes its running statistics in place, which `torch.func` refuses: then by `autograd.grad`.
    """
    if isinstance(f, nn.Module) and any(isinstance(m, _BatchNorm) and m.training for m in f.modules()):
        x = x if x.requires_grad else x.detach().requires_grad_()
        value = f(x)
        return value, torch.autograd.grad(value.sum(), x, create_graph=True)[0]

    def total(v: Tensor) -> tuple[Tensor, Tensor]:
        value = f(v)
        return value.sum(), value

    gradient, value = torch.func.grad(total, has_aux=True)(x)
    return value, gradient


def square_norm(gradient: Tensor) -> Tensor:
    """E |gradient|^2: R1 at data, R2 at fakes (Mescheder et al. 2018, Eqs. 9 and 10, without gamma / 2)."""
    return gradient.flatten(1).square().sum(1).mean()


def gradient_penalty(f: Critic, x: Tensor, y: Tensor) -> Tensor:
    """E (|grad f| - 1)^2 on segments between x and y, one position an example (Gulrajani et al. 2017, Eq. 3).

    The root carries 1e-12 inside, so that a critic without slope still has a gradient; not in the paper.
    """
    t = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype)
    gradient = value_and_gradient(f, x.lerp(y.to(x.dtype), t))[1].flatten(1)
    return ((gradient.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


class R1:
    """weight / 2 E |grad D(x)|^2 as a lazy move of its own, every fourth round with four times the gradient, for games
    that have none (Mescheder et al. 2018, Eq. 9; lazily as in Karras et al. 2020, App. B)."""

    __name__ = "r1"

    def __init__(self, critic: Critic, weight: float):
        self.critic, self.weight = critic, weight

    def __call__(self, batch: Batch) -> Terms:
        return {"r1": self.weight / 2 * square_norm(value_and_gradient(self.critic, batch.x)[1])}


def added_r1(game: Game, weight: float) -> list[Move]:
    """The penalty for every discriminator. Raises InputError where one takes more than x."""
    moves = []
    for critic in game.discriminators():
        takes = inspect.signature(critic.forward).parameters
        owner = next((k for k, p in game.players().items() if set(critic.parameters()) <= set(p.parameters())), None)
        if len(takes) != 1 or owner is None or set(game.needs) - {"x", "y"}:
            raise InputError(
                f"add_r1 needs a D that takes x alone; that of {type(game).__name__} takes {', '.join(takes)}"
            )
        moves.append(Move(owner, R1(critic, weight), every=4))
    if not moves:
        raise InputError(f"add_r1 needs a discriminator; {type(game).__name__} has none")
    return moves
