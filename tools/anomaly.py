"""The table of anomaly scores in docs/latent.md, written from docs/anomaly.json.

`python -m tools.anomaly measure` trains everything (minutes) and writes both; without a word it writes the table anew,
and with `--check` it only says whether the table is behind.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from torch import Tensor

from zerosum import games
from zerosum.anomaly import Score, auc, autoencoder, of_game, principal_components
from zerosum.claims._latents import some_of
from zerosum.claims._rigs import Made, plain
from zerosum.data import open as open_data
from zerosum.engine import Engine
from zerosum.game import Batch
from zerosum.runs import versions
from zerosum.spec import Spec

from .house import ROOT

PAGE, RESULTS = ROOT / "docs/latent.md", ROOT / "docs/anomaly.json"
MARKS = re.compile(r"(% anomaly: written[^\n]*\n\n).*?(\n\n% end of anomaly\n)", re.DOTALL)
SEED, TEST = 0, 500
ALIKE: dict[str, Any] = {"width": 32, "z_dim": 16, "lr": 1e-3}
GAMES: dict[str, dict[str, Any]] = {
    "bigan": {},
    "anogan": {"steps": 100},
    "fanogan": {"n_critic": 2, "lr_e": 1e-3, "gan_rounds": 1500},
}
ROUNDS = {"bigan": 4000, "anogan": 2500, "fanogan": 3000}  # about as long, of batch 64
SETS: dict[str, dict[str, Any]] = {"digits": {"holdout": 0.28}, "mnist": {"size": 14, "limit": 10_000}}
CLASSES = {"digits": ("0", "2", "3", "5", "8", "9"), "mnist": ("3", "8")}  # left out in turn


def mean_distance(train: Tensor) -> Score:
    """Mean square distance to the mean of `train`; what it finds needs no model."""
    return lambda x: (x - train.mean(0)).square().mean(1)


PLAIN = {
    "distance to the mean": mean_distance,
    "principal components": principal_components,
    "autoencoder": autoencoder,
}


def measure() -> Iterator[dict[str, Any]]:
    """A row for each set and class left out: the AUC of every score, and the seconds that it took. All see rows of
    numbers, so that the games' networks are perceptrons, as the autoencoder is."""
    for name, options in SETS.items():
        data = open_data(name, **options)
        x, y, test = data.all().flatten(1), data.all("y"), data.held_out.take(TEST)
        for left_out in CLASSES[name]:
            number = data.spec.y.classes.index(left_out)
            train, strange = x[y != number], test.y == number
            found, seconds = {}, {}
            for method in (*PLAIN, *GAMES):
                began = time.process_time()
                found[method] = auc(scores(method, train, test.x.flatten(1)), strange)
                seconds[method] = round(time.process_time() - began, 1)
                print(f"{name} without {left_out}: {method} {found[method]:.3f}, {seconds[method]} s", flush=True)
            count = {"train": len(train), "test": len(strange), "anomalies": int(strange.sum())}
            yield {"data": name, "left out": left_out, "auc": found, "seconds": seconds, **count, "options": options}


def scores(method: str, train: Tensor, x: Tensor) -> Tensor:
    """How unlike the rows of `train` those of `x` are, `[n]`."""
    if method in PLAIN:
        return PLAIN[method](train)(x)
    source = Made(Spec(x=plain(train.shape[1])), lambda n: Batch(x=some_of(train, n)))
    engine = Engine(games.find(method)(**ALIKE, **GAMES[method]), source, batch=64, seed=SEED).play(ROUNDS[method])
    with engine.averaged() as game:
        return of_game(game, x)


def table(rows: list[dict[str, Any]]) -> str:
    """A line a score; a column a class left out, and the mean of each set."""
    sets = list(dict.fromkeys(row["data"] for row in rows))
    columns = {name: [row for row in rows if row["data"] == name] for name in sets}
    head = [f"{name} {row['left out']}" for name in sets for row in columns[name]]
    heads = [h for name in sets for h in [f"{name}, mean", *(x for x in head if x.startswith(f"{name} "))]]
    lines = [f"| score | {' | '.join(heads)} | s |", "| --- " * (len(heads) + 2) + "|"]
    for method in rows[0]["auc"]:
        cells = [f"`{method}`" if method in GAMES else method]
        for name in sets:
            values = [row["auc"][method] for row in columns[name]]
            cells += [f"**{fmean(values):.3f}**", *(f"{v:.3f}" for v in values)]
        cells.append(f"{fmean(row['seconds'][method] for row in rows):.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def page(text: str, found: dict[str, Any]) -> str:
    """The page with the table between its marks."""
    return MARKS.sub(lambda m: m[1] + table(found["rows"]) + m[2], text)


def main() -> None:
    """Measure, or write the table, or with `--check` exit with 1 where it is behind."""
    if "measure" in sys.argv:
        setting = {"seed": SEED, "batch": 64, "alike": ALIKE, "games": GAMES, "rounds": ROUNDS, "versions": versions()}
        rows = []
        for row in measure():
            rows.append(row)
            RESULTS.write_text(json.dumps({"rows": rows} | setting, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    new = page(text, json.loads(RESULTS.read_text(encoding="utf-8")))
    if "--check" not in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif new != text:
        sys.exit(f"{PAGE.relative_to(ROOT)} is behind; run python -m tools.anomaly")


if __name__ == "__main__":
    main()
