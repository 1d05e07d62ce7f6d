"""Feature networks: what Frechet and kernel distances, precision and recall look at pictures through.

Any object with a name, a hash of its weights and a call from images to `Features` serves. The default is a small
convolutional classifier trained on the data set itself, once, and kept in the cache folder; `from_module` takes any
PyTorch network instead, Inception among them, where its weights are at hand. Figures seen through different networks
cannot be compared: every card carries the network's name and hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError

if TYPE_CHECKING:
    from ..data import Data

RECIPE = 1  # counts changes to what is trained below; a cached network of another recipe is not used
SIDE = 64  # pixels; longer pictures are averaged down to it
EXAMPLES = 40_000  # of the training part, at most
STEPS, BATCH, RATE = 1000, 128, 5e-3


class Features(NamedTuple):
    """What a network says of n images."""

    rows: Tensor  # [n, d]
    probabilities: Tensor | None  # [n, classes], from networks that classify


class FeatureNet(Protocol):
    """Images `[n, c, h, w]` in [-1, 1] -> Features."""

    @property
    def name(self) -> str: ...
    @property
    def hash(self) -> str: ...
    def __call__(self, images: Tensor) -> Features: ...


@dataclass(frozen=True)
class Network:
    """A FeatureNet around a module that returns rows `[n, d]`, or rows and logits."""

    name: str
    hash: str
    module: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]
    device: torch.device
    classifies: bool  # whether the logits are of the data's classes
    accuracy: float | None = None  # of those logits on the held-out part

    @torch.no_grad()
    def __call__(self, images: Tensor, chunk: int = 256) -> Features:
        outputs = [self.module(part.to(self.device, torch.float32)) for part in images.split(chunk)]
        pairs = [out if isinstance(out, tuple) else (out, None) for out in outputs]
        rows = torch.cat([features.flatten(1).cpu() for features, _ in pairs])
        logits = [logit.cpu() for _, logit in pairs if logit is not None] if self.classifies else []
        return Features(rows, torch.cat(logits).softmax(1) if logits else None)


class Classifier(nn.Module):
    """Three 3x3 convolutions, the largest values over a 4x4 grid, 64 features: for pictures of any shape.

    `scale` brings the features' mean square over the training data to 1, as the kernel distance's 1 + x.y / d expects.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, width: int = 16, features: int = 64):
        super().__init__()
        channels, height, width_px = shape
        side = min(max(height, width_px), SIDE)
        self.first = _convolution(channels, width, stride=2 if side > 32 else 1)
        self.second = _convolution(width, 2 * width)
        self.third = _convolution(2 * width, 4 * width)
        self.features = nn.Linear(4 * width * 16, features)
        self.classes = nn.Linear(features, classes)
        self.register_buffer("scale", torch.ones(()))
        self.scale: Tensor

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[n, c, h, w]` -> features `[n, 64]`, logits `[n, classes]`."""
        x = shrink(x, SIDE)
        for layer in (self.first, self.second):
            x = layer(x)
            x = F.max_pool2d(x, 2) if min(x.shape[2:]) >= 8 else x
        x = F.adaptive_max_pool2d(self.third(x), 4)
        features = F.relu(self.features(x.flatten(1)))
        return features * self.scale, self.classes(features)


def _convolution(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


def shrink(images: Tensor, side: int) -> Tensor:
    """Images `[n, c, h, w]` averaged down until neither side is longer than `side`; the aspect ratio stays."""
    height, width = images.shape[2:]
    scale = side / max(height, width)
    if scale >= 1:
        return images
    return F.adaptive_avg_pool2d(images, (max(1, round(height * scale)), max(1, round(width * scale))))


def from_module(module: nn.Module, name: str, *, classifies: bool = False) -> Network:
    """Any network from images `[n, c, h, w]` in [-1, 1] to rows `[n, d]`, or to rows and logits, as a feature network.

    Resizing and normalising are the module's business. It stays on its device and is put into eval mode. `classifies`
    says that its logits are over the data's own classes, or over classes for which an inception-type score is wanted.
    """
    module.eval()
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    return Network(name, weight_hash(module.state_dict()), module, device, classifies)


def weight_hash(weights: Mapping[str, Tensor]) -> str:
    """Twelve hexadecimal digits that stand for the names, types, shapes and values of all weights and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def cache_folder() -> Path:
    """$ZEROSUM_CACHE, or else zerosum/ in $XDG_CACHE_HOME (~/.cache)."""
    if folder := os.environ.get("ZEROSUM_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zerosum"


def of_data(data: Data) -> Network:
    """The feature network of this data's images x: read from the cache, or trained now, within a minute, and kept.

    Where the data has labels y, it classifies them. Where not, it tells which of four mirrorings was done to a picture
    (none, left-right, top-bottom, both), which teaches it shapes, and its probabilities are of no use to anyone.
    The same data gives the same network on the same kind of machine; the global random state is left alone.
    """
    if "x" not in data.spec or data.spec.x.kind != "image":
        raise InputError(f"feature networks look at an image array 'x'; this data has {data.spec}")
    labelled = "y" in data.spec and data.spec.y.kind == "label" and len(data.spec.y.classes) > 1
    task, classes = ("classifier", len(data.spec.y.classes)) if labelled else ("mirror detector", 4)
    key = hashlib.sha256(f"{data.fingerprint} {data.spec.x.shape} {task} {RECIPE}".encode()).hexdigest()[:16]
    name = f"{data.name} {task}"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module = Classifier(data.spec.x.shape, classes)
        facts = _load(key, module)
        if facts is None:
            accuracy = _train(module, data, labelled)
            facts = _Facts(name, weight_hash(module.state_dict()), accuracy)
            _save(key, module, facts)
    module.eval()
    return Network(name, facts.hash, module, torch.device("cpu"), labelled, facts.accuracy)


def _train(module: Classifier, data: Data, labelled: bool) -> float:
    """Adam, cosine decay. Returns the share of held-out images it gets right."""
    images, labels = _task(data, EXAMPLES, labelled)
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    order = torch.cat([torch.randperm(len(images)) for _ in range(STEPS * BATCH // len(images) + 1)])
    with torch.enable_grad():
        for batch in order[: STEPS * BATCH].split(BATCH):
            loss = F.cross_entropy(module(images[batch])[1], labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    module.eval()
    with torch.no_grad():
        features = torch.cat([module(part)[0] for part in images[:5000].split(256)])
        module.scale /= features.square().mean().sqrt().clamp(min=1e-6)
        images, labels = _task(data.held_out, 5000, labelled)
        guesses = torch.cat([module(part)[1].argmax(1) for part in images.split(256)])
    return float((guesses == labels).double().mean())


def _task(data: Data, n: int, labelled: bool) -> tuple[Tensor, Tensor]:
    """At most n images to classify and what is right: their labels, or the mirroring done to them here."""
    n = min(n, 2**28 // data.spec.x.size + 1)  # a GiB of them
    batch = data.take(n if labelled else n // 4 + 1, seed=0)
    images = shrink(batch.x.cpu().float(), SIDE)
    if labelled:
        return images, batch.y.cpu().long()
    mirrored = torch.cat([images, images.flip(3), images.flip(2), images.flip(2, 3)])
    return mirrored, torch.arange(4).repeat_interleave(len(images))


@dataclass(frozen=True)
class _Facts:
    name: str
    hash: str
    accuracy: float


def _paths(key: str) -> tuple[Path, Path]:
    folder = cache_folder() / "features"
    return folder / f"{key}.safetensors", folder / f"{key}.json"


def _load(key: str, module: nn.Module) -> _Facts | None:
    """Read cached weights into `module`; None where there are none that are as recorded."""
    from safetensors.torch import load_file

    weights, facts = _paths(key)
    if not (weights.exists() and facts.exists()):
        return None
    recorded, state = _Facts(**json.loads(facts.read_text())), load_file(weights)
    if recorded.hash != weight_hash(state):
        return None
    module.load_state_dict(state)
    return recorded


def _save(key: str, module: nn.Module, facts: _Facts) -> None:
    """Each file is written beside its place and moved there whole, so that a second process never reads half of one."""
    from safetensors.torch import save_file

    weights, about = _paths(key)
    weights.parent.mkdir(parents=True, exist_ok=True)
    temporary = weights.with_suffix(f".{os.getpid()}")
    save_file(module.state_dict(), temporary)
    temporary.replace(weights)
    temporary.write_text(json.dumps(asdict(facts), indent=1))
    temporary.replace(about)
