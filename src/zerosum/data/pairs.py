"""Pairs and domains: two arrays a and b, out of one source or of two.

edges:photos/         pairs: what a change makes of a picture, and the picture
halves:facades/       pairs: the left and the right half of each picture
A/+B/                 pairs: pictures of two folders that have the same name; rows of two arrays of the same number
apples/,tomatoes/     two domains, each in an order of its own
swap:PAIRS            the same with a and b exchanged
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import InputError
from ..spec import Field, Pixels
from . import order
from .arrays import Array, Group
from .changes import CHANGES, Changed, Half, changed_field
from .fields import Options, listed
from .places import Archive, Folder

Found = tuple[list[Group], list[Group], list[str]]
Find = Callable[[str, Options], Found]

WORDS = (*CHANGES, "halves", "swap")


def taken_apart(source: str) -> tuple[str, list[str]] | None:
    """What joins the parts of a source, "," or "+" or a word of WORDS, and the parts; None for a plain source."""
    if Path(source).expanduser().exists():
        return None
    for joint, what in ((",", "two domains"), ("+", "pairs")):
        if joint in source:
            parts = [part.strip() for part in source.split(joint)]
            if len(parts) != 2 or not all(parts):
                raise InputError(f"data {source!r}: {what} are named by two sources around one {joint!r}: A{joint}B")
            return joint, parts
    word, colon, rest = source.partition(":")
    if word.lower() not in WORDS:
        return None
    if not rest:
        raise InputError(f"data {source!r}: which pictures? For instance {word.lower()}{colon or ':'}photos/")
    return word.lower(), [rest]


def put_together(joint: str, parts: list[str]) -> str:
    return joint.join(parts) if joint in ",+" else f"{joint}:{parts[0]}"


def find_joined(joint: str, parts: list[str], options: Options, find: Find) -> Found:
    """Groups of a and b, to train on and to hold out, and notes."""
    if joint == ",":
        found = domains([find(part, options) for part in parts], parts)
        same_rate(found[0], parts)
        return found
    if joint == "+":
        same_names(parts, options)
        return pairs([find(part, options) for part in parts], parts)
    if joint == "halves" and options.size:
        options = replace(options, size=(options.size[0], 2 * options.size[1]))
    train, held, notes = find(parts[0], options)
    how = {"swap": swapped, "halves": halved}.get(joint)
    make = how or (lambda group, where: changed(group, where, joint))
    return [make(g, parts[0]) for g in train], [make(g, parts[0]) for g in held], notes


def one_set(groups: list[Group], where: str, *usual: str) -> Group:
    """The one group of a source that holds x (or what `usual` says first)."""
    if len(groups) != 1 or not any(name in groups[0].arrays for name in ("x", *usual)):
        raise InputError(
            f"data {where!r} has arrays {', '.join(n for g in groups for n in g.arrays)}; one, x, is needed"
        )
    return groups[0]


def named_as(group: Group, name: str, number: int, label: bool) -> Group:
    """x (of pairs: a) under another name; labels stay with a."""
    own = "x" if "x" in group.arrays else "a"
    arrays = {name: group.arrays[own]} | ({"y": group.arrays["y"]} if label and "y" in group.arrays else {})
    return replace(group, arrays=arrays, number=number)


def domains(found: list[Found], parts: list[str]) -> Found:
    """Two sources as independent groups."""
    train, held, notes = [], [], []
    for i, (name, (ours, theirs, told), where) in enumerate(zip("ab", found, parts, strict=True)):
        train.append(named_as(one_set(ours, where, "a"), name, i, name == "a"))
        held += [named_as(g, name, i, name == "a") for g in theirs]
        notes += [f"{name}: {note}" for note in told]
    return train, held if len(held) == 2 else [], notes


def pairs(found: list[Found], parts: list[str]) -> Found:
    """Two sources read with the same index."""

    def joined(a: Group, b: Group) -> Group:
        if len(a) != len(b) or not np.array_equal(own_rows(a), own_rows(b)):
            raise InputError(
                f"pairs need as many examples on both sides; {parts[0]!r} has {len(a):,}, {parts[1]!r} has {len(b):,}"
            )
        return replace(a, arrays=named_as(a, "a", 0, True).arrays | named_as(b, "b", 0, False).arrays)

    (train_a, held_a, notes_a), (train_b, held_b, notes_b) = found
    a, b = one_set(train_a, parts[0]), one_set(train_b, parts[1])
    same_rate([a, b], parts)
    train = joined(a, b)
    held = [joined(a, b) for a, b in zip(held_a, held_b, strict=True)]
    return [train], held, [*(f"a: {n}" for n in notes_a), *(f"b: {n}" for n in notes_b)]


def same_rate(groups: list[Group], where: list[str]) -> None:
    """Two sources of sound must be sampled alike, or a translation would change its pitch."""
    found = [next(iter(g.arrays.values())).field.extra.get("sound") for g in groups]
    if any(found) and len({repr(f) for f in found}) > 1:
        told = [
            f"{w!r} has {f['rate']:,} samples a second" if f else f"{w!r} has no sound"
            for w, f in zip(where, found, strict=True)
        ]
        raise InputError(f"a and b must be sounds of one rate; {listed(told)}")


def own_rows(group: Group) -> np.ndarray:
    return np.arange(len(group)) if group.rows is None else group.rows


def same_names(parts: list[str], options: Options) -> None:
    """Of two folders or zips of pictures, every name, without its ending, must be in both."""
    paths = [Path(part) for part in parts]
    places = [
        Archive(p) if p.suffix.lower() == ".zip" else Folder(p) for p in paths if p.is_dir() or p.suffix == ".zip"
    ]
    if len(places) < 2:
        return
    if options.bad_files == "skip":
        raise InputError("pairs cannot leave out bad files on one side only: take them out of both folders yourself")
    stems = [[str(PurePosixPath(name).with_suffix("")) for name in place.names] for place in places]
    for where, names in zip(parts, stems, strict=True):
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise InputError(f"{where}: pairs go by names without endings, and {listed(twice)} is there twice")
    for i, j in ((0, 1), (1, 0)):
        alone = sorted(set(stems[i]) - set(stems[j]))
        if alone:
            raise InputError(
                f"pairs go by name, and {len(alone):,} of {len(stems[i]):,} pictures of {parts[i]!r} have no partner "
                f"in {parts[j]!r}: {listed(alone)}. Unpaired sets are written with a comma: {parts[0]},{parts[1]}"
            )


def changed(group: Group, where: str, name: str) -> Group:
    """a: the changed picture; b: the picture."""
    b = picture_of(one_set([group], where), where, name)
    assert isinstance(b.field.codec, Pixels)
    h, w = b.field.shape[1:]
    by = {"lowres2": 2, "lowres4": 4}.get(name, 1)
    if h % by or w % by:
        raise InputError(
            f"{name} needs pictures whose height and width are multiples of {by}; these have {h}x{w}. "
            f"Give such a size, e.g. --size {h // by * by}x{w // by * by}"
        )
    a = Array(changed_field(b.field, name), Changed(b.source, b.field.codec, name))
    return replace(group, arrays={"a": a, "b": b} | {k: v for k, v in group.arrays.items() if k == "y"})


def halved(group: Group, where: str) -> Group:
    x = picture_of(one_set([group], where), where, "halves")
    c, h, w = x.field.shape
    if w % 2:
        raise InputError(f"halves: the pictures of {where!r} are {h}x{w}; an even width can be halved")
    field = Field((c, h, w // 2), "image", x.field.codec)
    arrays = {name: Array(field, Half(x.source, right)) for name, right in (("a", False), ("b", True))}
    return replace(group, arrays=arrays)


def swapped(group: Group, where: str) -> Group:
    if not {"a", "b"} <= group.arrays.keys():
        raise InputError(f"swap exchanges a and b of pairs; {where!r} has {', '.join(group.arrays)}")
    return replace(group, arrays=group.arrays | {"a": group.arrays["b"], "b": group.arrays["a"]})


def picture_of(group: Group, where: str, word: str) -> Array:
    array = group.arrays.get("x")
    if array is None or array.field.kind != "image":
        raise InputError(f"{word} changes pictures; {where!r} has {', '.join(map(str, group.arrays))}")
    if "sound" in array.field.extra:
        raise InputError(f"{word} changes pictures; {where!r} has sound")
    return array


def unpaired(train: list[Group]) -> list[Group]:
    """Pairs to train on taken apart: a of one half of them, b of the other, each in an order of its own."""
    if len(train) != 1 or not {"a", "b"} <= train[0].arrays.keys():
        raise InputError("unpaired takes pairs a and b apart; this data has none")
    (group,) = train
    rows = own_rows(group)
    shuffled = rows[order.chosen(len(rows), len(rows), order.APART)]
    first, second = np.sort(shuffled[: len(rows) // 2]), np.sort(shuffled[len(rows) // 2 :])
    of_a = {name: array for name, array in group.arrays.items() if name != "b"}
    return [
        replace(group, arrays=of_a, rows=first, number=0),
        replace(group, arrays={"b": group.arrays["b"]}, rows=second, number=1),
    ]
