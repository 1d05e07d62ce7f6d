"""Files of events: HepMC, Les Houches (LHE), ROOT trees, text tapes; and tables and arrays that hold events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..fields import Options, listed
from . import COLUMNS, GIVEN, Events, kinematics

if TYPE_CHECKING:
    import polars as pl

KNOWN = ("beam", "w", "facts")  # what may stand beside px, py, pz, E
OTHERS = {"e": "E", "energy": "E", "weight": "w", "weights": "w", "e_beam": "beam"}  # other names for the same
SUFFIXES = (".hepmc", ".hepmc2", ".hepmc3", ".lhe", ".root")


def suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def read(path: Path, facts: dict[str, Any], options: Options) -> Events | None:
    """The events of a file that is made for them; None for another file."""
    kind = suffix(path)
    if kind in SUFFIXES:
        reader = {".lhe": read_lhe, ".root": read_root}.get(kind, read_hepmc)
        return reader(path, facts, options)
    return read_tape(path, facts) if kind in (".txt", ".dat", ".tape") else None


# Tables and arrays.


def of_columns(columns: dict[str, np.ndarray], facts: dict[str, Any]) -> Events | None:
    """Events out of columns named px, py, pz, E, perhaps beam and w, and no others; else None."""
    named = {column_name(name): values for name, values in columns.items()}
    if not set(COLUMNS) <= set(named) <= {*COLUMNS, *KNOWN} or len(named) < len(columns):
        return None
    lengths = {len(v) if v.ndim == 1 else None for name, v in named.items() if name != "facts"}
    if len(lengths) > 1 or None in lengths or any(named[n].dtype.kind not in "buif" for n in COLUMNS):
        return None
    if "facts" in named:
        facts = stated(str(named["facts"])) | facts
    p = np.stack([named[name].astype(np.float64) for name in COLUMNS], 1)
    beam, w = (named[n].astype(np.float64) if n in named else None for n in ("beam", "w"))
    return Events(p, beam, w, facts)


def stated(text: str) -> dict[str, Any]:
    """Facts as a file of ours holds them; others, and of other kinds, are passed over."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    kinds = {**GIVEN, "mass": float, "source": str}
    values = found if isinstance(found, dict) else {}
    return {k: v for k, v in values.items() if k in kinds and isinstance(v, (kinds[k], int)) and k != "unit"}


def column_name(name: str) -> str:
    return OTHERS.get(str(name).lower(), "E" if name == "E" else str(name).lower())


def of_frame(frame: pl.DataFrame, asked: str | list[str] | None, facts: dict[str, Any]) -> Events | None:
    """Events out of a table with such columns, or of the columns `asked` for; empty cells are NaN."""
    words = asked.split(",") if isinstance(asked, str) else asked
    names = frame.columns if words is None else [w.strip() for w in words]
    if not set(COLUMNS) <= set(map(column_name, names)) or not set(names) <= set(frame.columns):
        return None
    if not all(frame[name].dtype.is_numeric() for name in names):
        return None
    return of_columns({name: frame[name].cast(float).to_numpy() for name in names}, facts)


def of_arrays(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Events | None:
    """Events out of columns under their names, or out of one array of momenta."""
    if len(arrays) == 1:
        (values,) = arrays.values()
        if values.dtype.names:
            return of_columns({name: values[name] for name in values.dtype.names}, facts)
        return of_rows(values, facts)
    return of_columns(arrays, facts)


def of_rows(values: np.ndarray, facts: dict[str, Any]) -> Events | None:
    """Rows of four numbers, one of which is the energy of a light particle: the first or the last; else None."""
    if values.ndim != 2 or values.shape[1] != 4 or values.dtype.kind not in "if":
        return None
    p = values.astype(np.float64)
    for order in ([0, 1, 2, 3], [1, 2, 3, 0]):
        rows = p[:, order]
        shell = np.abs(kinematics.mass_shell(rows, 0.0)) < 1e-3 * np.abs(rows[:, 3]) + 2e-3
        if (np.abs(rows).max(0) > 0).all() and shell.mean() > 0.9:
            return Events(rows, None, None, facts, ("rows of four numbers, E = |p|: read as events",))
    return None


# Text tapes, as the authors of FAT-GAN keep their events: `E,px,py,pz`, or `px py pz E ( m)`, one event a line.


def read_tape(path: Path, facts: dict[str, Any]) -> Events | None:
    """Lines of four or five numbers that are a light particle's momentum; None where the first lines are none."""
    with path.open("rb") as file:
        head = file.read(1 << 14)
    if b"\0" in head or not (lines := head.decode("utf-8", "replace").splitlines()[:-1] or head.decode().splitlines()):
        return None
    rows = [row for line in lines[:50] if (row := numbers_of(line)) is not None]
    widths = {len(row) for row in rows}
    if len(rows) < len([line for line in lines[:50] if not comment(line)]) or not widths or not widths <= {4, 5}:
        return None
    if of_rows(np.array([row[:4] for row in rows]), facts) is None:
        return None
    table = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if comment(line):
            continue
        row = numbers_of(line)
        if row is None or len(row) not in (4, 5):
            raise InputError(
                f"{path}: line {number:,}, event {len(table) + 1:,}, is no momentum of four numbers: {line[:60]!r}"
            )
        table.append(row[:4])
    p = np.array(table)
    finite = np.isfinite(p).all(1)
    found = of_rows(p[finite], facts)
    first = found is not None and np.array_equal(found.p[:, 3], p[finite][:, 0])
    return Events(p[:, [1, 2, 3, 0]] if first else p, None, None, facts)


def comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def numbers_of(line: str) -> list[float] | None:
    """Numbers between commas, spaces or brackets; None where there is anything else."""
    words = "".join(" " if mark in ",;()[]\t" else mark for mark in line).split()
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


# HepMC.


def read_hepmc(path: Path, facts: dict[str, Any], options: Options) -> Events:
    """HepMC ASCII, of version 3 or 2: the final particle of the wanted kind, of the highest energy, in each event."""
    try:
        import pyhepmc
    except ImportError as error:
        raise missing(path, "pyhepmc", error) from error
    cut = not ends_with(path, b"END_EVENT_LISTING")
    rows, beams, weights = [], [], []
    facts = dict(facts)
    try:
        with quiet(pyhepmc.Setup), pyhepmc.open(str(path), "r") as file:
            for event in file:
                found = event.numpy.particles
                if not len(found.pid):
                    break  # what is left of an event that was cut off
                in_GeV = 1.0 if event.momentum_unit == pyhepmc.Units.GEV else 1e-3
                p = np.stack([found.px, found.py, found.pz, found.e], 1) * in_GeV
                row, beam = chosen(p, found.pid, found.status == 4, found.status == 1, facts, (path, len(rows) + 1))
                rows.append(row)
                beams.append(beam)
                weights.append(event.weights[0] if len(event.weights) else 1.0)
    except (OSError, EOFError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as HepMC after event {len(rows):,}: {error}") from error
    return collected(path, rows, beams, weights, facts, cut, options)


@contextmanager
def quiet(setup: Any) -> Iterator[None]:
    """Inside, HepMC keeps to itself what we say better: that an event is cut off."""
    before = setup.print_errors, setup.debug_level
    setup.print_errors, setup.debug_level = False, 0
    try:
        yield
    finally:
        setup.print_errors, setup.debug_level = before


def ends_with(path: Path, mark: bytes) -> bool:
    """Does a file, packed with gzip or not, end with a line that holds `mark`?"""
    try:
        with opened(path) as file:
            if path.suffix != ".gz":
                file.seek(max(0, path.stat().st_size - 200))
                return mark in file.read()
            last = b""
            while part := file.read(1 << 20):
                last = last[-200:] + part
            return mark in last[-200:]
    except EOFError:
        return False
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from error


def opened(path: Path) -> gzip.GzipFile | IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def chosen(
    p: np.ndarray, pid: np.ndarray, incoming: np.ndarray, final: np.ndarray, facts: dict[str, Any], where: tuple
) -> tuple[np.ndarray, tuple[float, float] | None]:
    """The particle wanted, with the lepton beam along +z; and the energies of the beams, if there are two.

    `facts` learn what the beams are, and which particle was taken: by default one like the lepton that came in.
    """
    path, number = where
    beams = np.flatnonzero(incoming)
    if len(beams) == 2:
        beams = beams[np.argsort([abs(pid[i]) not in (11, 13) for i in beams], kind="stable")]
        facts.setdefault("beam_id", int(pid[beams[0]]))
        facts.setdefault("target_id", int(pid[beams[1]]))
    wanted = facts.setdefault("id", facts.get("beam_id", 11))
    rows = np.flatnonzero(final & (pid == wanted))
    if not len(rows):
        others = listed([str(v) for v in np.unique(pid[final])]) or "none at all"
        raise InputError(
            f"{path}: event {number:,} has no final particle with id {wanted}; it has {others}. "
            f"?id=... behind the file's name takes another"
        )
    row = p[rows[np.argmax(p[rows, 3])]]
    if len(beams) != 2:
        return row, None
    if p[beams[0], 2] < 0:  # half a turn about the x axis
        row = row * np.array([1, -1, -1, 1])
    return row, (float(p[beams[0], 3]), float(p[beams[1], 3]))


def collected(
    path: Path,
    rows: list[np.ndarray],
    beams: list[tuple[float, float] | None],
    weights: list[float],
    facts: dict[str, Any],
    cut: bool,
    options: Options,
) -> Events:
    notes = []
    if cut:
        if not rows:
            raise InputError(
                f"{path} holds no whole event: it is empty, cut off in its first one, or another kind of file"
            )
        if options.bad_files == "stop":
            raise InputError(
                f"{path} is cut off: it ends after {len(rows):,} whole events, without the line that closes such a "
                f"file. Fetch it again, or take the whole events with --bad-files skip"
            )
        notes.append(f"{path.name} is cut off; its {len(rows):,} whole events are taken")
    if not rows:
        raise InputError(f"{path} holds no events")
    beam = None
    if all(b is not None for b in beams):
        energies = np.array(beams, float).round(9)
        beam = energies[:, 0]
        if (energies[:, 0] != energies[:, 1]).any():
            if (energies[:, 1] != energies[0, 1]).any():
                raise InputError(f"{path}: the target's energy differs from event to event; only the beam's may")
            facts.setdefault("target", float(energies[0, 1]))
        elif (beam == beam[0]).all():
            facts.setdefault("target", float(beam[0]))
    if facts.get("beam") is not None:
        beam = None
    return Events(np.array(rows), beam, np.array(weights), facts, tuple(notes))


# Les Houches events.


def read_lhe(path: Path, facts: dict[str, Any], options: Options) -> Events:
    """LHE, packed with gzip or not; particles of an <event> block as columns 1 id, 2 status, 7 to 10 px py pz E."""
    rows, beams, weights = [], [], []
    facts, cut, number = dict(facts), True, 0
    try:
        for number, block in enumerate(blocks(path), 1):
            if block is None:
                cut, number = False, number - 1
                break
            weight, table = block
            pid, status, p = table[:, 0].astype(int), table[:, 1].astype(int), table[:, 6:10]
            row, beam = chosen(p, pid, status == -1, status == 1, facts, (path, number))
            rows.append(row)
            beams.append(beam)
            weights.append(weight)
    except EOFError:
        pass  # a gzip file that was cut off
    except (ValueError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: event {len(rows) + 1:,} is no LHE event: {error}") from error
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from error
    return collected(path, rows, beams, weights, facts, cut, options)


def blocks(path: Path) -> Iterator[tuple[float, np.ndarray] | None]:
    """Weight and particles `[n, 13]` of each whole event, then None where the file is closed as it should be."""
    inside: list[str] | None = None
    with opened(path) as file:
        for raw in file:
            line = raw.decode("utf-8", "replace").strip()
            if line.startswith("<event"):
                inside = []
            elif line.startswith("</event") and inside is not None:
                count, weight = int(inside[0].split()[0]), float(inside[0].split()[2])
                yield weight, np.array([[float(v) for v in row.split()[:13]] for row in inside[1 : 1 + count]])
                inside = None
            elif line.startswith("</LesHouchesEvents"):
                yield None
            elif inside is not None and line and not line.startswith(("#", "<")):
                inside.append(line)


# ROOT.


def read_root(path: Path, facts: dict[str, Any], options: Options) -> Events:
    """The tree whose branches are px, py, pz, E, perhaps beam and w."""
    try:
        import uproot
    except ImportError as error:
        raise missing(path, "uproot", error) from error
    try:
        root: Any = uproot.open(path)
        with root as file:
            trees = {k.partition(";")[0]: file[k] for k, kind in file.classnames().items() if kind == "TTree"}
            known = stated(str(file["facts"])) if "facts" in file else {}
            for tree in trees.values():
                names = {column_name(n): n for n in tree.keys()}  # noqa: SIM118 (no dict)
                if set(COLUMNS) <= set(names):
                    arrays = tree.arrays([names[n] for n in (*COLUMNS, *KNOWN) if n in names], library="np")
                    found = of_columns(arrays, {**known, **facts})
                    if found is None:
                        raise InputError(
                            f"{path}: tree {tree.name!r} has more than one particle an event; write branches of one "
                            f"number an event, of the particle to learn"
                        )
                    return found
            seen = "; ".join(f"{name} has {listed(t.keys(), 12)}" for name, t in trees.items()) or "there is no tree"
    except InputError:
        raise
    except Exception as error:  # uproot raises whatever a damaged byte leads to
        raise InputError(f"{path} is damaged, cut off, or no ROOT file: {str(error).splitlines()[0]}") from error
    raise InputError(f"{path}: no tree has branches px, py, pz and E: {seen}")


def missing(path: Path, package: str, error: ImportError) -> InputError:
    return InputError(f"{path} needs {package} to be read: pip install 'zerosum[physics]' ({error})")
