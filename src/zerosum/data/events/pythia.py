"""Events from Pythia 8, generated here, and kept in the cache by their settings.

`pythia:dis?beam=50&n=200000`: deep inelastic scattering e p -> e' X, the scattered electron. Facts and defaults:
beam=50, target (the beam's), n=100000 in all, q2min=2, seed=1; several energies at once are beam=10,20,30.

Pythia is free software under the GPL (Bierlich et al. 2022, arXiv:2203.11601); zerosum only calls it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from ...errors import InputError, nearest
from ..download import cache, locked
from ..fields import Options
from . import MASSES, Events

PROCESSES = ("dis",)
CHUNK = 100_000  # events from one seed
SEEDS = 899_999_999  # Pythia's seeds are 1 to this
FACTS = {"beam": "50", "target": "", "n": "100000", "q2min": "2", "seed": "1"}
VERSION = "8.317.2"

# The scattered electron is the same with showers and hadrons, and comes five times as fast without them. Radiation of
# photons is off, as in the sample of the FAT-GAN papers (arXiv:2001.11103).
SETTINGS = (
    "Beams:frameType = 2",
    "Beams:idA = 11",
    "Beams:eA = {beam}",
    "Beams:idB = 2212",
    "Beams:eB = {target}",
    "WeakBosonExchange:ff2ff(t:gmZ) = on",
    "PhaseSpace:Q2Min = {q2min}",
    "PDF:lepton = off",
    "TimeShower:QEDshowerByL = off",
    "SpaceShower:dipoleRecoil = on",
    "SpaceShower:pTmaxMatch = 2",
    "PartonLevel:all = off",
    "HadronLevel:all = off",
    "Check:event = off",
    "Random:setSeed = on",
    "Random:seed = {seed}",
    "Print:quiet = on",
)


def pythia(source: str, options: Options, roots: list[Path]) -> Events:
    """Events of a source such as `pythia:dis?beam=50&n=200000`."""
    facts = asked(source)
    beams = facts["beam"]
    share = [facts["n"] // len(beams) + (i < facts["n"] % len(beams)) for i in range(len(beams))]
    parts = [energy(e, facts["target"] or e, n, facts, roots) for e, n in zip(beams, share, strict=True)]
    p = np.concatenate(parts)
    beam = np.repeat(beams, share) if len(beams) > 1 else None
    known = {"beam_id": 11, "target_id": 2212, "id": 11, "mass": MASSES[11], "q2min": facts["q2min"]}
    known |= {"beam": beams[0] if len(beams) == 1 else None, "target": facts["target"] or None}
    if len(beams) == 1 and known["target"] is None:
        known["target"] = beams[0]
    return Events(p, beam, None, known | {"source": f"Pythia {VERSION}, {source.partition(':')[2]}"})


def asked(source: str) -> dict[str, Any]:
    """What a source's text asks for. Raises InputError for what Pythia could not do."""
    process, _, query = source.partition(":")[2].partition("?")
    if process not in PROCESSES:
        raise InputError(
            f"data {source!r}: no process {process!r}{nearest(process, PROCESSES)} There is: {', '.join(PROCESSES)}, "
            f"as pythia:dis?beam=50&n=200000"
        )
    words = dict(parse_qsl(query, keep_blank_values=True))
    for name in words:
        if name not in FACTS:
            raise InputError(
                f"data {source!r}: no setting {name!r}{nearest(name, FACTS)} There are: {', '.join(FACTS)}"
            )
    words = FACTS | words
    try:
        facts: dict[str, Any] = {"beam": [float(v) for v in words["beam"].split(",")]}
        facts |= {k: float(words[k] or 0) for k in ("target", "q2min")} | {k: int(words[k]) for k in ("n", "seed")}
    except ValueError as error:
        raise InputError(f"data {source!r}: settings are numbers, as beam=50&n=200000 ({error})") from error
    if (
        min(facts["beam"]) < 5
        or max(facts["beam"]) > 7000
        or not (facts["target"] == 0 or 5 <= facts["target"] <= 7000)
    ):
        raise InputError(f"data {source!r}: beams have 5 to 7000 GeV")
    if len(set(facts["beam"])) < len(facts["beam"]):
        raise InputError(f"data {source!r}: beam energies must differ")
    if not 1 <= facts["q2min"] <= 1e6:
        raise InputError(f"data {source!r}: q2min is in GeV^2, 1 or more; not {facts['q2min']:g}")
    if facts["n"] < 2 * len(facts["beam"]) or not 0 <= facts["seed"] < 2**63:
        raise InputError(f"data {source!r}: n is 2 or more for each beam energy, and seed 0 or more")
    return facts


def energy(beam: float, target: float, n: int, facts: dict[str, Any], roots: list[Path]) -> np.ndarray:
    """The first n events at one beam energy, `[n, 4]`, out of chunks that each have their own seed.

    A chunk is a pure function of settings and seed, and is kept: a larger n goes on where a smaller one, or an
    interruption, ended.
    """
    settings = {"beam": beam, "target": target, "q2min": facts["q2min"], "seed": facts["seed"], "version": VERSION}
    name = f"dis-{beam:g}x{target:g}-{hashed(settings)}"
    out = []
    for number in range(-(-n // CHUNK)):
        wanted = min(CHUNK, n - number * CHUNK)
        out.append(chunk(settings, number, wanted, [root / "pythia" / name for root in (*roots, cache())]))
    return np.concatenate(out)


def hashed(settings: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def chunk(settings: dict[str, Any], number: int, wanted: int, folders: list[Path]) -> np.ndarray:
    """The first `wanted` events of a chunk, from a folder that has them; else generated, into the last."""
    for folder in folders:
        if (found := kept(folder / f"{number:05d}.npy", wanted)) is not None:
            return found
    target = folders[-1] / f"{number:05d}.npy"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target.parent} cannot be made ({error}); ZEROSUM_CACHE names another place") from error
    with locked(target.parent / ".lock"):
        if (found := kept(target, wanted)) is not None:  # another process made them in the meantime
            return found
        p = generate({**settings, "seed": 1 + int(hashed({**settings, "chunk": number}), 16) % SEEDS}, wanted)
        partial = target.with_suffix(".part")
        with partial.open("wb") as file:
            np.save(file, p, allow_pickle=False)
        partial.replace(target)
        (target.parent / "settings.json").write_text(json.dumps(settings, indent=1) + "\n")
    return p


def kept(path: Path, wanted: int) -> np.ndarray | None:
    """Events from the cache; None where there are too few, or a file is damaged."""
    try:
        p = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return p[:wanted] if p.ndim == 2 and p.shape[1] == 4 and len(p) >= wanted else None


def generate(settings: dict[str, Any], n: int) -> np.ndarray:
    """n scattered electrons, `[n, 4]` in GeV."""
    try:
        import pythia8mc
    except ImportError as error:
        raise InputError(
            "live events need Pythia, which is not installed: pip install 'zerosum[physics]'. "
            "Without it, data 'ep' has 30,000 such events at 50 GeV"
        ) from error
    source = pythia8mc.Pythia("", False)
    lines = [line.format(**settings) for line in SETTINGS]
    if not all(source.readString(line) for line in lines) or not source.init():
        raise InputError(f"Pythia does not accept the settings {settings}")
    p, done, lost = np.empty((n, 4)), 0, 0
    with bar(f"{n:,} events at {settings['beam']:g} GeV") as progress:
        while done < n:
            if not source.next():
                lost += 1
                if lost > 1000 + n:
                    raise InputError(f"Pythia cannot make events with the settings {settings}")
                continue
            p[done] = scattered(source.process)
            done += 1
            if done % 1000 == 0:
                progress(done, n)
    return p


def scattered(process: Any) -> tuple[float, float, float, float]:
    """The electron that comes out of the hard process."""
    found = next(process[i] for i in (5, 6) if abs(process[i].id()) == 11)
    electron = process[found.iBotCopyId()]
    return electron.px(), electron.py(), electron.pz(), electron.e()


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A function of (events so far, events in all) that moves a progress bar on the standard error."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"zerosum: Pythia makes {title}", file=sys.stderr, flush=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Pythia: {title}", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
