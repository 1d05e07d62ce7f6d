"""A run that is over, or another process plays: its findings anew, and what was too slow to look at on the way."""

from __future__ import annotations

from typing import Any

import torch

from ..engine import Engine
from ..errors import InputError
from ..game import Move, only
from ..runs import Run
from . import checks
from .attend import SIGNALS, case_of, read, write
from .diagnoses import diagnose
from .findings import Finding
from .probe import Probe, unchanged

STEPS, RATE = 20, 1e-3  # of Adam, by which each player tries to do better while the others stand still


def examine(run: Run, engine: Engine | None = None) -> dict[str, Any]:
    """What doctor.json holds, written anew: the light, the findings, and what acting has done.

    With an engine that wears the run's newest checkpoint its game and its data are looked at, too.
    """
    signals, before = run.rows(SIGNALS), read(run.path)
    facts: dict[str, Any] = {**before.get("facts", {}), "findings": recorded(before)}
    if engine is not None:
        facts |= checks.facts(engine)
        if not signals or signals[-1]["round"] < engine.clock.rounds:
            signals = [*signals, Probe(engine)()]
    if not signals and not before:
        raise InputError(
            f"{run.name} has no signals yet: it was played with --doctor off, or it ended before its first reading"
        )
    error = next((f["evidence"]["error"] for f in before.get("findings", []) if f["name"] == "not a number"), None)
    found = diagnose(case_of(run, signals, facts, error))
    write(run.path, signals[-1]["round"] if signals else run.rounds, found, before.get("actions", []), facts)
    out = {**read(run.path), "signals": signals[-1] if signals else {}}
    if engine is not None:
        out["duality gap"] = duality_gap(engine)
    return out


def recorded(content: dict[str, Any]) -> list[Finding]:
    """Findings of the checks that stand in doctor.json."""
    return [Finding(**f) for f in content.get("findings", []) if f["evidence"].get("before") == "training"]


def duality_gap(engine: Engine, steps: int = STEPS, rate: float = RATE) -> dict[str, float]:
    """By how much each player can lower its own objective alone, in `steps` steps from here; 0 at an equilibrium.

    Their sum estimates the duality gap of a zero-sum game (Grnarova et al. 2019, arXiv:1811.05512); in others it says
    how far each is from its best answer. Weights, buffers and optimizers are left as they were.
    """
    probe, gains = Probe(engine), {}
    for name in engine.players:
        moves = [m for m in engine.moves if m.player == name and type(m).play is Move.play]
        if not moves:
            continue
        parameters = engine.parameters[name]
        kept = [p.detach().clone() for p in parameters]
        everyone = list(dict.fromkeys(p for owned in engine.parameters.values() for p in owned))
        batch = probe.batch.to(engine.device)
        with unchanged(engine.game, engine.device), only(parameters, everyone):
            try:
                optimizer = torch.optim.Adam(parameters, lr=rate)
                start = sum(float(probe.loss(m, batch).detach()) for m in moves)
                for _ in range(steps):
                    loss = torch.stack([probe.loss(m, batch) for m in moves]).sum()
                    for p, g in zip(parameters, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                        p.grad = g
                    optimizer.step()
                gains[name] = start - sum(float(probe.loss(m, batch).detach()) for m in moves)
            finally:
                with torch.no_grad():
                    for p, old in zip(parameters, kept, strict=True):
                        p.copy_(old)
                        p.grad = None
    return {**gains, "sum": sum(gains.values())}


def table(out: dict[str, Any]) -> str:
    """For a terminal."""
    lines = [f"{out['light']} at round {out['round']:,}"]
    for f in out["findings"]:
        since = f"since round {f['since_round']:,}" if f["since_round"] else "from the start"
        lines += ["", f"{f['severity']}: {f['name']}, {since}", f"    {f['says']}"]
        lines += [f"    seen: {', '.join(f'{k} {short(v)}' for k, v in f['evidence'].items() if k != 'before')}"]
        lines += [f"    try:  {' or '.join(f['remedy'])}"] * bool(f["remedy"])
    if not out["findings"]:
        lines += ["", "nothing found"]
    for action in out["actions"]:
        lines += ["", f"done at round {action['round']:,}: {action['did']}"]
    if gap := out.get("duality gap"):
        parts = ", ".join(f"{k} could gain {v:.3g}" for k, v in gap.items() if k != "sum")
        lines += ["", f"duality gap about {gap['sum']:.3g}: {parts} alone, in {STEPS} steps"]
    return "\n".join(lines)


def short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "[" + ", ".join(map(short, value)) + "]" if isinstance(value, list) else str(value)
