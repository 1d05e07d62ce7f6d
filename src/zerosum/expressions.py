"""Arithmetic on named columns, written as text: `E - pz`, `hypot(px, py)`, `log(2 * beam * (E - pz))`.

Only numbers, names, + - * / ** and the functions below are understood, so text from a file or a web page runs no code.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import InputError, nearest

TINY = 1e-12  # what is kept away from zero where it is guarded
Value = Tensor | float
Formula = Callable[[Mapping[str, Value], bool], Value]  # (columns and constants, guarded) -> column


def root(x: Tensor, guarded: bool) -> Tensor:
    return (x.clamp_min(0) + TINY).sqrt() if guarded else x.sqrt()


def logarithm(x: Tensor, guarded: bool) -> Tensor:
    return x.clamp_min(TINY).log() if guarded else x.log()


def quotient(a: Value, b: Value, guarded: bool) -> Value:
    if guarded and isinstance(b, Tensor):
        b = torch.where(b.abs() < TINY, torch.full_like(b, TINY).copysign(b), b)
    return a / b


FUNCTIONS: dict[str, tuple[int, Callable[..., Tensor]]] = {  # number of arguments; (*arguments, guarded)
    "sqrt": (1, root),
    "log": (1, logarithm),
    "exp": (1, lambda x, _: x.exp()),
    "abs": (1, lambda x, _: x.abs()),
    "sin": (1, lambda x, _: x.sin()),
    "cos": (1, lambda x, _: x.cos()),
    "tan": (1, lambda x, _: x.tan()),
    "atan2": (2, lambda y, x, guarded: torch.atan2(y, x + TINY if guarded else x)),
    "hypot": (2, lambda a, b, guarded: root(a * a + b * b, guarded)),
}
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
}


def formula(text: str) -> tuple[Formula, set[str]]:
    """The text as a function of columns `[n]` by name, and the names that it reads.

    Guarded, roots, logarithms and quotients stay finite, with finite gradients, where their argument is not positive
    or zero: fakes stray where data never lie. Raises InputError for text that is no such arithmetic.
    """
    names: set[str] = set()
    try:
        return _node(ast.parse(text.strip(), mode="eval").body, text, names), names
    except SyntaxError:
        raise InputError(
            f"{text!r} is not arithmetic on columns, such as hypot(px, py) or weight / height**2"
        ) from None


def _node(node: ast.expr, text: str, names: set[str]) -> Formula:
    match node:
        case ast.Constant(value=int() | float() as number):
            return lambda c, guarded: float(number)
        case ast.Name(id=name):
            names.add(name)
            return lambda c, guarded: c[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            inside = _node(inner, text, names)
            return lambda c, guarded: -inside(c, guarded)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            a, b = _node(left, text, names), _node(right, text, names)
            return lambda c, guarded: quotient(a(c, guarded), b(c, guarded), guarded)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            combine, a, b = OPERATORS[type(op)], _node(left, text, names), _node(right, text, names)
            return lambda c, guarded: combine(a(c, guarded), b(c, guarded))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]):
            if name not in FUNCTIONS:
                raise InputError(f"{text!r}: no function {name!r}{nearest(name, FUNCTIONS)} There are: {known()}")
            count, call = FUNCTIONS[name]
            if len(given) != count:
                raise InputError(f"{text!r}: {name} takes {count} numbers, not {len(given)}")
            arguments = [_node(a, text, names) for a in given]
            return lambda c, guarded: call(*(torch.as_tensor(a(c, guarded)) for a in arguments), guarded)
    raise InputError(
        f"{text!r}: {ast.unparse(node)!r} is not understood; there are names, numbers, + - * / **, {known()}"
    )


def known() -> str:
    return ", ".join(FUNCTIONS)
