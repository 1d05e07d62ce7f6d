"""Events through the data door: sources, formats, and everything that can be wrong with them."""

import gzip
import json
import sys

import numpy as np
import pytest
import torch

from zerosum import data
from zerosum.data import events
from zerosum.data.events import files, kinematics, pythia
from zerosum.data.fields import Options
from zerosum.errors import InputError
from zerosum.spec import Spec


def momenta(n=40, seed=0):
    """Electrons of 50 GeV beams, `[n, 4]`."""
    return events.sample()[0].p[seed : seed + n]


def save(path, p, columns="px,py,pz,E"):
    np.savetxt(path, p, delimiter=",", header=columns, comments="", fmt="%.17g")
    return path


def read_back(source, **options):
    """The events of a source, all of them, in its own order."""
    opened = data(source, holdout=0, **options)
    return opened.spec.x.decode(opened.all("x")), opened


# What the door gives.


def test_the_shipped_sample_is_events_with_units_facts_and_a_test_set():
    opened = data("ep")
    assert (len(opened), len(opened.held_out)) == (20_000, 10_000)
    facts = opened.spec.x.extra["events"]
    assert [c.name for c in opened.spec.x.codec.columns] == ["px", "py", "pz", "E"]
    assert (facts["beam"], facts["target"], facts["unit"], facts["id"], facts["sqrt_s"]) == (50, 50, "GeV", 11, 100)
    assert Spec.from_json(json.loads(json.dumps(opened.spec.to_json()))) == opened.spec
    p = opened.spec.x.decode(opened.all("x"))
    assert np.abs(kinematics.mass_shell(p, events.MASSES[11])).max() < 1e-5
    assert kinematics.Q2(p, 50.0).min() > 2 - 1e-3
    assert p[:, 2].max() < 50
    assert opened.describe()["arrays"]["x"]["events"]["beam"] == 50


def test_samples_beyond_the_data_are_decoded_as_they_are():
    """Nothing is clipped or rounded: what is unphysical must be seen."""
    field = data("ep").spec.x
    rows = torch.full((1, 4), 30.0)
    assert field.decode(rows)[0, 2] > 200


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "npy", "frame", "dict", "root"])
def test_columns_named_px_py_pz_E_are_events(tmp_path, kind):
    import polars as pl

    p = momenta()
    columns = dict(zip(events.COLUMNS, p.T, strict=True))
    path = tmp_path / f"some.{kind}"
    if kind == "csv":
        save(path, p)
    elif kind == "parquet":
        pl.DataFrame(columns).write_parquet(path)
    elif kind == "npz":
        np.savez(path, **columns, facts=json.dumps({"target": 920.0, "id": 11, "spoil": [1]}))
    elif kind == "npy":
        np.save(path, p)
    elif kind == "root":
        import uproot

        with uproot.recreate(path) as file:
            file.mktree("events", dict.fromkeys(columns, "float64"))
            file["events"].extend(columns)
    source = {"frame": pl.DataFrame(columns), "dict": columns}.get(kind, path)
    got, opened = read_back(source)
    np.testing.assert_allclose(got, p, rtol=1e-6, atol=1e-5)
    facts = opened.spec.x.extra["events"]
    assert facts["beam"] == 50
    assert facts["target"] == (920 if kind == "npz" else 50)
    assert "spoil" not in facts


def test_labels_or_other_columns_make_it_a_table_again(tmp_path):
    p = momenta()
    path = save(tmp_path / "t.csv", np.column_stack([p, np.arange(len(p)) % 2]), "px,py,pz,E,kind")
    assert "events" not in data(path).spec.x.extra
    assert "events" not in data(path, labels="kind").spec.x.extra
    assert "events" not in data(path, columns="px,py").spec.x.extra
    assert "events" in data(path, columns="px,py,pz,E").spec.x.extra


def test_facts_behind_a_question_mark(tmp_path):
    path = save(tmp_path / "hera.csv", momenta())
    opened = data(f"{path}?beam=51.5&target=920&q2min=1.5")
    facts = opened.spec.x.extra["events"]
    assert (facts["beam"], facts["target"], facts["q2min"]) == (51.5, 920, 1.5)
    assert facts["sqrt_s"] == pytest.approx((4 * 51.5 * 920) ** 0.5)
    assert data(opened.source, **opened.options).fingerprint == opened.fingerprint
    with pytest.raises(InputError, match="no fact 'beem'; did you mean 'beam'"):
        data(f"{path}?beem=50")
    with pytest.raises(InputError, match=r"there is no file or folder 'nothere\.csv"):
        data("nothere.csv?beam=50")
    with pytest.raises(InputError, match="are for events"):
        data(f"{save(tmp_path / 'other.csv', momenta()[:, :2], 'a,b')}?beam=50")


def test_beam_energies_that_differ_are_the_condition(tmp_path):
    p = momenta()
    beam = np.repeat([50.0, 60.0], len(p) // 2)
    path = save(tmp_path / "two.csv", np.column_stack([p, beam]), "px,py,pz,E,beam")
    opened = data(path, holdout=0)
    assert opened.spec.y.shape == (1,)
    np.testing.assert_allclose(opened.spec.y.decode(opened.all("y"))[:, 0], beam, rtol=1e-6)
    facts = opened.spec.x.extra["events"]
    assert (facts["beam"], facts["beams"], facts["sqrt_s"]) == (None, [50, 60], [100, 120])


def test_weights_are_kept_and_drawn_in_proportion(tmp_path):
    p = momenta(400)
    w = np.where(np.arange(400) < 200, 3.0, 1.0)
    opened = data(save(tmp_path / "w.csv", np.column_stack([p, w]), "px,py,pz,E,w"), holdout=0)
    batch = opened.batch(0, 8000)
    assert torch.equal(opened.all("w")[:, 0], torch.tensor(w, dtype=torch.float32))
    assert abs(float((batch.w == 3).double().mean()) - 0.75) < 0.02  # 4 sigma of 8000 draws


@pytest.mark.parametrize(
    ("line", "order"), [("%.9g,%.9g,%.9g,%.9g", [3, 0, 1, 2]), ("%.9g %.9g %.9g %.9g ( 0.0)", [0, 1, 2, 3])]
)
def test_the_authors_tapes(tmp_path, line, order):
    p = momenta()
    path = tmp_path / "tape.txt"
    np.savetxt(path, p[:, order], fmt=line)
    got, _ = read_back(path)
    np.testing.assert_allclose(got, p, atol=2e-5)
    path.write_text(path.read_text() + "1.0,2.0\n")
    with pytest.raises(InputError, match="line 41, event 41, is no momentum"):
        data(path)


# HepMC and LHE, as the reference libraries write them.


def hepmc(path, p, unit=None, flip=False, pid=11):
    import pyhepmc as h

    with h.open(str(path), "w") as file:
        for i, row in enumerate(p * (1000 if unit == "MEV" else 1)):
            scale = 1000 if unit == "MEV" else 1
            event = h.GenEvent(getattr(h.Units, unit or "GEV"), h.Units.MM)
            event.event_number = i
            side = -1 if flip else 1
            vertex = h.GenVertex()
            vertex.add_particle_in(h.GenParticle((0, 0, side * 50 * scale, 50 * scale), 11, 4))
            vertex.add_particle_in(h.GenParticle((0, 0, -side * 920 * scale, 920 * scale), 2212, 4))
            vertex.add_particle_out(h.GenParticle((0, 0, 1 * scale, 1 * scale), 22, 1))
            vertex.add_particle_out(h.GenParticle((row[0], side * row[1], side * row[2], row[3]), pid, 1))
            event.add_vertex(vertex)
            file.write(event)
    return path


@pytest.mark.parametrize("unit", ["GEV", "MEV"])
@pytest.mark.parametrize("flip", [False, True])
def test_hepmc_knows_units_and_beams(tmp_path, unit, flip):
    p = momenta(20)
    got, opened = read_back(hepmc(tmp_path / "e.hepmc", p, unit, flip))
    np.testing.assert_allclose(got, p, rtol=1e-6, atol=1e-5)
    facts = opened.spec.x.extra["events"]
    assert (facts["beam"], facts["target"], facts["beam_id"], facts["target_id"]) == (50, 920, 11, 2212)


def test_hepmc_that_is_cut_off_names_the_last_event_and_loses_nothing(tmp_path, capfd):
    path = hepmc(tmp_path / "e.hepmc", momenta(20))
    body = path.read_bytes()
    path.write_bytes(body[: body.index(b"E 12 ") + 60])
    with pytest.raises(InputError, match="cut off: it ends after 12 whole events"):
        data(path)
    got, opened = read_back(path, bad_files="skip")
    assert len(got) == 12
    assert any("cut off" in note for note in opened.notes)
    assert capfd.readouterr().err == "", "the reader's own words say less"


def test_hepmc_without_the_particle_says_what_it_has(tmp_path):
    path = hepmc(tmp_path / "e.hepmc", momenta(3), pid=13)
    with pytest.raises(InputError, match=r"event 1 has no final particle with id 11; it has 13, 22"):
        data(path)
    assert len(data(f"{path}?id=13", holdout=0)) == 3
    for text in ("HepMC::Version 3.02\nnonsense\n", "hello\n", ""):
        path.write_text(text)
        with pytest.raises(InputError, match="holds no whole event: it is empty, cut off in its first one, or another"):
            data(path, bad_files="skip")


def lhe(path, p):
    import pylhe

    init = pylhe.LHEInit(
        initInfo=pylhe.LHEInitInfo(11, 2212, 50.0, 920.0, 0, 0, 0, 0, 3, 1),
        procInfo=[pylhe.LHEProcInfo(1.0, 0.1, 1.0, 1)],
        generators=[],
    )

    def particle(pid, status, row):
        return pylhe.LHEParticle(pid, status, 0, 0, 0, 0, *map(float, row), 0.0, 0.0, 9.0)

    made = [
        pylhe.LHEEvent(
            pylhe.LHEEventInfo(3, 1, 1.0, 50.0, 0.0, 0.1),
            [particle(11, -1, (0, 0, 50, 50)), particle(2212, -1, (0, 0, -920, 920)), particle(11, 1, row)],
        )
        for row in p
    ]
    pylhe.LHEFile(init, made).tofile(str(path))
    return path


def test_lhe(tmp_path):
    p = momenta(20)
    path = lhe(tmp_path / "e.lhe", p)
    got, opened = read_back(path)
    np.testing.assert_allclose(got, p, rtol=1e-6, atol=1e-5)
    assert opened.spec.x.extra["events"]["target"] == 920
    packed = tmp_path / "e.lhe.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_back(packed)[0], got)
    body = path.read_text()
    cut = [i for i in range(len(body)) if body.startswith("<event", i)][7]
    path.write_text(body[: cut + 50])
    with pytest.raises(InputError, match="cut off: it ends after 7 whole events"):
        data(path)
    path.write_text(body[:cut] + "<event>\n 3 1 what\n</event>" + body[cut:])
    with pytest.raises(InputError, match="event 8 is no LHE event"):
        data(path)
    packed.write_bytes(packed.read_bytes()[:-300])
    with pytest.raises(InputError, match="cut off"):
        data(packed)


def test_damaged_root_files_and_trees_of_many_particles(tmp_path):
    import awkward
    import uproot

    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        file.mktree("events", {"px": "float64", "py": "float64"})
    with pytest.raises(InputError, match="no tree has branches px, py, pz and E: events has px, py"):
        data(path)
    with uproot.recreate(path) as file:
        file.mktree("events", dict.fromkeys(events.COLUMNS, "var * float64"))
        file["events"].extend({k: awkward.Array([[1.0, 2.0], [3.0]]) for k in events.COLUMNS})
    with pytest.raises(InputError, match="more than one particle"):
        data(path)
    body = path.read_bytes()
    for length in (0, 10, len(body) // 3, len(body) // 2):
        path.write_bytes(body[:length])
        with pytest.raises(InputError, match=r"e\.root"):
            data(path)


# What is wrong with numbers.


def spoilt(tmp_path, change):
    p = momenta().copy()
    change(p)
    return save(tmp_path / "bad.csv", p)


def test_negative_energies_are_named(tmp_path):
    def change(p):
        p[[4, 9], 3] *= -1

    with pytest.raises(InputError, match=r"bad.csv: 2 of 40 events have an energy of 0 or less \(events 5, 10,"):
        data(spoilt(tmp_path, change))


def test_nan_is_named_or_dropped(tmp_path):
    def change(p):
        p[6, 1] = np.nan

    path = spoilt(tmp_path, change)
    with pytest.raises(InputError, match=r"py: 1 value \(row 7\)"):
        data(path)
    assert len(data(path, missing="drop", holdout=0)) == 39


def test_MeV_taken_for_GeV_is_named_and_converted_when_said(tmp_path):
    p = momenta()
    path = save(tmp_path / "mev.csv", p * 1000)
    with pytest.raises(InputError, match="these must be MeV"):
        data(path)
    with pytest.raises(InputError, match="the beam has 50 GeV: these must be MeV"):
        data(f"{path}?beam=50")
    np.testing.assert_allclose(read_back(f"{path}?unit=MeV")[0], p, rtol=1e-6, atol=1e-5)
    low = save(tmp_path / "low.csv", p * 100)  # of a beam of 5 GeV: below what beams of protons have in GeV
    with pytest.raises(
        InputError, match=r"5,0\d\d|4,9\d\d, and no beam of electrons has more than 1,500 GeV: these must"
    ):
        data(low)
    assert data(f"{low}?beam=5000").spec.x.extra["events"]["beam"] == 5000

    def change(p):
        p[:, 3] *= 1000

    with pytest.raises(InputError, match="one is in MeV"):
        data(spoilt(tmp_path, change))


def test_events_off_the_mass_shell_are_named(tmp_path):
    def change(p):
        p[11, 3] += 1

    with pytest.raises(InputError, match=r"1 of 40 events are off the mass shell of particle 11.* \(events 12, "):
        data(spoilt(tmp_path, change))

    def swapped(p):
        p[:, [2, 3]] = p[:, [3, 2]]

    with pytest.raises(InputError, match="an energy below"):
        data(spoilt(tmp_path, swapped))


def test_weights_below_zero_are_named(tmp_path):
    p = momenta()
    w = np.ones(len(p))
    w[3] = -1
    path = save(tmp_path / "w.csv", np.column_stack([p, w]), "px,py,pz,E,w")
    with pytest.raises(InputError, match=r"1 of 40 events have negative weights \(events 4,"):
        data(path)
    assert "w" not in data(path, columns="px,py,pz,E").spec


# Pythia.


def test_what_is_asked_of_pythia():
    facts = pythia.asked("pythia:dis?beam=10,20&n=50&q2min=4")
    assert (facts["beam"], facts["n"], facts["q2min"], facts["seed"]) == ([10, 20], 50, 4, 1)
    for text, message in [
        ("pythia:top", "no process 'top'. There is: dis"),
        ("pythia:", "no process ''"),
        ("pythia:dis?bean=5", "no setting 'bean'; did you mean 'beam'"),
        ("pythia:dis?beam=fast", "settings are numbers"),
        ("pythia:dis?beam=1e9", "5 to 7000 GeV"),
        ("pythia:dis?n=1", "n is 2 or more"),
        ("pythia:dis?q2min=0", "q2min is in GeV"),
    ]:
        with pytest.raises(InputError, match=message):
            data(text)


def test_pythia_is_deterministic_cached_and_grows(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    monkeypatch.setattr(pythia, "CHUNK", 500)
    some = pythia.pythia("pythia:dis?n=700", Options(), [])
    stored = sorted(tmp_path.rglob("*.npy"))
    assert [p.name for p in stored] == ["00000.npy", "00001.npy"]
    stored[1].write_bytes(stored[1].read_bytes()[:-100])  # damaged: made again
    more = pythia.pythia("pythia:dis?n=1200", Options(), [])
    np.testing.assert_array_equal(more.p[:700], some.p)
    assert not np.isin(some.p[500:, 0], some.p[:500, 0]).any()
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    np.testing.assert_array_equal(pythia.pythia("pythia:dis?n=1200", Options(), []).p, more.p)
    with pytest.raises(InputError, match=r"pip install 'zerosum\[physics\]'.* 'ep'"):
        data("pythia:dis?n=1300")
    assert (kinematics.Q2(more.p, 50.0) > 2 - 1e-6).all()
    assert np.abs(kinematics.mass_shell(more.p, events.MASSES[11])).max() < 1e-6


def test_several_beam_energies_from_pythia(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    opened = data("pythia:dis?beam=10,20,30&n=300", holdout=0)
    beam = opened.spec.y.decode(opened.all("y"))[:, 0].round(6)
    assert {e: int((beam == e).sum()) for e in (10, 20, 30)} == {10: 100, 20: 100, 30: 100}
    p = opened.spec.x.decode(opened.all("x"))
    assert (p[:, 3] < beam + 1e-4).all()
    assert opened.spec.x.extra["events"]["sqrt_s"] == [20, 40, 60]


@pytest.mark.parametrize(("package", "name"), [("pyhepmc", "e.hepmc"), ("uproot", "e.root")])
def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch, package, name):
    (tmp_path / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package} to be read: pip install 'zerosum\[physics\]'"):
        data(tmp_path / name)


# Kinematics.


def test_kinematics_are_exact_near_the_edges():
    """Against the same formulas in 50 digits."""
    from decimal import Decimal, getcontext

    getcontext().prec = 50
    for row in [(1e-3, 2e-3, 49.9999), (0.5, 1.0, 49.98), (-3.0, 2.0, -1.0), (20.0, 10.0, 30.0), (1e-6, 0, 49.999999)]:
        px, py, pz = map(Decimal, row)
        beam, target = Decimal(50), Decimal(920)
        e = (px * px + py * py + pz * pz).sqrt()
        q2, y = 2 * beam * (e - pz), 1 - (e + pz) / (2 * beam)
        p = np.array([row])
        assert kinematics.Q2(p, 50.0)[0] == pytest.approx(float(q2), rel=1e-13)
        assert kinematics.y(p, 50.0)[0] == pytest.approx(float(y), rel=1e-9, abs=1e-15)
        assert kinematics.x(p, 50.0, 920.0)[0] == pytest.approx(float(q2 / (4 * beam * target * y)), rel=1e-9)


def test_files_know_their_columns_by_other_names():
    p = momenta()
    found = files.of_columns({"PX": p[:, 0], "Py": p[:, 1], "pz": p[:, 2], "energy": p[:, 3], "weight": p[:, 3]}, {})
    assert found is not None
    np.testing.assert_array_equal(found.p, p)
    assert found.w is not None
