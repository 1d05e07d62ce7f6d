"""Events written for other programs, read by the reference libraries and by our own door."""

import time
from itertools import islice

import numpy as np
import pytest
import torch

from zerosum import data, event_export, export
from zerosum.data import events
from zerosum.data.events import kinematics
from zerosum.errors import InputError


@pytest.fixture(scope="module")
def field():
    return data("ep").spec.x


@pytest.fixture(scope="module")
def momenta():
    return events.sample()[0].p[:200]


def written(field, momenta, path):
    export.write(field.codec.encode(torch.from_numpy(momenta)), field, path)
    return field.decode(field.codec.encode(torch.from_numpy(momenta)))


def test_pyhepmc_reads_hepmc(field, momenta, tmp_path):
    import pyhepmc

    p = written(field, momenta, tmp_path / "e.hepmc")
    with pyhepmc.open(str(tmp_path / "e.hepmc")) as file:
        read = list(file)
    assert [e.event_number for e in read] == list(range(200))
    assert all(e.momentum_unit == pyhepmc.Units.GEV for e in read)
    for event, row in zip(read, p, strict=True):
        beams, final = event.beams, [q for q in event.particles if q.status == 1]
        assert [(q.pid, q.momentum.pz, q.momentum.e) for q in beams] == [(11, 50, 50), (2212, -50, 50)]
        assert [q.pid for q in final] == [11, 90]
        np.testing.assert_array_equal([*final[0].momentum], row)
        total = sum(np.array([*q.momentum]) for q in final)
        np.testing.assert_allclose(total, [0, 0, 0, 100], atol=1e-9)
        assert final[1].generated_mass > 0


def test_pylhe_reads_lhe(field, momenta, tmp_path):
    import pylhe

    p = written(field, momenta, tmp_path / "e.lhe")
    file = pylhe.LHEFile.fromfile(str(tmp_path / "e.lhe"), generator=False)
    init = file.init.initInfo
    assert (init.beamA, init.beamB, init.energyA, init.energyB) == (11, 2212, 50, 50)
    read = list(file.events)
    assert len(read) == 200
    for event, row in zip(read, p, strict=True):
        assert [(int(q.id), int(q.status)) for q in event.particles] == [(11, -1), (2212, -1), (11, 1), (90, 1)]
        q = event.particles[2]
        np.testing.assert_array_equal([q.px, q.py, q.pz, q.e], row)


def test_uproot_reads_a_tree(field, momenta, tmp_path):
    import uproot

    p = written(field, momenta, tmp_path / "e.root")
    with uproot.open(str(tmp_path / "e.root")) as file:  # pyright: ignore
        assert file.classnames()["events;1"] == "TTree"
        tree = file["events"].arrays(library="np")
    np.testing.assert_array_equal(np.stack([tree[n] for n in events.COLUMNS], 1), p)


@pytest.mark.parametrize("suffix", [".hepmc", ".hepmc3", ".lhe", ".root", ".npz", ".csv", ".parquet", ".txt", ".npy"])
def test_our_own_door_reads_every_format_back(field, momenta, tmp_path, suffix):
    path = tmp_path / f"e{suffix}"
    p = written(field, momenta, path)
    again = data(path, holdout=0)
    np.testing.assert_allclose(again.spec.x.decode(again.all()), p, rtol=1e-6, atol=2e-5)
    facts = again.spec.x.extra["events"]
    assert (facts["beam"], facts["target"], facts["id"]) == (50, 50, 11)
    assert not list(tmp_path.glob(".*"))


def test_each_event_has_its_own_beam_where_they_differ(momenta, tmp_path):
    facts = {"beam": None, "target": None, "id": 11, "mass": events.MASSES[11]}
    beam = np.where(np.arange(200) % 2, 50.0, 60.0)
    for suffix in (".hepmc", ".root", ".npz"):
        path = event_export.write(momenta, facts, tmp_path / f"e{suffix}", beam)
        again = data(path, holdout=0)
        np.testing.assert_allclose(again.spec.y.decode(again.all("y"))[:, 0], beam, rtol=1e-6)


def test_a_heavy_or_unphysical_event_is_still_written(tmp_path):
    import pyhepmc

    p = np.array([[1.0, 2.0, 80.0, 80.1], [0.5, 1.0, 30.0, 31.0]])
    event_export.write(p, {"beam": 50.0, "target": 50.0, "id": 11}, tmp_path / "e.hepmc")
    with pyhepmc.open(str(tmp_path / "e.hepmc")) as file:
        first = next(iter(file))
    rest = next(q for q in first.particles if q.pid == 90)
    assert rest.generated_mass < 0  # spacelike


def test_writing_hepmc_streams_and_is_fast(tmp_path):
    p = np.repeat(events.sample()[0].p, 2, 0)
    facts = {"beam": 50.0, "target": 50.0, "id": 11, "mass": events.MASSES[11]}
    began = time.process_time()
    event_export.write(p, facts, tmp_path / "e.hepmc")
    assert len(p) / (time.process_time() - began) > 10_000  # pyhepmc itself writes 5,000 a second
    with (tmp_path / "e.hepmc").open() as file:
        assert sum(line.startswith("E ") for line in islice(file, None)) == len(p)


def test_what_cannot_be_written_is_said(field, tmp_path):
    with pytest.raises(InputError, match=r"1 of 3 events are not finite \(the first is 2\)"):
        event_export.write(np.array([[1.0] * 4, [np.nan] * 4, [1.0] * 4]), {}, tmp_path / "e.hepmc")
    points = data("ring8").spec.x
    with pytest.raises(InputError, match="hold events of particle physics; these samples are none"):
        export.write(torch.zeros(3, 2), points, tmp_path / "e.hepmc")
    with pytest.raises(InputError, match=r"events also \.hepmc"):
        export.write(torch.zeros(3, 4), field, tmp_path / "e.xyz")
    assert not list(tmp_path.iterdir())


def test_without_beams_only_the_particles_are_written(momenta, tmp_path):
    import pyhepmc

    event_export.write(momenta, {"id": 13, "mass": 0.1}, tmp_path / "e.hepmc")
    with pyhepmc.open(str(tmp_path / "e.hepmc")) as file:
        read = list(file)
    np.testing.assert_array_equal([[*e.particles[-1].momentum] for e in read], momenta)
    event_export.write(momenta, {"id": 11, "mass": 0.0}, tmp_path / "e.lhe")
    back = data(tmp_path / "e.lhe", holdout=0)
    assert np.abs(kinematics.mass_shell(back.spec.x.decode(back.all()), 0.0)).max() < 1e-3
