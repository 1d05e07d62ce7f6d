import io
import itertools
import json
import multiprocessing
import os
import re
import signal
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum.data as d
from zerosum.data import images
from zerosum.errors import InputError

from .conftest import save_picture


def raises(message: str, *args, **options):
    with pytest.raises(InputError) as caught:
        d.open(*args, **options)
    assert re.search(message, str(caught.value)), str(caught.value)


def pixels_of(data: d.Data) -> np.ndarray:
    return data.spec.x.decode(data.all())


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as z:
        for f in sorted(folder.rglob("*")):
            if f.is_file():
                z.write(f, f.relative_to(folder).as_posix())
    return path


def test_a_folder_of_classes_comes_back_exactly(folder):
    data = d.open(folder, holdout=0)
    assert data.name == "pets"
    assert data.spec.x.shape == (3, 6, 8)
    assert data.spec.y.classes == ("cat", "dog")
    files = sorted(folder.rglob("*.png"))
    assert (pixels_of(data) == np.stack([np.asarray(Image.open(f)) for f in files])).all()
    assert [data.spec.y.classes[y] for y in data.all("y")] == [f.parent.name for f in files]


def test_a_flat_folder_has_no_labels(tmp_path):
    for i in range(4):
        save_picture(tmp_path / f"{i}.jpg", i, mode="L")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._0.jpg").write_bytes(b"x")
    data = d.open(tmp_path)
    assert data.spec.x.shape == (1, 6, 8)
    assert "y" not in data.spec
    assert len(data) + len(data.held_out) == 4


def test_one_folder_inside_is_no_class(tmp_path, folder):
    folder.rename(tmp_path / "a" / "pets") if (tmp_path / "a").mkdir() is None else None
    assert d.open(tmp_path / "a").spec.y.classes == ("cat", "dog")
    for i in range(4):
        save_picture(tmp_path / "b" / "only" / f"{i}.png", i)
    assert "y" not in d.open(tmp_path / "b").spec


def test_a_zip_is_read_like_its_folder(folder, tmp_path):
    packed = d.open(zipped(folder, tmp_path / "pets.zip"))
    loose = d.open(folder)
    assert packed.name == "pets"
    assert packed.spec == loose.spec
    for name in ("x", "y"):
        assert torch.equal(packed.all(name), loose.all(name))


@pytest.mark.parametrize("packed", [False, True])
def test_labels_by_dataset_json(tmp_path, packed):
    root = tmp_path / "set"
    for i in range(6):
        save_picture(root / "00000" / f"img{i}.png", i)
    labels = [[f"00000/img{i}.png", 10 if i % 2 else 9] for i in range(6)]
    (root / "dataset.json").write_text(json.dumps({"labels": labels}))
    where = zipped(root, tmp_path / "set.zip") if packed else root
    data = d.open(where, holdout=0)
    assert data.spec.y.classes == ("9", "10")
    assert data.all("y").tolist() == [0, 1] * 3
    (root / "dataset.json").write_text(json.dumps({"labels": None}))
    assert "y" not in d.open(root).spec
    (root / "dataset.json").write_text(json.dumps({"labels": labels[:4]}))
    raises("no label for 2 of 6 pictures \\(00000/img4.png", root)
    (root / "dataset.json").write_text("[]")
    raises("dataset.json must be like", root)


def test_train_and_test_folders(tmp_path):
    for part, n in (("train", 6), ("val", 3)):
        for i in range(n):
            save_picture(tmp_path / part / ("cat" if i % 2 else "dog") / f"{i}.png", i)
    data = d.open(tmp_path)
    assert (len(data), len(data.held_out)) == (6, 3)
    assert data.spec.y.classes == ("cat", "dog")
    assert (pixels_of(data.held_out)[0] == np.asarray(Image.open(tmp_path / "val" / "cat" / "1.png"))).all()


def test_unpaired_folders(tmp_path):
    for part, n, mode in (("trainA", 5, "RGB"), ("testA", 2, "RGB"), ("trainB", 4, "L"), ("testB", 3, "L")):
        for i in range(n):
            save_picture(tmp_path / part / f"{i}.png", i, mode=mode)
    data = d.open(tmp_path)
    assert [len(g) for g in data.groups] == [5, 4]
    assert [len(g) for g in data.held_out.groups] == [2, 3]
    assert data.spec.a.shape == (3, 6, 8)
    assert data.spec.b.shape == (1, 6, 8)


def test_mixed_sizes_are_listed_and_size_mends_them(folder):
    save_picture(folder / "cat" / "large.png", 50, 10, 20)
    raises(r"2 different sizes.*6x8 \(12\), 10x20 \(1\).*--size 6x8", folder)
    assert d.open(folder, size="6x8").batch(0, 20).x.shape == (20, 3, 6, 8)
    assert d.open(folder, size=5).spec.x.shape == (3, 5, 5)


def test_size_covers_and_crops_the_centre(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (255, 0, 0)
    for i in range(2):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    x = pixels_of(d.open(tmp_path, size="20x20"))
    assert (x == (255, 0, 0)).all()


def test_mixed_modes_are_promoted_and_noted(tmp_path):
    grey = save_picture(tmp_path / "0.png", 0, mode="L")
    save_picture(tmp_path / "1.png", 1, mode="RGB")
    data = d.open(tmp_path, holdout=0)
    assert data.spec.x.shape[0] == 3
    assert "all read as RGB" in data.notes[0]
    assert (pixels_of(data)[0] == grey[..., None]).all()
    rgba = save_picture(tmp_path / "2.png", 2, mode="RGBA")
    x = pixels_of(d.open(tmp_path, holdout=0))
    assert (x[2] == rgba).all()
    assert (x[:2, ..., 3] == 255).all()


def test_palettes_and_transparency(tmp_path):
    for i in range(2):
        Image.new("P", (8, 6), i).save(tmp_path / f"{i}.gif")
    assert d.open(tmp_path).spec.x.shape == (3, 6, 8)
    Image.new("P", (8, 6), 1).save(tmp_path / "2.gif", transparency=1)
    data = d.open(tmp_path, holdout=0)
    assert data.spec.x.shape == (4, 6, 8)
    assert (pixels_of(data)[2, ..., 3] == 0).all()


def test_sixteen_bits(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (2, 6, 8)).astype(np.uint16)
    for i, v in enumerate(values):
        Image.fromarray(v).save(tmp_path / f"{i}.png")
    data = d.open(tmp_path, holdout=0)
    assert data.spec.x.codec.high == 65535
    assert (pixels_of(data) == values).all()
    assert d.open(tmp_path, size=4).batch(0, 2).x.abs().max() <= 1
    grey = save_picture(tmp_path / "2.png", 0, mode="L")
    assert (pixels_of(d.open(tmp_path, holdout=0))[2] == grey.astype(int) * 257).all()
    save_picture(tmp_path / "3.png", 0)
    mixed = d.open(tmp_path, holdout=0)
    assert mixed.spec.x.codec.high == 255
    assert (pixels_of(mixed)[0, ..., 0] == values[0] // 257).all()


def test_float_tiffs_state_their_range(tmp_path):
    for i in range(3):
        Image.fromarray(np.full((5, 5), 100.0 * i, np.float32)).save(tmp_path / f"{i}.tiff")
    data = d.open(tmp_path, holdout=0)
    assert (data.spec.x.codec.low, data.spec.x.codec.high) == (0, 200)
    assert (pixels_of(data)[1] == 100).all()
    assert d.open(tmp_path, memory=0).spec == data.spec


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_exif_orientation_is_applied(tmp_path, suffix):
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:, :16] = 255  # lit on the left
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6  # to be turned by 90 degrees clockwise: lit at the top
    for i in range(2):
        Image.fromarray(picture).save(tmp_path / f"{i}.{suffix}", exif=exif)
    for memory in (2.0, 0.0):
        x = pixels_of(d.open(tmp_path, holdout=0, memory=memory))
        assert x.shape == (2, 32, 16, 3)
        assert x[:, :14].min() > 200
        assert x[:, 18:].max() < 50


@pytest.fixture
def spoiled(folder) -> Path:
    """12 good pictures and 3 bad files."""
    (folder / "cat" / "notes.txt").write_text("not a picture")
    whole = (folder / "cat" / "01.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "empty.png").write_bytes(b"")
    return folder


def test_bad_files_are_counted_and_named(spoiled):
    raises(r"files are no usable pictures.*cat/notes.txt: not a picture.*--bad-files skip", spoiled)
    data = d.open(spoiled, bad_files="skip", holdout=0)
    assert len(data) == 12
    assert "cat/notes.txt" in data.notes[0]
    assert "dog/cut.png: damaged" in " ".join(data.notes)
    assert [data.spec.y.classes[y] for y in data.all("y")] == ["cat"] * 8 + ["dog"] * 4


def test_of_many_bad_files_five_are_named(tmp_path):
    for i in range(9):
        (tmp_path / f"{i}.png").write_bytes(b"no")
    with pytest.raises(InputError) as caught:
        d.open(tmp_path)
    assert "9 of 9" in str(caught.value)
    assert str(caught.value).count("not a picture") == 5
    raises("has no pictures", tmp_path, bad_files="skip")


def test_a_decompression_bomb_is_refused(folder, monkeypatch):
    save_picture(folder / "cat" / "bomb.png", 1, 400, 400)
    monkeypatch.setattr(images, "MOST_PIXELS", 100_000)
    raises("cat/bomb.png: 400x400 pixels, more than 100,000", folder, size=8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000)  # Pillow's own limit, exceeded twice over
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "more pixels than allowed" in d.open(folder, size=8, bad_files="skip").notes[0]


def test_formats_that_are_not_pictures_are_not_tried(folder):
    (folder / "cat" / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    raises("cat/page.png: not a picture", folder)


def test_hostile_zip_entries_are_refused(folder, tmp_path):
    path = zipped(folder, tmp_path / "set.zip")
    png = io.BytesIO()
    Image.new("RGB", (8, 6)).save(png, "PNG")
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as z:
        z.writestr("../outside.png", png.getvalue())
        z.writestr("/root.png", png.getvalue())
        z.writestr("C:/windows.png", png.getvalue())
        z.writestr(link, "/etc/passwd")
        z.writestr("bomb.png", bytes(4 << 20))
    with pytest.raises(InputError) as caught:
        d.open(path)
    told = str(caught.value)
    assert told.count("leads out of the archive") == 3
    assert "symbolic link" in told
    assert "unpacks to" in told
    assert len(d.open(path, bad_files="skip", holdout=0)) == 12


def test_damaged_archives_and_empty_places(tmp_path, folder):
    (tmp_path / "broken.zip").write_bytes(b"PK no")
    raises("cannot be read as a zip archive", tmp_path / "broken.zip")
    (tmp_path / "none").mkdir()
    raises("is empty: pictures are looked for", tmp_path / "none")
    save_picture(tmp_path / "one" / "a.png", 0)
    raises("at least 2 examples are needed; there is 1", tmp_path / "one")
    raises("no table in .* says what the pictures show", folder, labels="x")
    raises("put pictures in a folder", tmp_path / "one" / "a.png")


def test_links_that_lead_back_end(tmp_path, folder):
    (folder / "cat" / "up").symlink_to(folder, target_is_directory=True)
    assert len(d.open(folder, holdout=0)) == 12


@pytest.mark.parametrize("packed", [False, True])
def test_lazy_reading_is_the_same_whatever_the_workers(folder, tmp_path, packed):
    where = zipped(folder, tmp_path / "set.zip") if packed else folder
    eager, lazy = d.open(where, flip=True), d.open(where, flip=True, memory=0)
    assert lazy.fingerprint == eager.fingerprint
    assert lazy.spec == eager.spec
    assert not lazy.groups[0].arrays["x"].source.held
    assert "batch by batch" in lazy.notes[0]
    how = {"seed": 2, "rank": 1, "world": 2}
    for workers in (0, 1, 2):
        for k, batch in enumerate(itertools.islice(lazy.stream(7, 6, **how, workers=workers), 4)):
            wanted = eager.batch(7 + 6 * k, 6, **how)
            assert torch.equal(batch.x, wanted.x)
            assert torch.equal(batch.y, wanted.y)


def test_a_picture_that_goes_bad_during_a_run(folder):
    data = {b: d.open(folder, memory=0, holdout=0, bad_files=b) for b in ("stop", "skip")}
    good = data["stop"].all()
    victim = folder / "cat" / "02.png"
    victim.write_bytes(victim.read_bytes()[:60])
    with pytest.raises(InputError, match=r"^cat/02.png: damaged"):
        data["stop"].all()
    with pytest.raises(InputError, match=r"^cat/02.png: damaged"):  # one sentence, from a worker too
        list(itertools.islice(data["stop"].stream(0, 12, workers=1), 1))
    with pytest.warns(UserWarning, match="cat/02.png left out"):
        x = data["skip"].all()
    assert torch.equal(x[1], good[2])
    assert torch.equal(x[2:], good[2:])


def test_limit_reads_only_so_many(folder):
    data = d.open(folder, limit=5)
    assert len(data) + len(data.held_out) == 5
    assert data.spec.y.classes == ("cat", "dog")


def test_real_pictures(real_data, tmp_path):
    blobs = np.load(real_data / "fruits360_64" / "fruits360_64.npz")
    body, offset = blobs["body"].tobytes(), blobs["offset"]
    for i in range(0, 4020, 60):
        (tmp_path / f"{i:04}.jpg").write_bytes(body[offset[i] : offset[i + 1]])
    data = d.open(tmp_path, size="40x64")
    assert data.spec.x.shape == (3, 40, 64)
    assert len(data) + len(data.held_out) == 67
    assert 0.2 < data.all().std() < 1


def test_a_file_beside_the_classes_is_bad_but_does_not_hide_them(folder):
    (folder / "README.txt").write_text("about")
    raises("1 of 13 files is no usable picture \\(README.txt: not a picture\\)", folder)
    assert d.open(folder, bad_files="skip").spec.y.classes == ("cat", "dog")


def test_a_zip_of_a_whole_stylegan_folder(tmp_path):
    for i in range(4):
        save_picture(tmp_path / "in" / "set" / "00000" / f"{i}.png", i)
    labels = [[f"00000/{i}.png", i % 2] for i in range(4)]
    (tmp_path / "in" / "set" / "dataset.json").write_text(json.dumps({"labels": labels}))
    data = d.open(zipped(tmp_path / "in", tmp_path / "set.zip"), holdout=0)
    assert data.all("y").tolist() == [0, 1, 0, 1]


def test_workers_leave_ctrl_c_to_the_parent(folder):
    data = d.open(folder, memory=0)
    batches = data.stream(0, 4, workers=1)
    first = next(batches)
    (worker,) = multiprocessing.active_children()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)
    later = [next(batches) for _ in range(5)]
    assert torch.equal(first.x, data.batch(0, 4).x)
    assert torch.equal(later[-1].x, data.batch(20, 4).x)
    assert worker.is_alive()


def test_nothing_but_cut_pictures(tmp_path):
    for i in range(3):
        save_picture(tmp_path / f"{i}.png", i)
        (tmp_path / f"{i}.png").write_bytes((tmp_path / f"{i}.png").read_bytes()[:80])
    raises("3 of 3 files are no usable pictures", tmp_path)
    raises("has no pictures that can be decoded", tmp_path, bad_files="skip")
