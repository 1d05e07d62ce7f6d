"""Scores from the class probabilities that a classifier gives to samples."""

from __future__ import annotations

import torch

from ..errors import InputError
from .points import Array, rows


def inception_score(probabilities: Array) -> float:
    """exp E KL(p(y|x) || p(y)) from `[n, classes]` (Salimans et al. 2016): 1 to the number of classes. It is *the*
    Inception score only with the Inception network's classes, and it sees neither missing variety inside a class nor
    copies."""
    p = rows(probabilities)
    if bool((p < 0).any()) or not torch.allclose(p.sum(1), p.new_ones(len(p)), atol=1e-4):
        raise InputError("class probabilities are rows of shares that sum to 1; give softmax(logits), not logits")
    p = p / p.sum(1, keepdim=True)
    divergence = (torch.special.xlogy(p, p) - torch.special.xlogy(p, p.mean(0))).sum(1)
    return float(divergence.mean().exp())


def class_shares(probabilities: Array) -> torch.Tensor:
    """Share of the samples whose likeliest class is each, `[classes]`."""
    p = rows(probabilities)
    return torch.bincount(p.argmax(1), minlength=p.shape[1]).double() / len(p)
