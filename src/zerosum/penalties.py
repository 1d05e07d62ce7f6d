"""Penalties on a discriminator's gradient with respect to its input, `f: [n, ...] -> [n]`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

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
