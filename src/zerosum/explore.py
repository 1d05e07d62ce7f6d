"""The verbs of the latent space: walk, mix, edit, invert, score. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from .errors import InputError, nearest

if TYPE_CHECKING:
    from torch import Tensor

    from .data import Data
    from .game import Game
    from .runs import Run
    from .spec import Field, Spec

RunName = Positional[Annotated[str, arg(metavar="RUN")]]
Pictures = Positional[Annotated[tuple[str, ...], arg(metavar="[FILE ...]")]]
Term = tuple[str, str]  # a sign, and numbers of samples or names of pictures, "3,7,12"


def walk(
    run: RunName,
    n: Annotated[int, arg(aliases=["-n"])] = 6,
    steps: int = 12,
    seed: int = 0,
    how: Literal["linear", "spherical"] | None = None,
    condition: str | None = None,
    sweep: bool = False,
    extrapolate: bool = False,
    out: Path | None = None,
    game: str | None = None,
) -> None:
    """Walk through a run's latent space, from sample to sample and back.

    Args:
        run: its folder, number or name, or "latest"
        n: samples to pass by
        steps: frames from one to the next
        seed: of the samples
        how: on a line or on a sphere; what suits the prior if not said
        condition: what is drawn on the way; as for sample
        sweep: no walk, but each sample under every condition, a row each
        extrapolate: allow conditions outside of the range trained on
        out: .gif, .apng, .webp, or a film by ffmpeg, .mp4 or .webm; .png is all frames side by side; walk.gif in the
            run folder if not said
        game: the Python file of a game of yours; loading it runs it
    """
    from . import conditions, latent

    found, made, spec = opened(run, game)
    latent.need(made, "latent")
    y = conditions.understand(made, spec, asked(condition), condition, extrapolate)
    z = latent.latents(made, whole("-n", n, 1 if sweep else 2), seed)
    if sweep:
        if y is None:
            latent.sweep(made, z[:0], z[:0])  # refuses games that cannot be told
            y = conditions.some(spec.y, 12)
        x = latent.sweep(made, z, y)
        show(x, spec.x, out or found.path / "generated" / "sweep.png", len(y), found)
        return
    if y is not None and len(y) > 1:
        raise InputError("a walk is under one condition; for several side by side add --sweep")
    x = latent.walk(made, z, whole("--steps", steps), how, loop=True, y=y)
    show(x, spec.x, out or found.path / "generated" / default(spec.x, "walk"), steps, found)


def mix(
    run: RunName,
    terms: Positional[Annotated[str, arg(metavar="TERMS")]],
    seed: int = 0,
    condition: str | None = None,
    out: Path | None = None,
    game: str | None = None,
) -> None:
    """Compute with averaged latents: zerosum mix RUN "[3,7,12] - [5,9] + [1,2,8]".

    Args:
        run: its folder, number or name, or "latest"
        terms: numbers of samples, as zerosum sample RUN shows them, counted from 0; or names of pictures, which are
            inverted first. The samples in one bracket are averaged
        seed: of the samples
        condition: under which all is drawn; as for sample
        out: .png; mix.png in the run folder if not said
        game: the Python file of a game of yours; loading it runs it
    """
    import torch

    from . import conditions, latent

    found, made, spec = opened(run, game)
    latent.need(made, "latent")
    y = conditions.understand(made, spec, 1, condition)
    parsed = parse(terms)
    averages = [term_latents(made, spec, text, seed).mean(0, keepdim=True) for _, text in parsed]
    plus = [z for z, (sign, _) in zip(averages, parsed, strict=True) if sign == "+"]
    minus = [z for z, (sign, _) in zip(averages, parsed, strict=True) if sign == "-"]
    z = torch.cat([*averages, latent.arithmetic(plus, minus)])
    x = latent.render(made, z, latent.held(made, y))
    show(x, spec.x, out or found.path / "generated" / "mix.png", len(x), found)
    print(f"from left to right: {', '.join(f'[{text}]' for _, text in parsed)}, and the result", file=sys.stderr)


def edit(
    run: RunName,
    pictures: Pictures = (),
    direction: str | None = None,
    amount: float = 3.0,
    condition: str | None = None,
    paint: Path | None = None,
    n: Annotated[int, arg(aliases=["-n"])] = 6,
    seed: int = 0,
    steps: int = 7,
    extrapolate: bool = False,
    out: Path | None = None,
    game: str | None = None,
) -> None:
    """Change samples, or pictures or rows of yours, along a direction, under another condition, or by painting.

    Args:
        run: its folder, number or name, or "latest"
        pictures: files; tables where the run makes rows; samples of the run if none is given
        direction: sefa:0, pca:1, or a class or attribute of the run's data, towards which to go
        amount: how far to go both ways
        condition: what they are to become, all else being kept; as for sample
        paint: a picture, transparent but for strokes; what is changed comes to have their colours there
        n: samples to change
        seed: of the samples
        steps: pictures in a row of a direction
        extrapolate: allow conditions outside of the range trained on
        out: .png, or .csv where the run makes rows; edit.png in the run folder if not said
        game: the Python file of a game of yours; loading it runs it
    """
    import torch

    from . import conditions, latent

    found, made, spec = opened(run, game)
    if sum(option is not None for option in (direction, condition, paint)) != 1:
        raise InputError(
            "edit along --direction sefa:0, pca:0 or NAME, towards --condition ..., or by --paint FILE: one of three"
        )
    given = read_given(pictures, spec.x) if pictures else None
    path = out or found.path / "generated" / "edit.png"
    if condition is not None:
        y = conditions.understand(made, spec, asked(condition), condition, extrapolate)
        assert y is not None
        if hasattr(made, "edit"):
            x = latent.render(made, latent.latents(made, n, seed)) if given is None else given
            rows = [x, *(made.edit(x, one.expand(len(x), *one.shape[1:])) for one in y.split(1))]
            show(torch.stack(rows, 1).flatten(0, 1), spec.x, path, len(rows), found)
            return
        z = latent.latents(made, n, seed) if given is None else inverted(made, spec, given).z
        x = latent.sweep(made, z, y)
        show(x if given is None else beside(given, x, len(y)), spec.x, path, len(y) + (given is not None), found)
        return
    back = None if given is None else inverted(made, spec, given)
    z, y = (latent.latents(made, n, seed), None) if back is None else (back.z, back.y)
    if paint is not None:
        colours, brush = strokes(paint, spec.x)
        y = latent.held(made, y)
        both = [latent.render(made, way, y) for way in (z, latent.paint(made, z, colours, brush, y))]
        x = torch.stack(both, 1).flatten(0, 1)
        show(x if given is None else beside(given, x, 2), spec.x, path, 2 + (given is not None), found)
        return
    assert direction is not None
    d = towards(found, made, direction)
    amounts = torch.linspace(-amount, amount, whole("--steps", steps)).tolist()
    x = latent.edit(made, z, d, amounts, y)
    show(x if given is None else beside(given, x, steps), spec.x, path, steps + (given is not None), found)


def invert(
    run: RunName,
    pictures: Pictures = (),
    method: Literal["encoder", "optimise", "hybrid"] | None = None,
    steps: int = 300,
    restarts: int = 4,
    condition: str | None = None,
    n: Annotated[int, arg(aliases=["-n"])] = 8,
    seed: int = 0,
    out: Path | None = None,
    game: str | None = None,
) -> None:
    """Find latents that give pictures or rows of yours, or held-out ones of the run's data.

    Args:
        run: its folder, number or name, or "latest"
        pictures: files; tables where the run makes rows; held-out examples if none is given
        method: encoder, optimise, or hybrid: the encoder's answer, then optimised. Games without an encoder get one,
            trained on the spot, where it is asked for
        steps: of the search
        restarts: searches from random latents, of which the best is kept
        condition: of the pictures; tried out if not said
        n: held-out examples
        seed: of what is random
        out: .png shows them above what was found, .csv, of rows, too; .npz holds latents and errors; invert.png if not
            said
        game: the Python file of a game of yours; loading it runs it
    """
    import numpy as np
    import torch

    from . import conditions, export, latent

    found, made, spec = opened(run, game)
    latent.need(made, "latent")
    if pictures:
        x, y = read_given(pictures, spec.x), None
    else:
        batch = found.data().held_out.take(n, seed)
        x, y = batch.x, batch.y if conditions.conditional(made) else None
    y = conditions.understand(made, spec, len(x), condition) if condition is not None else y
    back = inverted(made, spec, x, method, y, steps, restarts, seed)
    path = out or found.path / "generated" / "invert.png"
    unit = "of pictures in [-1, 1]" if spec.x.kind == "image" else "of numbers in standard deviations"
    told = "" if back.y is None else f"; as {', '.join(conditions.caption(spec.y, back.y)[:8])}"
    print(f"mean square error {back.error.mean():.4g} {unit}{told}", file=sys.stderr)
    if path.suffix.lower() == ".npz":
        path.parent.mkdir(parents=True, exist_ok=True)
        made_of = export.without_objects(spec.x.decode(back.x))
        np.savez(path, allow_pickle=False, z=back.z.numpy(), error=back.error.numpy(), x=made_of)
        print(path)
        return
    show(torch.cat([x, back.x]), spec.x, path, len(x), found)


def score(
    run: RunName,
    source: Positional[Annotated[str | None, arg(metavar="[DATA]")]] = None,
    out: Path = Path("scores.csv"),
    limit: int = 1000,
    baselines: bool = True,
    game: str | None = None,
) -> None:
    """Score how unlike the training data each example is; with classes that were left out, the AUC, too.

    Args:
        run: its folder, number or name, or "latest"
        source: data as for train; the held-out part of the run's own data, all classes, if not said
        out: .csv, one line an example
        limit: examples at most
        baselines: also how far principal components and an autoencoder are from each example
        game: the Python file of a game of yours; loading it runs it
    """
    from . import anomaly, latent

    found, made, spec = opened(run, game)
    latent.need(made, "score")
    print(anomaly.report(found, made, spec, source, out, limit, baselines))


# What they share.


def opened(run: str, game: str | None) -> tuple[Run, Game, Spec]:
    from . import runs

    found = runs.find(run, game=game)
    return found, found.game, found.spec


def whole(option: str, value: int, least: int = 1) -> int:
    if value < least:
        raise InputError(f"{option} must be {least} or more, not {value}")
    return value


def asked(condition: str | None) -> int:
    """An upper bound of how many conditions a text names."""
    return (
        1
        if condition is None
        else len(re.split("[;,]", condition))
        if "=" not in condition
        else condition.count(";") + 1
    )


def default(field: Field, name: str) -> str:
    return f"{name}.gif" if field.kind == "image" else f"{name}.png"


def show(x: Tensor, field: Field, path: Path, columns: int, run: Run) -> None:
    """Write it, and say where: in pictures, or rows as a table."""
    from . import export

    if field.kind != "image" and path.suffix.lower() in (".csv", ".parquet"):
        print(export.write(x, field, path))
        return
    reference = None if field.kind == "image" else run.data().take(1000).x
    print(export.frames(x, field, path, columns, reference))


def beside(given: Tensor, made: Tensor, columns: int) -> Tensor:
    """What was given before each row of what was made of it."""
    import torch

    rows = made.view(len(given), columns, *given.shape[1:])
    return torch.cat([given[:, None], rows], 1).flatten(0, 1)


def read_given(names: tuple[str, ...], field: Field) -> Tensor:
    """Pictures as the run's, scaled and their colours changed where need be, which is said; or rows of tables."""
    import torch

    from .data.images import as_field
    from .data.tables import SUFFIXES, is_table, read_table, rows_of
    from .spec import Columns

    paths = [Path(name) for name in names]
    if field.kind == "image":
        x, notes = as_field(paths, field)
        for note in notes:
            print(f"zerosum: {note}", file=sys.stderr)
        return x
    assert isinstance(field.codec, Columns)
    for path in paths:
        if not is_table(path):
            raise InputError(
                f"this run makes rows of numbers, not pictures: {path}; tables end in {', '.join(SUFFIXES)}"
            )
        if not path.is_file():
            raise InputError(f"there is no file {str(path)!r}")
    return torch.cat([rows_of(read_table(path), field.codec, str(path)) for path in paths])


def strokes(path: Path, field: Field) -> tuple[Tensor, Tensor]:
    """Colours `[c, h, w]` of a picture as the run's, and where it is not transparent, `[1, h, w]`."""
    from dataclasses import replace

    from .data.images import as_field

    if field.kind != "image":
        raise InputError("this run makes rows of numbers, on which nothing can be painted")
    colours, notes = as_field([path], field)
    for note in notes:
        print(f"zerosum: {note}", file=sys.stderr)
    brush = as_field([path], replace(field, shape=(4, *field.shape[1:])))[0][0, 3:] > 0
    if brush.all() or not brush.any():
        found = "no transparent pixel, so nothing is left free" if brush.all() else "no stroke: it is all transparent"
        raise InputError(f"{path} has {found}; paint on a transparent ground")
    return colours[0], brush.float()


def inverted(
    game: Game, spec: Spec, x: Tensor, method=None, y=None, steps: int = 300, restarts: int = 4, seed: int = 0
):
    """Latents of examples; an encoder is trained where one is asked for that the game lacks."""
    from . import conditions, latent

    candidates = conditions.some(spec.y, 16) if y is None and conditions.conditional(game) else None
    encoder = None
    if method in ("encoder", "hybrid") and not latent.own_encoder(game, x):
        print(f"zerosum: {type(game).__name__} has no encoder: one is trained on its samples", file=sys.stderr)
        encoder = latent.projector(game, spec.x, seed=seed)
    options = dict(candidates=candidates, encoder=encoder, steps=steps, restarts=restarts, seed=seed)
    return latent.invert(game, x, method, y, **options)  # pyright: ignore[reportArgumentType]


def parse(terms: str) -> list[Term]:
    """ "[3,7] - [5] + 1" -> [("+", "3,7"), ("-", "5"), ("+", "1")]."""
    pattern = r"\s*([+-]?)\s*(?:\[([^\]]+)\]|([^\s\[\]+-]+))"
    found = [(m[1] or "+", m[2] or m[3]) for m in re.finditer(pattern, terms)]
    if not found or re.sub(pattern, "", terms).strip() or found[0][0] == "-":
        raise InputError(f"terms {terms!r} must be like '[3,7,12] - [5,9] + [1,2,8]'")
    return found


def term_latents(game: Game, spec: Spec, text: str, seed: int) -> Tensor:
    """Latents of samples by number, or of pictures by name."""
    from . import latent

    words = [w.strip() for w in text.split(",") if w.strip()]
    if all(w.isdecimal() for w in words):
        numbers = [int(w) for w in words]
        return latent.latents(game, max(numbers) + 1, seed)[numbers]
    return inverted(game, spec, read_given(tuple(words), spec.x)).z


def towards(run: Run, game: Game, direction: str) -> Tensor:
    """The direction that a word means."""
    from . import latent

    name, _, number = direction.partition(":")
    if name in ("sefa", "pca"):
        index = int(number) if number.isdecimal() else 0
        found = latent.directions(game, name, k=index + 1)  # pyright: ignore[reportArgumentType]
        if index >= len(found):
            raise InputError(f"{name} finds {len(found)} directions here, counted from 0; there is no {index}")
        return found[index]
    z = latent.latents(game, 2000)
    return latent.attribute(z, having(run.data(), latent.render(game, z), direction))


def having(data: Data, x: Tensor, word: str) -> Tensor:
    """Which samples have a class or an attribute of the data, by the five labelled examples nearest to each; bool."""
    import torch
    from sklearn.neighbors import KNeighborsRegressor

    if "y" not in data.spec or data.spec.y.kind == "text":
        raise InputError(f"no direction {word!r}: sefa:0 or pca:0; and this data has no classes or attributes")
    field, batch = data.spec.y, data.take(5000)
    columns = getattr(field.codec, "columns", ())
    known = list(field.classes) or [c.name for c in columns]
    if word not in known:
        raise InputError(f"no direction {word!r}{nearest(word, known)} sefa:0, pca:0, or: {', '.join(known)}")
    index = known.index(word)
    if columns:
        column = batch.y[:, field.codec.blocks[index]]  # pyright: ignore[reportAttributeAccessIssue]
        target = column[:, -1] > column[:, -1].median() if columns[index].categories else column[:, 0] > 0
    else:
        target = batch.y == index
    machine = KNeighborsRegressor(5).fit(batch.x.flatten(1).numpy(), target.float().numpy())
    return torch.from_numpy(machine.predict(x.flatten(1).numpy())) > 0.5
