"""A run's generator as an ONNX file, from noise to samples in the user's units, for programs without Python.

Every random number that the generator draws is an input of the graph, so the caller owns the noise: the same noise
gives the same samples as here. Tables come out as `[n, columns]` in float64, categories as their numbers; pictures as
`[n, c, h, w]` in the range of the user's pixels.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .conditions import conditional
from .errors import InputError
from .features import Features, written_only
from .game import Game
from .priors import Prior
from .spec import Columns, Field, Pixels, Spec

ROWS = 4  # of the noise that the graph is made with; it takes any number


def units(x: Tensor, field: Field) -> Tensor:
    """Samples as games see them -> the user's units, by operations that a graph can hold."""
    codec = field.codec
    if isinstance(codec, Pixels):
        return (x.clamp(-1, 1) + 1) * ((codec.high - codec.low) / 2) + codec.low
    if not isinstance(codec, Columns):
        raise InputError(f"only pictures and rows of numbers can be exported; this is {field}")
    mean, std = codec.affine
    w = x.shape[1]  # perhaps only what is written of a row
    values = x.double() * std[:w] + mean[:w]
    named, columns = values, codec.columns
    if isinstance(codec, Features):
        named, columns = codec.inverse(codec.columns_of(values[:, : codec.written])), codec.user.columns
        parts = [named[c.name].argmax(1).double() if c.categories else named[c.name] for c in columns]
    else:
        blocks = [values[:, b] for b in codec.blocks]
        parts = [v.argmax(1).double() if c.categories else v[:, 0] for c, v in zip(columns, blocks, strict=True)]
    return torch.stack(parts, 1)


class Portable(nn.Module):
    """`game.sample` with the draws of its priors, and its condition if it takes one, as arguments: `inputs` by name."""

    def __init__(self, game: Game, spec: Spec):
        super().__init__()
        self.game, self.field, self.conditional = game.eval(), spec.x, conditional(game)
        self.priors = {name: m for name, m in game.named_modules() if isinstance(m, Prior)}
        y = {}
        if self.conditional:
            numbers = spec.y.kind == "vector"
            y["y"] = torch.zeros(ROWS, *spec.y.shape, dtype=torch.float32 if numbers else torch.int64)
        drawn: dict[str, Tensor] = {}
        with self._draws(lambda name, prior, n: drawn.setdefault(name, type(prior).forward(prior, n))):
            game.sample(ROWS, **y)
        self.inputs = drawn | y
        self.eval()

    @contextmanager
    def _draws(self, draw: Callable[[str, Prior, int], Tensor]) -> Iterator[None]:
        """Inside, priors draw what this says."""
        for name, prior in self.priors.items():
            prior.forward = partial(draw, name, prior)
        try:
            yield
        finally:
            for prior in self.priors.values():
                del prior.forward

    def rows(self, *inputs: Tensor) -> Tensor:
        """Samples as games see them, without augmented columns."""
        given = dict(zip(self.inputs, inputs, strict=True))
        y = {"y": given["y"]} if self.conditional else {}
        with written_only(self.game), self._draws(lambda name, prior, n: given[name]):
            return self.game.sample(inputs[0].shape[0], **y)

    def noise(self, n: int) -> tuple[Tensor, ...]:
        """A draw of every input but a condition, in their order."""
        return tuple(type(prior).forward(prior, n) for prior in self.priors.values())

    def forward(self, *inputs: Tensor) -> Tensor:
        return units(self.rows(*inputs), self.field)


@torch.no_grad()
def export(game: Game, spec: Spec, path: Path) -> dict[str, list[Any]]:
    """Write the game's generator as ONNX; returns the names and shapes of its inputs.

    Raises InputError where ONNX is not installed, or the game cannot be expressed in it.
    """
    if lacking := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise InputError(f"{' and '.join(lacking)} is not installed: pip install 'zerosum[onnx]'")
    if path.suffix != ".onnx":
        raise InputError(f"--onnx takes a file that ends in .onnx, not {str(path)!r}")
    graph = Portable(game, spec)
    inputs = tuple(graph.inputs.values())
    if not torch.equal(graph.rows(*inputs), graph.rows(*inputs)):
        raise InputError(
            f"{type(game).__name__} on this data draws random numbers inside its generator (categories do), which a "
            f"graph cannot be given"
        )
    names = [name.replace(".", "_") for name in graph.inputs]
    some = torch.export.Dim("n", min=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of every optional package that is missing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about itself
            program = torch.onnx.export(
                graph,
                inputs,
                input_names=names,
                output_names=["samples"],
                dynamic_shapes=(tuple({0: some} for _ in inputs),),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise InputError(f"{type(game).__name__} cannot be expressed in ONNX: {str(error).splitlines()[0]}") from error
    assert program is not None
    program.model.metadata_props["zerosum"] = json.dumps({"columns": columns(spec.x), "spec": spec.to_json()})
    program.save(path)
    return {name: ["n", *v.shape[1:]] for name, v in zip(names, inputs, strict=True)}


def columns(field: Field) -> list[str]:
    """Names of the numbers of a sample, of a table."""
    return list(field.codec.names) if isinstance(field.codec, Columns) else []


class Lowered(nn.Module):
    """Layers in bfloat16 between a float32 input and output; the last one in float32 where it is `mixed`."""

    def __init__(self, layers: nn.Sequential, mixed: bool):
        super().__init__()
        body, last = layers[:-1], layers[-1]
        self.body, self.last = body.bfloat16(), last if mixed else last.bfloat16()
        self.mixed = mixed

    def forward(self, z: Tensor) -> Tensor:
        h = self.body(z.bfloat16())
        return self.last(h.float() if self.mixed else h).float()


def lowered(game: Game, mixed: bool = True) -> None:
    """Puts the perceptron of a game's generator into bfloat16, but for its last layer where it is `mixed`: bfloat16
    has eight binary digits, of which features that are written by it would have no more. Raises InputError where the
    generator begins with no perceptron."""
    first = game.G[0] if isinstance(game.G, nn.Sequential) else None
    if not isinstance(first, nn.Sequential) or not isinstance(first[-1], nn.Linear):
        raise InputError(f"precision bf16 is for perceptrons that make rows; {type(game).__name__}'s generator is none")
    game.G[0] = Lowered(first, mixed)
