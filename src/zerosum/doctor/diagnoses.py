"""From signals to findings: one small function a diagnosis, each silent unless the last readings agree.

The thresholds were set on runs that are healthy and runs broken on purpose, seeds 100 and up; docs/doctor.md has the
confusion table of other seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from .checks import TOO_FAST
from .findings import LASTING, Case, Finding, Row

LONG = 5  # readings in a row, for what is normal for a while
Diagnosis = Callable[[Case], Iterator[Finding]]


def not_a_number(case: Case) -> Iterator[Finding]:
    """A term, weight or sample that is NaN or infinite."""
    if case.error is not None:
        last = case.terms[-1]["round"] if case.terms else 0
        yield Finding(
            "not a number",
            "critical",
            last,
            {"error": case.error},
            "A value became NaN or infinite, and nothing can be learnt from there. The usual cause is a step that was "
            "too long.",
            [*case.slower(by=0.3), *bf16(case), *case.act],
        )


def bf16(case: Case) -> list[str]:
    return ["--precision fp32"] if case.settings.get("precision") == "bf16" else []


def divergence(case: Case) -> Iterator[Finding]:
    """Logits or samples of a size that no healthy game has, and growing."""
    for name in case.judges:
        sizes = [
            abs(a) + abs(b) for a, b in zip(case.values(f"{name}/real"), case.values(f"{name}/fake"), strict=False)
        ]
        since = case.since(lambda row, k=name: abs(row[f"{k}/real"]) + abs(row[f"{k}/fake"]) > 1000)
        if since is not None and len(sizes) > 2 and sizes[-1] >= 0.9 * sizes[-3]:
            yield Finding(
                "divergence",
                "critical",
                since,
                {f"{name}/real": case.last[f"{name}/real"], f"{name}/fake": case.last[f"{name}/fake"]},
                f"{name}'s logits have grown beyond a thousand: the players push each other away instead of meeting.",
                [*case.slower(), *case.r1, *case.act],
            )
            return
    if "samples/size" in case.last:
        since = case.since(lambda row: row["samples/size"] > 5)
        if since is not None:
            yield Finding(
                "divergence",
                "critical",
                since,
                {"samples/size": case.last["samples/size"]},
                "Samples lie at more than five times the data's size from its centre, and stay there.",
                [*case.slower(), *case.act],
            )


def perfect_discriminator(case: Case) -> Iterator[Finding]:
    """D knows every fake, by far, on unseen data too, and G gains no ground."""
    if critic(case):  # its losses are linear, so that a perfect one still teaches
        return

    def sure(row: Row, name: str) -> bool:
        return row[f"{name}/tells_held"] > 0.995 and row[f"{name}/real"] - row[f"{name}/fake"] > 6

    for name in case.judges:
        since = case.since(lambda row, k=name: sure(row, k), LONG)
        if since is not None:
            yield Finding(
                "perfect discriminator",
                "critical" if case.recent("samples/apart") > 0.97 else "warning",
                since,
                {k: case.last.get(f"{name}/{k}") for k in ("tells", "tells_held", "real", "fake")},
                f"{name} tells every fake from data it has never seen, and is sure of it: G learns next to nothing "
                "from an opponent that it can never fool.",
                ["--instance-noise 0.3", *case.r1, *slower_than(case, name), *case.act],
            )


def critic(case: Case) -> bool:
    """Does G's loss pass on D's whole slope, always?"""
    through = [
        row[f"{g}/pull"] / row[f"{g}/slope"] for g in case.generators for row in case.signals if row.get(f"{g}/slope")
    ]
    return bool(through) and all(abs(t - 1) < 1e-3 for t in through)


def slower_than(case: Case, name: str) -> list[str]:
    return case.slower(name, 0.25) if case.has(f"lr_{name.lower()}") else []


def weak_discriminator(case: Case) -> Iterator[Finding]:
    """D cannot tell fakes that anybody else could."""
    for name in case.judges:
        since = case.since(lambda row, k=name: abs(row[f"{k}/tells"] - 0.5) < 0.1 and row["samples/apart"] > 0.95, LONG)
        if since is not None:
            more = next((f"--{k.replace('_', '-')} {2 * case.hyperparameters[k]}" for k in STEPS if case.has(k)), None)
            yield Finding(
                "generator too strong",
                "warning",
                since,
                {f"{name}/tells": case.last[f"{name}/tells"], "samples/apart": case.last["samples/apart"]},
                f"{name} takes fakes for data, though they lie apart from it: it learns too slowly to teach G.",
                [more] if more else case.slower("G", 0.25) if case.has("lr_g") else ["zerosum train r3gan DATA"],
            )


STEPS = ("k", "n_critic", "n_dis")  # how games call the moves of D in a round


def collapse(case: Case) -> Iterator[Finding]:
    """Samples are all alike, or some kinds of data are never made."""
    if "samples/diversity" not in case.last:
        return
    full = case.since(lambda row: row["samples/diversity"] < 0.1, LONG)
    if full is not None and case.played(full) > 0.15:
        yield Finding(
            "mode collapse",
            "critical",
            full,
            {k: case.last[f"samples/{k}"] for k in ("diversity", "modes", "recall")},
            "All samples are nearly the same: their mean distance is under a tenth of the data's.",
            ["zerosum train r3gan DATA", "zerosum train wgan_gp DATA", *case.r1, *case.slower("G")],
        )
        return
    part = case.since(lambda row: row["samples/modes"] < 0.6 or row["samples/missing"] >= 0.3, LONG)
    if part is not None and case.played(part) > 0.3:
        yield Finding(
            "partial mode collapse",
            "warning",
            part,
            {k: case.last[f"samples/{k}"] for k in ("modes", "missing", "recall", "classes")},
            "Some kinds of data are made rarely or never: fewer kinds, weighed by their shares, than the data has.",
            ["zerosum train r3gan DATA", "zerosum train wgan_gp DATA", *case.r1, "--batch 256"],
        )


def vanishing_gradient(case: Case) -> Iterator[Finding]:
    """What G is told is next to nothing."""
    for name in case.generators:
        saturated = case.since(lambda row, k=name: row[f"{k}/pull"] < 0.02 * row[f"{k}/slope"], LASTING)
        flat = case.since(lambda row, k=name: row[f"{k}/gradient"] < 1e-6 * row[f"{k}/weights"], LASTING)
        since = saturated if saturated is not None else flat
        if since is not None:
            loss = ["--no-saturating"] if case.hyperparameters.get("saturating") else []
            yield Finding(
                "vanishing gradient",
                "critical",
                since,
                {k: case.last.get(f"{name}/{k}") for k in ("gradient", "pull", "slope")},
                f"{name}'s loss is flat where its samples lie: "
                + (
                    "D has a slope there, and the loss passes on under a fiftieth of it."
                    if saturated is not None
                    else "D itself has hardly a slope there."
                ),
                [*loss, "zerosum train lsgan DATA", "zerosum train wgan_gp DATA", "--instance-noise 0.3"],
            )


def oscillation(case: Case) -> Iterator[Finding]:
    """G runs from kind to kind, or D's opinion swings, and it does not settle."""
    rows = [row for row in case.signals if row.get("samples/classes")]
    if len(rows) >= 8:
        hops = [
            sum(abs(p - q) for p, q in zip(a["samples/classes"], b["samples/classes"], strict=True)) / 2
            for a, b in pairwise(rows)
        ][-6:]
        if sorted(hops)[1] > 0.35:
            yield Finding(
                "oscillation",
                "warning",
                rows[-7]["round"],
                {"moved": [round(h, 3) for h in hops]},
                "From one reading to the next over a third of the samples change their kind, again and again: G runs "
                "after D, and D after G.",
                [*case.slower(), "--ema 10000", *case.r1, "zerosum train r3gan DATA"],
            )
            return
    for name in case.judges:
        gap = [a - b for a, b in zip(case.values(f"{name}/real"), case.values(f"{name}/fake"), strict=False)]
        swing = swings(gap[-10:])
        if len(gap) >= 10 and swing >= 6 and min(case.values(f"{name}/tells")[-10:]) < 0.2:
            yield Finding(
                "oscillation",
                "warning",
                case.signals[-10]["round"],
                {"turns": swing, f"{name}/tells": case.values(f"{name}/tells")[-10:]},
                f"{name} and G overtake each other: at some readings it takes fakes for real and data for fake.",
                [*case.slower(), "--ema 10000", *case.r1],
            )


def swings(values: list[float]) -> int:
    """How often a curve turns."""
    steps = [b - a for a, b in pairwise(values)]
    return sum(a * b < 0 for a, b in pairwise(steps))


def overfitting(case: Case) -> Iterator[Finding]:
    """D knows its training examples by heart."""
    for name in case.judges:
        since = case.since(lambda row, k=name: row[f"{k}/knows"] > 0.8 and row[f"{k}/tells"] > 0.8)
        if since is not None:
            pictures = ["--augment diffaugment"] if case.pictures else ["--instance-noise 0.2"]
            yield Finding(
                "discriminator overfits",
                "warning",
                since,
                {k: case.last.get(f"{name}/{k}") for k in ("knows", "r_v", "r_t", "real", "held", "fake")},
                f"{name} prefers data that it was trained on to data that it was not: it learns examples by heart, and "
                "soon teaches G nothing else. There is too little data for it.",
                [*pictures, *["--flip"] * case.pictures, *case.r1],
            )


def copies(case: Case) -> Iterator[Finding]:
    """Samples lie nearer to training examples than unseen data does."""
    since = case.since(lambda row: row["samples/nearer"] > 0.85)
    if since is not None:
        yield Finding(
            "memorisation",
            "warning",
            since,
            {"samples/nearer": case.last["samples/nearer"]},
            "Samples lie nearer to training examples than unseen data of the same kind does: G copies.",
            ["--augment diffaugment" if case.pictures else "--instance-noise 0.2", "more data"],
        )


def dead_units(case: Case) -> Iterator[Finding]:
    """Rectifiers that are off for every example."""
    for key in (k for k in case.last if k.endswith("/dead")):
        since = case.since(lambda row, k=key: row[k] > 0.5)
        if since is not None:
            name = key.removesuffix("/dead")
            yield Finding(
                "dead units",
                "warning",
                since,
                {key: case.last[key]},
                f"Over half of {name}'s rectified units are off for every example, and get no gradient.",
                [*case.slower(name, 0.2), "another --seed"],
            )


def colours(case: Case) -> Iterator[Finding]:
    """Pictures like negatives, or all black and white."""
    inverted = case.since(lambda row: row["samples/inverted"] > 0.8)
    if inverted is not None:
        yield Finding(
            "inverted colours",
            "warning",
            inverted,
            {"samples/inverted": case.last["samples/inverted"]},
            "Samples are nearer to the data as negatives than as they are.",
            ["another --seed", *case.slower()],
        )
    saturated = case.since(lambda row: row["samples/saturated"] > 0.3)
    if saturated is not None:
        yield Finding(
            "saturated colours",
            "warning",
            saturated,
            {"samples/saturated": case.last["samples/saturated"]},
            "Far more pixels than in the data are at the ends of the range: G's tanh is stuck there, where it has no "
            "slope.",
            [*case.slower("G"), "another --seed"],
        )


def unequal_speeds(case: Case) -> Iterator[Finding]:
    """One player changes by far faster than the other."""
    speeds = {p: case.recent(f"{p}/update") for p in case.players if case.values(f"{p}/update")}
    speeds = {p: v for p, v in speeds.items() if v > 0}
    if len(speeds) < 2 or len(case.signals) < LONG:
        return
    fast, slow = max(speeds, key=lambda p: speeds[p]), min(speeds, key=lambda p: speeds[p])
    if speeds[fast] > 30 * speeds[slow]:
        yield Finding(
            "learning rates unequal",
            "warning",
            case.signals[-LONG]["round"],
            {f"{p}/update": v for p, v in speeds.items()},
            f"A step changes {fast} by {speeds[fast] / speeds[slow]:.0f} times as much of its weights as {slow}'s: "
            f"{slow} stands still beside it.",
            [*case.slower(fast, 0.1)],
        )


def too_fast(case: Case) -> Iterator[Finding]:
    """A step that rewrites a player; the very first one is looked at beforehand."""
    for name in case.players:
        since = case.since(lambda row, k=name: row[f"{k}/update"] > 0.1)
        if since is not None:
            yield Finding(
                TOO_FAST,
                "warning",
                since,
                {f"{name}/update": case.last[f"{name}/update"]},
                f"Each step changes {name}'s weights by over a tenth of their size; a thousandth is usual.",
                case.slower(name, 0.1),
            )


def slow(case: Case) -> Iterator[Finding]:
    """Rounds take far longer than they did."""
    rows = [r for r in case.terms if "seconds" in r and "score" not in r]
    times = [
        (b["seconds"] - a["seconds"]) / (b["round"] - a["round"]) for a, b in pairwise(rows) if b["round"] > a["round"]
    ]
    if len(times) < 40:
        return
    usual, now = sorted(times[: len(times) // 2])[len(times) // 4], sorted(times[-8:])[2]
    if now > 3 * usual > 0 and now * 8 > 1e-3:
        yield Finding(
            "slow",
            "info",
            rows[-8]["round"],
            {"seconds a round": now, "before": usual},
            "Rounds take over three times as long as they did: others use this machine, or its memory is full.",
            ["--workers 2", "--threads 1"],
        )


def lagging_average(case: Case) -> Iterator[Finding]:
    """Samples come from an average that is far behind."""
    for name in case.players:
        since = case.since(lambda row, k=name: row[f"{k}/drift"] > 0.5)
        if since is not None and case.settings.get("ema"):
            yield Finding(
                "average lags",
                "info",
                since,
                {f"{name}/drift": case.last[f"{name}/drift"]},
                f"The averaged weights of {name} are over half their size away from the weights themselves.",
                [f"--ema {case.settings['ema'] / 10:.3g}"],
            )


def data_problems(case: Case) -> Iterator[Finding]:
    """What the checks found before the first round."""
    yield from case.facts.get("findings", [])


ALL: list[Diagnosis] = [
    not_a_number, divergence, collapse, vanishing_gradient, perfect_discriminator, weak_discriminator, overfitting,
    oscillation, copies, dead_units, colours, unequal_speeds, too_fast, slow, lagging_average,
    data_problems,
]  # fmt: skip


def diagnose(case: Case) -> list[Finding]:
    """All findings, the worst first."""
    found = [finding for diagnosis in ALL for finding in diagnosis(case)]
    return sorted(found, key=lambda f: ("critical", "warning", "info").index(f.severity))
