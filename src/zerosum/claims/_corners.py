"""What claims about attributes that add up share: digits that are plain, thick or underlined, but never thick and
underlined, and a judge who knows all four corners."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..engine import Engine
from ..game import Batch
from ..latent import arithmetic, latents, render
from ..spec import Field, Pixels, Spec
from . import Found
from ._latents import some_of
from ._rigs import Made, digits

SIZE = 16  # pixels
# Of plain, thick and underlined digits. Were all as frequent, the three would fill the latent space, and the sum of two
# attributes would lie on the border between them.
SHARES = torch.tensor([0.8, 0.1, 0.1])
PLAIN, THICK, LINED, BOTH, NONE = range(5)  # what the judge says
SAMPLES, TRIALS, AVERAGED, AMOUNT = 4000, 500, 10, 2


@cache
def corners() -> Tensor:
    """The digits to train on at twice their size, `[4, n, 1, 16, 16]`: plain, thick, underlined, both; thick ones are
    wider by a pixel on all sides, and the line is two pixels high."""
    plain = F.interpolate(digits().all(), size=(SIZE, SIZE), mode="bilinear")
    thick = F.max_pool2d(plain, 3, 1, 1)
    lined, both = plain.clone(), thick.clone()
    for x in (lined, both):
        x[..., -2:, :] = 1.0
    return torch.stack([plain, thick, lined, both])


def three() -> Made:
    """Digits of the first three corners, without end."""

    def draw(n: int) -> Batch:
        which, one = torch.multinomial(SHARES, n, replacement=True), torch.randint(corners().shape[1], (n,))
        return Batch(x=corners()[which, one])

    return Made(Spec(x=Field((1, SIZE, SIZE), "image", Pixels())), draw)


@cache
def judge() -> Callable[[Tensor], Tensor]:
    """Pictures -> their corners `[n]`, by a support vector machine that saw all four, and mixtures of two of their
    pictures as what is none of them."""
    from sklearn.svm import SVC

    x = corners().flatten(0, 1).flatten(1)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        share = 0.3 + 0.4 * torch.rand(len(x) // 4, 1)
        mixed = share * some_of(x, len(share)) + (1 - share) * some_of(x, len(share))
    told = np.arange(5).repeat(len(mixed))
    machine = SVC(gamma=0.005, C=5.0).fit(torch.cat([x, mixed]).numpy(), told)  # pyright: ignore[reportArgumentType]
    return lambda x: torch.from_numpy(machine.predict(x.flatten(1).numpy()))


@cache
def label() -> Callable[[Tensor], Tensor]:
    """Samples -> which of the three corners they are of `[n]`, by the five nearest examples that were trained on."""
    from sklearn.neighbors import KNeighborsClassifier

    x = corners()[:BOTH]
    machine = KNeighborsClassifier(5).fit(x.flatten(0, 1).flatten(1).numpy(), np.arange(BOTH).repeat(x.shape[1]))
    return lambda x: torch.from_numpy(machine.predict(x.flatten(1).numpy()))


def added(engine: Engine, seed: int, known: bool = True) -> Found:
    """Shares of pictures that are thick and underlined: of 500 `sums`, thick - plain + underlined, of averages of 10
    latents each; of 500 plain samples `moved` by twice the two attributes, which are differences of averages; of all
    samples; and of the same sums of pictures. Where labels are not known, they are any."""
    torch.manual_seed(seed)
    with engine.averaged() as game:
        z = latents(game, SAMPLES, seed)
        x = render(game, z)
        labels = label()(x)
        labels = labels if known else labels[torch.randperm(len(labels))]
        plain, thick, lined = groups = [torch.nonzero(labels == corner).squeeze(1) for corner in range(BOTH)]
        picked = [[some_of(group, AVERAGED) for group in groups] for _ in range(TRIALS)]
        sums, pixels = (torch.cat([arithmetic([of[b], of[c]], [of[a]]) for a, b, c in picked]) for of in (z, x))
        away = arithmetic([z[thick], z[lined]], [z[plain], z[plain]])
        shown = {"sums": render(game, sums), "moved": render(game, z[plain][:TRIALS] + AMOUNT * away)}
    shown |= {"samples": x, "sums of pictures": pixels.clamp(-1, 1)}
    return {name: float((judge()(v) == BOTH).double().mean()) for name, v in shown.items()}
