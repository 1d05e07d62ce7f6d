"""Events to the files that other programs read: HepMC, LHE, ROOT, .npz and text tapes.

With HepMC and LHE go the beams, and X, the rest of the final state (id 90, Pythia's for a system), so that
four-momentum is conserved. `zerosum.data` reads every one of these files back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from .data.events import COLUMNS, MASSES, kinematics
from .errors import InputError

SUFFIXES = (".hepmc", ".hepmc3", ".lhe", ".root", ".npz", ".txt")
CHUNK = 10_000  # events formatted at a time
SYSTEM = 90
Facts = dict[str, Any]


def write(p: np.ndarray, facts: Facts, path: Path, beam: np.ndarray | None = None) -> Path:
    """Momenta `[n, 4]` in GeV, and where it differs the beam's energy of each `[n]`, as the path's suffix asks for.

    Raises InputError for momenta that are not finite: no format can hold them.
    """
    bad = ~np.isfinite(p).all(1)
    if bad.any():
        raise InputError(f"{bad.sum():,} of {len(p):,} events are not finite (the first is {bad.argmax() + 1})")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    {".root": write_root, ".npz": write_npz}.get(path.suffix.lower(), write_text)(p, facts, partial, beam)
    partial.replace(path)
    return path


def write_text(p: np.ndarray, facts: Facts, path: Path, beam: np.ndarray | None) -> None:
    lines = {".lhe": lhe, ".txt": tape}.get(path.suffix.lower(), hepmc)
    with path.open("w", encoding="ascii") as file:
        lines(p, facts, beam, file)


def tape(p: np.ndarray, facts: Facts, beam: np.ndarray | None, file: IO[str]) -> None:
    """`E,px,py,pz`, as the authors of FAT-GAN keep their events."""
    for part in parts(len(p)):
        file.write(formatted("%r,%r,%r,%r\n", p[part][:, [3, 0, 1, 2]]))


def parts(n: int) -> Iterator[slice]:
    return (slice(i, i + CHUNK) for i in range(0, n, CHUNK))


def formatted(template: str, rows: np.ndarray) -> str:
    """Every row through the template, in one go; %r is the shortest text that reads back as the same number."""
    return template * len(rows) % tuple(rows.ravel().tolist())


def numbered(template: str, start: int, rows: np.ndarray) -> str:
    """The same, each row headed by its number."""
    values = rows.tolist()
    return "".join(template % (start + i, *row) for i, row in enumerate(values))


def with_beams(p: np.ndarray, facts: Facts, beam: np.ndarray | None) -> np.ndarray | None:
    """`[n, 12]`: energies of beam and target, the momentum and mass of the particle, and those of X; None without
    beams. The mass of a spacelike X has a minus sign, as HepMC wants it."""
    e = kinematics.energies(facts, beam)
    if e is None:
        return None
    b, t = (np.broadcast_to(np.asarray(v, float), len(p)) for v in e)
    x = np.stack([-p[:, 0], -p[:, 1], b - t - p[:, 2], b + t - p[:, 3]], 1)
    squared = x[:, 3] ** 2 - (x[:, :3] ** 2).sum(1)
    mass = np.full(len(p), facts.get("mass") or 0.0)
    return np.column_stack([b, t, p, mass, x, np.copysign(np.sqrt(np.abs(squared)), squared)])


def hepmc(p: np.ndarray, facts: Facts, beam: np.ndarray | None, file: IO[str]) -> None:
    """HepMC3 ASCII, in GeV and mm: one vertex an event."""
    file.write("HepMC::Version 3.02.05\nHepMC::Asciiv3-START_EVENT_LISTING\n")
    particle, ids = facts.get("id") or 0, (facts.get("beam_id", 11), facts.get("target_id", 2212))
    rows = with_beams(p, facts, beam)
    if rows is None:
        rows = np.column_stack([p, np.full(len(p), facts.get("mass") or 0.0)])
        event = f"E %d 0 1\nU GEV MM\nP 1 0 {particle} %r %r %r %r %r 1\n"
    else:
        m1, m2 = (MASSES.get(abs(v), 0.0) for v in ids)
        event = (
            f"E %d 1 4\nU GEV MM\nP 1 0 {ids[0]} 0 0 %r %r {m1!r} 4\nP 2 0 {ids[1]} 0 0 %r %r {m2!r} 4\nV -1 0 [1,2]\n"
            f"P 3 -1 {particle} %r %r %r %r %r 1\nP 4 -1 {SYSTEM} %r %r %r %r %r 1\n"
        )
        b, t = rows[:, :1], rows[:, 1:2]
        rows = np.hstack([b, b, -t, t, rows[:, 2:]])
    for part in parts(len(p)):
        file.write(numbered(event, part.start, rows[part]))
    file.write("HepMC::Asciiv3-END_EVENT_LISTING\n\n")


def lhe(p: np.ndarray, facts: Facts, beam: np.ndarray | None, file: IO[str]) -> None:
    """Les Houches event file of version 3: unit weights, one process."""
    ids = facts.get("beam_id", 11), facts.get("target_id", 2212)
    rows, e = with_beams(p, facts, beam), kinematics.energies(facts, beam)
    b, t = (float(np.max(v)) for v in e) if e else (0.0, 0.0)
    file.write(
        f'<LesHouchesEvents version="3.0">\n<!-- scattered particles made by zerosum -->\n<init>\n'
        f"{ids[0]} {ids[1]} {b!r} {t!r} 0 0 0 0 3 1\n1.0 0.0 1.0 1\n</init>\n"
    )
    if rows is None:
        rows = np.column_stack([p, np.full(len(p), facts.get("mass") or 0.0)])
        event = "1 1 1.0 -1 -1 -1\n" + out(facts.get("id") or 0, "0 0")
    else:
        # Beams as Les Houches has them: massless, along z.
        event = f"4 1 1.0 -1 -1 -1\n{ids[0]} -1 0 0 0 0 0 0 %r %r 0 0 9\n{ids[1]} -1 0 0 0 0 0 0 %r %r 0 0 9\n"
        event += out(facts.get("id") or 0, "1 2") + out(SYSTEM, "1 2")
        rows = np.hstack([rows[:, :1], rows[:, :1], -rows[:, 1:2], rows[:, 1:2], rows[:, 2:]])
    for part in parts(len(p)):
        file.write(formatted(f"<event>\n{event}</event>\n", rows[part]))
    file.write("</LesHouchesEvents>\n")


def out(id: int, mothers: str) -> str:
    return f"{id} 1 {mothers} 0 0 %r %r %r %r %r 0 9\n"


def columns(p: np.ndarray, beam: np.ndarray | None) -> dict[str, np.ndarray]:
    return dict(zip(COLUMNS, np.ascontiguousarray(p.T), strict=True)) | ({} if beam is None else {"beam": beam})


def kept(facts: Facts) -> str:
    """The facts as text, that `zerosum.data` reads back."""
    return json.dumps({k: v for k, v in facts.items() if v is not None and k != "unit"} | {"unit": "GeV"})


def write_npz(p: np.ndarray, facts: Facts, path: Path, beam: np.ndarray | None) -> None:
    """Arrays px, py, pz, E in GeV, and the facts as JSON."""
    np.savez(path, allow_pickle=False, facts=np.array(kept(facts)), **columns(p, beam))


def write_root(p: np.ndarray, facts: Facts, path: Path, beam: np.ndarray | None) -> None:
    """A TTree `events` with branches px, py, pz, E, and the facts as JSON."""
    try:
        import uproot
    except ImportError as error:
        raise InputError(f"{path.suffix} needs uproot: pip install 'zerosum[physics]' ({error})") from error
    arrays = columns(p, beam)
    with uproot.recreate(path) as file:
        tree = file.mktree("events", dict.fromkeys(arrays, "float64"))
        for i in range(0, len(p), 10 * CHUNK):
            tree.extend({k: v[i : i + 10 * CHUNK] for k, v in arrays.items()})
        file["facts"] = kept(facts)
