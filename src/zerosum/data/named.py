"""Public sets by name: found in a folder of the user's, or downloaded once."""

from __future__ import annotations

import bz2
import os
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest
from . import captioned
from .download import Remote, cache, fetch
from .fields import Options, listed, unrolled
from .readers import read_idx, read_npy, read_npz

Arrays = dict[str, np.ndarray]
Sets = tuple[Arrays, Arrays | None]  # to train on; to test on

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CAPTIONS = "captions"
QUICKDRAW = "https://storage.googleapis.com/quickdraw_dataset/full/numpy_bitmap"
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True)
class Named:
    """A public set: its files, the folders where people keep them, and how they are read."""

    files: tuple[Remote, ...]
    folders: tuple[str, ...]
    read: Callable[[list[Path]], Sets]


def idx_set(classes: tuple[str, ...] | None) -> Callable[[list[Path]], Sets]:
    """Reads four idx files; labels count `classes`, or are numbers."""

    def read(paths: list[Path]) -> Sets:
        x, y, test_x, test_y = (read_idx(p) for p in paths)
        names = np.arange(256) if classes is None else np.array(classes)
        return {"x": x, "y": names[y]}, {"x": test_x, "y": names[test_y]}

    return read


def read_usps(paths: list[Path]) -> Sets:
    """Lines "label 1:value ... 256:value", labels 1 to 10, values -1 to 1."""

    def read(path: Path) -> Arrays:
        with bz2.open(path, "rt") as lines:
            rows = [line.split() for line in lines]
        x = np.array([[v.partition(":")[2] for v in row[1:]] for row in rows], np.float32).reshape(-1, 16, 16)
        y = np.array([int(row[0]) - 1 for row in rows])
        return {"x": ((x + 1) * 127.5).round().astype(np.uint8), "y": np.array(DIGITS)[y]}

    return read(paths[0]), read(paths[1])


def read_cifar10(paths: list[Path]) -> Sets:
    """The binary version: records of a label and 3 x 32 x 32 bytes, five files of 10,000 and a test file."""

    def read(archive: tarfile.TarFile, part: str) -> Arrays:
        member = archive.extractfile(f"cifar-10-batches-bin/{part}.bin")
        assert member is not None
        records = np.frombuffer(member.read(), np.uint8).reshape(-1, 3073)
        x = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return {"x": x, "y": np.array(OBJECTS)[records[:, 0]]}

    with tarfile.open(paths[0]) as archive:
        parts = [read(archive, f"data_batch_{i}") for i in range(1, 6)]
        return {k: np.concatenate([p[k] for p in parts]) for k in ("x", "y")}, read(archive, "test_batch")


def read_digits() -> Sets:
    """1,797 grey 8x8 digits of 0 to 16, out of scikit-learn."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return {"x": x.reshape(-1, 8, 8).astype(np.uint8), "y": np.array(DIGITS)[y]}, None


def _idx_files(base: str, md5s: tuple[str, ...]) -> tuple[Remote, ...]:
    return tuple(Remote(f"{base}/{name}.gz", f"md5:{md5}") for name, md5 in zip(IDX, md5s, strict=True))


NAMED: dict[str, Named] = {
    "mnist": Named(
        _idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
        ("mnist", "MNIST/raw", "MNIST"),
        idx_set(DIGITS),
    ),
    "fashion-mnist": Named(
        _idx_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
        ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw", "fashion"),
        idx_set(CLOTHES),
    ),
    "kmnist": Named(
        _idx_files(
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
        ("kmnist", "KMNIST/raw"),
        idx_set(KANA),
    ),
    "usps": Named(
        tuple(
            Remote(f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{name}", f"md5:{md5}")
            for name, md5 in (
                ("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
                ("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
            )
        ),
        ("usps", "USPS"),
        read_usps,
    ),
    "cifar10": Named(
        (Remote("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),),
        ("cifar10", "cifar-10", "CIFAR10"),
        read_cifar10,
    ),
}
NAMES = ("digits", *NAMED, "quickdraw", "fxemoji", "scenes", "shapes", "fruits360")


def named(source: str, options: Options) -> Sets:
    """The arrays of a named set."""
    name, _, part = source.partition(":")
    if name == "digits":
        return read_digits()
    if name == "scenes":
        return scenes(part, options), None
    if name == "quickdraw":
        return quickdraw(part, options)
    if name == "fruits360":
        return fruits360(part, options)
    if part:
        raise InputError(
            f"data {source!r}: only quickdraw, scenes, fruits360 and the generated sets take a part after the colon"
        )
    if name == "fxemoji":
        return captioned.fxemoji(roots(options)), None
    if name == "shapes":
        return captioned.some_shapes(), None
    entry = NAMED[name]
    paths = local(entry, options)
    if paths is None:
        paths = fetch(entry.files, cache() / name, name)
    try:
        return entry.read(paths)
    except (OSError, EOFError, ValueError, KeyError, tarfile.TarError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{listed([str(p) for p in paths])}: damaged, or not the files of {name} ({error})") from error


def roots(options: Options) -> list[Path]:
    """Folders that may hold public sets: `data_dir`, then ZEROSUM_DATA."""
    given = [options.data_dir, os.environ.get("ZEROSUM_DATA")]
    return [Path(root).expanduser() for root in given if root]


def local(entry: Named, options: Options) -> list[Path] | None:
    """The set's files where the user keeps them, packed or not; None where they are not all in one folder."""
    for root in roots(options):
        for folder in (*(root / f for f in entry.folders), root):
            found = [packed_or_not(folder, remote.name) for remote in entry.files]
            if all(found):
                return [p for p in found if p]
    return None


def packed_or_not(folder: Path, name: str) -> Path | None:
    """`name`, or the same without .gz, where there is one."""
    return next((p for p in (folder / name, folder / name.removesuffix(".gz")) if p.is_file()), None)


def quickdraw_words() -> list[str]:
    """The 345 categories of Quick, Draw!."""
    return files("zerosum.data").joinpath("quickdraw.txt").read_text("utf8").splitlines()


def quickdraw(word: str, options: Options) -> Sets:
    """28x28 drawings of one category, white on black."""
    words = quickdraw_words()
    if word not in words:
        near = nearest(word, words) if word else "; for instance quickdraw:flamingo"
        raise InputError(f"Quick, Draw! has no category {word!r}{near} (one of {len(words)}, as quickdraw:WORD)")
    for root in roots(options):
        for folder in (root / "quickdraw", root):
            for name in (f"{word}.npy", f"full_numpy_bitmap_{word}.npy", f"{word}_28.npy"):
                if (folder / name).is_file():
                    return {"x": _drawings(read_npy(folder / name, options))}, None
            for path in sorted(folder.glob("quickdraw_28*.npz")):
                held = read_npz(path)
                if {"X", "y", "words"} <= set(held) and word in held["words"]:
                    return {"x": _drawings(held["X"][held["y"] == list(held["words"]).index(word)])}, None
    paths = fetch((Remote(f"{QUICKDRAW}/{word}.npy", None),), cache() / "quickdraw", f"quickdraw:{word}")
    return {"x": _drawings(read_npy(paths[0], options))}, None


def _drawings(values: np.ndarray) -> np.ndarray:
    return unrolled(values, "x", (28, 28)) if values.ndim == 2 else values


def scenes(part: str, options: Options) -> Arrays:
    """Two digits as a caption says; or two drawings of Quick, Draw!, of eight words or of those that are named."""
    if part in ("", "digits"):
        digits = read_digits()[0]
        return captioned.scenes(digits["x"], digits["y"].astype(int), captioned.DIGITS, 14)
    words = captioned.DRAWINGS if part == "quickdraw" else tuple(dict.fromkeys(w.strip() for w in part.split(",")))
    drawn = [quickdraw(word, options)[0]["x"][:1000] for word in words]
    return captioned.scenes(np.concatenate(drawn), np.repeat(np.arange(len(words)), [len(d) for d in drawn]), words, 28)


def fruits360(word: str, options: Options) -> Sets:
    """Apples, cherries and tomatoes, RGB 64x64, on white; or those of one kind, `fruits360:apple`. Test varieties are
    others than those trained on. `fruits360:captions` has all of them with captions, "a red yellow apple"."""
    from io import BytesIO

    from PIL import Image

    path = next((p for root in roots(options) for p in root.glob("**/fruits360_64.npz")), None)
    if path is None:
        raise InputError(
            "fruits360 is not downloaded: lay fruits360_64.npz in a folder and name it with --data-dir or ZEROSUM_DATA"
        )
    held = read_npz(path)
    kinds = [str(k) for k in held["kinds"]]
    names = {k.lower(): i for i, k in enumerate(kinds)}
    if word and word.lower() not in (*names, CAPTIONS):
        known = [*names, CAPTIONS]
        raise InputError(f"fruits360 has no kind {word!r}{nearest(word, known)} It has: {', '.join(known)}")
    told = word.lower() == CAPTIONS
    body, ends = held["body"].tobytes(), held["offset"]

    def read(part: np.ndarray) -> Arrays:
        rows = np.flatnonzero(part & (held["kind"] == names[word.lower()] if word and not told else True))
        files = (BytesIO(body[ends[i] : ends[i + 1]]) for i in rows)
        x = np.stack([np.asarray(Image.open(f, formats=("JPEG",)).convert("RGB")) for f in files])
        if told:
            varieties = [captioned.variety(str(held["varieties"][i])) for i in held["variety"][rows]]
            return {"x": x, "y": np.array(varieties)}
        return {"x": x} if word else {"x": x, "y": np.array(kinds)[held["kind"][rows]]}

    train = held["train"].astype(bool)
    return (read(np.ones_like(train)), None) if told else (read(train), read(~train))
