"""A trained generator as one HTML file that runs it in the browser: nothing is asked of any server.

torch.export writes down what the game does between latents and samples as a list of some twenty operations. The page
holds that list and the weights, and `web/saved/net.js` computes it.
"""

from __future__ import annotations

import base64
import html
import json
import operator
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind

from .. import latent
from ..conditions import conditional
from ..errors import InputError
from ..game import Game
from ..spec import Columns
from .models import Model

SAVED = Path(__file__).parent / "web" / "saved"
LARGEST = 64 * 2**20  # bytes of weights in a page
POOL = 240  # latents in the page, to draw from
ARITHMETIC = "add sub mul div pow eq exp rsqrt relu leaky_relu tanh sigmoid silu mean addmm mm"
SHAPES = (
    "permute view _unsafe_view unsqueeze squeeze expand slice select cat alias clone _to_copy constant_pad_nd getitem"
)
LAYERS = "convolution _native_batch_norm_legit_no_training upsample_nearest2d upsample_bilinear2d embedding arange full"
OPERATIONS = frozenset(f"{ARITHMETIC} {SHAPES} {LAYERS}".split())  # what net.js can compute


class Drawn(nn.Module):
    """From latents, and a condition where there is one, to a sample."""

    def __init__(self, game: Game):
        super().__init__()
        self.game = game

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.game.render(z) if y is None else self.game.render(z, y)


def trace(model: Model) -> dict[str, Any]:
    """The operations from latents `z` (and a class `y`) to one sample, and the tensors that they use.

    Raises InputError where the game does something that the page cannot.
    """
    y = latent.held(model.game, None) if conditional(model.game) else None
    given = (latent.latents(model.game, 1),) if y is None else (latent.latents(model.game, 1), y[:1])
    with model.lock, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        try:
            program = torch.export.export(Drawn(model.game).eval(), given).run_decompositions()
        except (RuntimeError, TypeError, ValueError, torch._dynamo.exc.TorchDynamoException) as error:  # type: ignore[attr-defined]
            raise InputError(f"{model.name} cannot be written down: {str(error).splitlines()[0]}") from error
    held: dict[str, Any] = {**program.state_dict, **program.constants}
    names = {spec.arg.name: spec for spec in program.graph_signature.input_specs}  # type: ignore[union-attr]
    inputs = [n for n, spec in names.items() if spec.kind is InputKind.USER_INPUT]
    tensors: dict[str, Tensor] = {n: held[spec.target] for n, spec in names.items() if spec.target in held}
    output = str(next(iter(program.graph_signature.user_outputs)))
    nodes, wanted = [], {output}
    for node in reversed(program.graph.nodes):  # what leads to the output, not the checks beside it
        if node.op == "call_function" and node.name in wanted:
            name = "getitem" if node.target is operator.getitem else str(node.target).split(".")[1]
            if name not in OPERATIONS:
                raise InputError(f"{model.name} uses {name}, which the saved page cannot compute")
            wanted |= {n.name for n in node.all_input_nodes}
            nodes.insert(0, {"name": node.name, "op": name, "args": [plain(a) for a in arguments(node)]})
    weights = {n: t for n, t in tensors.items() if n in wanted}
    if sum(t.nbytes for t in weights.values()) > LARGEST:
        raise InputError(f"{model.name} has more than {LARGEST // 2**20} MiB of weights, too many for a page")
    packed = {n: {"shape": list(t.shape), "data": packed32(t)} for n, t in weights.items()}
    return {"inputs": inputs, "nodes": nodes, "output": output, "tensors": packed}


def arguments(node: torch.fx.Node) -> list[Any]:
    """All arguments in the order of the operation's schema, defaults included."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return list(node.args)
    rest = schema.arguments[len(node.args) :]
    return [*node.args, *(node.kwargs.get(a.name, a.default_value) for a in rest)]


def plain(value: Any) -> Any:
    """References by name, as {"ref": name}; what only torch understands is left out."""
    if isinstance(value, torch.fx.Node):
        return {"ref": value.name}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, bool | int | float | str) or value is None else None


def packed32(values: Tensor) -> str:
    """Little-endian float32 in base64."""
    return base64.b64encode(values.detach().cpu().numpy().astype("<f4").tobytes()).decode()


def page(model: Model, real: list[list[float]] | None = None) -> str:
    """The whole page. `real` are some real points, in the user's units, to be drawn behind generated ones.

    Raises InputError where the game is not one that can be saved.
    """
    if why := model.unsaved():
        raise InputError(f"{model.name} cannot be saved as a page: {why}")
    told, codec = model.condition(), model.out.codec
    z = model.latents(POOL)
    content = {
        "name": model.name,
        "round": model.number,
        "kind": model.out.kind,
        "shape": list(model.out.shape),
        "size": z.shape[1],
        "latents": list(model.shape),
        "gaussian": latent.natural(model.game) == "spherical",
        "classes": told["classes"] if told else [],
        "affine": [v.tolist() for v in codec.affine] if isinstance(codec, Columns) else None,
        "real": real,
        "z": np.asarray(z).round(4).tolist(),
        "directions": model.directions.numpy().round(5).tolist(),
        "program": trace(model),
    }
    text = json.dumps(content).replace("<", "\\u003c")  # nothing in it ends the script
    parts = {name: (SAVED / name).read_text() for name in ("saved.html", "saved.css", "net.js", "saved.js")}
    return (
        parts["saved.html"]
        .replace("TITLE", html.escape(model.name))
        .replace("/* STYLE */", parts["saved.css"])
        .replace("/* SCRIPT */", f"{parts['net.js']}\n{parts['saved.js']}")
        .replace("CONTENT", text)
    )
