"""Transforms compose and invert, augmented features are differentiable, and every game takes both."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
import torch

import zerosum as zs
from zerosum import games
from zerosum.data import Data
from zerosum.data import open as open_data
from zerosum.data.featured import suited, with_features
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.expressions import formula
from zerosum.features import Completed, Features, expressions
from zerosum.games.cfatgan import CFATGAN
from zerosum.games.fatgan import FATGAN, Matched
from zerosum.games.lsgan import LSGAN
from zerosum.games.r3gan import R3GAN
from zerosum.nets import output
from zerosum.spec import Column, Columns, Field, Spec
from zerosum.transforms import checked, transform, words

BEAM = 50.0


def momenta(n: int = 2000, seed: int = 0, beam: float = BEAM) -> np.ndarray:
    """Massless electrons scattered elastically enough: 0 < y < 1, Q^2 > 2 GeV^2, px, py, pz, E."""
    random = np.random.default_rng(seed)
    q2, y, phi = 2 / random.uniform(0.01, 1, n), random.uniform(0.01, 0.9, n), random.uniform(-np.pi, np.pi, n)
    minus, plus = q2 / (2 * beam), 2 * beam * (1 - y)
    pt = np.sqrt(minus * plus)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), (plus - minus) / 2, (plus + minus) / 2], 1)


def events(n: int = 2000, beams: tuple[float, ...] = (BEAM,)) -> Data:
    """As the data door opens them: x of px, py, pz, E; where the beam differs, y is its energy."""
    p = np.concatenate([momenta(n, i, b) for i, b in enumerate(beams)])
    columns = dict(zip(("px", "py", "pz", "E"), p.T, strict=True))
    return open_data({**columns, "beam": np.repeat(beams, n)}, holdout=0)


def table(n: int = 600) -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "age": random.gamma(2, 10, n) + 0.1,
            "share": random.beta(2, 2, n),
            "angle": random.uniform(0, 360, n),
            "kind": random.choice(["a", "b"], n),
        }
    )


TABLE = "age:positive,share:bounded(0,1),angle:periodic(360)"

# Transforms.

VALUES = {
    "v:positive": [1e-30, 0.5, 3.0, 1e20],
    "v:above(-2)": [-2 + 1e-12, 0.0, 5.0],
    "v:below(50)": [-1e6, 0.0, 49.0, 50 - 1e-9],
    "v:bounded(-1,3)": [-0.999, 0.0, 1.0, 2.9999],
    "v:periodic(360)": [0.0, 1e-9, 90.0, 359.999],
    "v:periodic(360,-180)": [-180.0, -1.0, 0.0, 179.9],
}


@pytest.mark.parametrize("text", VALUES)
def test_a_transform_of_one_column_is_inverted_exactly(text: str):
    step, v = transform(text), torch.tensor(VALUES[text], dtype=torch.float64)
    back = step.inverse(step.forward({"u": v, "v": v, "w": v}))
    assert list(back) == ["u", "v", "w"], "columns keep their order"
    torch.testing.assert_close(back["v"], v, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", ["spherical", "collider", f"scattered({BEAM})"])
def test_momenta_come_back(text: str):
    p = torch.from_numpy(momenta())
    named = dict(zip(("px", "py", "pz"), p.T, strict=False))
    step = transform(f"px/py/pz:{text}")
    back = step.inverse(step.forward(named))
    for name, v in named.items():
        torch.testing.assert_close(back[name], v, rtol=1e-10, atol=1e-10)


def test_near_the_beam_the_transform_keeps_its_digits():
    """E_b - pz of 1e-6 GeV survives the way there and back in float64, to a part in 10^8."""
    step, gap = transform("pz:below(50)"), torch.logspace(-6, 1, 50, dtype=torch.float64)
    back = 50 - step.inverse(step.forward({"pz": 50 - gap}))["pz"]
    torch.testing.assert_close(back, gap, rtol=1e-8, atol=0)


@pytest.mark.parametrize("text", [t for t in VALUES if "periodic" not in t] + [f"px/py/v:scattered({BEAM})"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_that_is_written_leaves_the_bounds(text: str, dtype: torch.dtype):
    step = transform(text)
    written = step.forward({k: torch.tensor([1.0, 1.0, 0.5, 0.5], dtype=dtype) for k in ("px", "py", "v")})
    far = torch.tensor([-200.0, 200.0, -20.0, 20.0], dtype=dtype)
    back = step.inverse(dict.fromkeys(written, far))["v"]
    low, high = step.bounds()["v"]
    assert ((back > low) & (back < high)).all()


def test_on_shell_leaves_the_energy_out_and_brings_it_back():
    p, mass = torch.from_numpy(momenta()), 0.14
    named = dict(zip(("E", "px", "py", "pz"), (*p.T[3:], *p.T[:3]), strict=True))
    named["E"] = (p[:, :3].square().sum(1) + mass**2).sqrt()
    step = transform(f"E/px/py/pz:onshell({mass})")
    written = step.forward(named)
    assert list(written) == ["px", "py", "pz"]
    torch.testing.assert_close(step.inverse(written)["E"], named["E"])
    with pytest.raises(InputError, match="column 'E' is off the mass shell of 90"):
        transform("E/px/py/pz:onshell(90)").forward(named)


def test_projections():
    c, s = transform("v:periodic(360)").project({"cos(v)": torch.tensor([3.0]), "sin(v)": torch.tensor([4.0])}).values()
    torch.testing.assert_close(torch.cat([c, s]), torch.tensor([0.6, 0.8]))
    turned = transform("px/py:isotropic").project(
        {"px": torch.ones(4), "py": torch.zeros(4)}, torch.tensor([0.0, 0.25, 0.5, 0.75])
    )
    torch.testing.assert_close(turned["px"], torch.tensor([-1.0, 0, 1, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(turned["py"], torch.tensor([0.0, -1, 0, 1]), atol=1e-6, rtol=0)


WRONG = {
    "age": "is not like COLUMN:KIND",
    "age:postive": "no kind 'postive'; did you mean 'positive'?",
    "age:below": r"below takes \(high\), as in pz:below\(50\)",
    "age:bounded(1,0)": "first bound must be the lower",
    "age:bounded(0)": "bounded takes",
    "age:below(low!)": "'low!' is not a number",
    "a/b:positive": "positive reads 1 columns, not 2",
    "age:periodic(0)": "more than 0",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_transform_is_named(text: str):
    with pytest.raises(InputError, match=WRONG[text]):
        transform(text)


def test_data_that_a_transform_cannot_take_is_named():
    columns = {"age": torch.tensor([1.0, 0.0, -3.0])}
    with pytest.raises(InputError, match=r"wants numbers above 0; 2 of 3 values of 'age' are not, first 0 in row 2"):
        checked([transform("age:positive")], columns)
    with pytest.raises(InputError, match="no column 'ages'; did you mean 'age'"):
        checked([transform("ages:positive")], columns)


def test_lists_are_cut_outside_of_brackets():
    assert words(" a:bounded(0,1) , b=hypot(px, py),") == ("a:bounded(0,1)", "b=hypot(px, py)")
    assert words(None) == ()
    assert words(["a", "b"]) == ("a", "b")


# Expressions.


def test_arithmetic():
    f, names = formula("-a**2 / (b - 1) + hypot(a, 2 * b) * exp(0)")
    assert names == {"a", "b"}
    a, b = torch.tensor([3.0]), torch.tensor([2.0])
    torch.testing.assert_close(f({"a": a, "b": b}, False), torch.tensor([-9.0 + 5.0]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a +", "is not arithmetic"),
        ("a.b", "'a.b' is not understood"),
        ("__import__('os')", "no function '__import__'"),
        ("log(a, b)", "log takes 1 numbers, not 2"),
        ("[a]", "is not understood"),
        ("lgo(a)", "no function 'lgo'; did you mean 'log'?"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str, says: str):
    with pytest.raises(InputError, match=says):
        formula(text)


def test_guarded_roots_logarithms_and_quotients_are_finite_with_finite_gradients():
    for text in ("sqrt(a)", "log(a)", "hypot(a, a)", "atan2(a, a)", "1 / a", "a / a"):
        a = torch.tensor([0.0, -1.0, 2.0], requires_grad=True)
        value = formula(text)[0]({"a": a}, True)
        value.sum().backward()
        assert value.isfinite().all(), text
        assert a.grad.isfinite().all(), text


def test_names_that_physicists_know():
    found = dict(expressions(["pT", "ratio=pz/pT", "x"], ["px", "py", "pz"], {"beam": 50.0, "target": 50.0}))
    assert found["pT"] == "(hypot(px, py))"
    assert formula(found["x"])[1] <= {"px", "py", "pz", "beam", "target"}
    with pytest.raises(InputError, match="nothing is called 'pX'"):
        expressions(["pX"], ["px"], {})
    with pytest.raises(InputError, match="reads no column"):
        expressions(["two=1+1"], ["px"], {})


# Data.


@pytest.mark.parametrize("name", ["direct", "cartesian", "spherical", "scattered"])
@pytest.mark.parametrize("beams", [(50.0,), (10.0, 30.0)])
def test_features_of_events_lead_back_to_momenta(name: str, beams: tuple[float, ...]):
    plain = events(500, beams)
    data = with_features(plain, name)
    codec, x = data.spec.x.codec, data.all()
    assert isinstance(codec, Features)
    assert x.shape == (500 * len(beams), codec.width)
    assert Spec.from_json(json.loads(json.dumps(data.spec.to_json()))) == data.spec
    want = plain.spec.x.decode(plain.all())
    np.testing.assert_allclose(codec.decode(x), want, atol=3e-5)
    again = Completed(codec)(x[:, : codec.written])
    torch.testing.assert_close(again, x, atol=2e-4, rtol=1e-3)
    if len(beams) == 1 or name == "direct":
        torch.testing.assert_close(x.mean(0)[1:], torch.zeros(codec.width - 1), atol=1e-4, rtol=0)


def test_no_event_lies_beyond_the_beam_whatever_a_generator_writes():
    codec = with_features(events(), "cartesian").spec.x.codec
    wild = torch.randn(10_000, codec.width) * torch.logspace(-2, 3, 10_000)[:, None]
    assert (codec.decode(wild)[:, 2] < BEAM).all()
    direct = with_features(events(), "direct").spec.x.codec
    assert (direct.decode(wild[:, : direct.width])[:, 2] >= BEAM).any()


@pytest.mark.parametrize("spread", [1.0, 3.0, 30.0, 1000.0])  # of what an untrained generator writes
def test_augmented_features_have_gradients(spread: float):
    codec = with_features(events(), "cartesian", None, "pT,E,cot,theta,phi,Q2,y,x,lnx=log(x)").spec.x.codec
    w = (spread * torch.randn(20_000, codec.written)).requires_grad_()
    row = Completed(codec)(w)
    row.square().sum().backward()
    assert row.isfinite().all()
    assert w.grad.isfinite().all()
    assert row[:, codec.written :].abs().max() < 1e4


def test_features_are_fitted_on_the_training_part_and_categories_stay():
    data = open_data(table(), transform=TABLE, augment_columns="young=1/age,age2=age*age", holdout=0.5)
    codec = data.spec.x.codec
    assert codec.names == ("age", "share", "angle", "kind")
    assert [c.name for c in codec.columns] == [
        "ln(age)", "logit(share)", "cos(angle)", "sin(angle)", "kind", "young", "age2",
    ]  # fmt: skip
    assert codec.written == 6
    numeric = [i for i, c in enumerate(codec.columns) if not c.categories and not c.name.startswith(("cos", "sin"))]
    x, rest = data.all(), data.held_out.all()
    first = [codec.blocks[i].start for i in numeric]
    torch.testing.assert_close(x[:, first].mean(0), torch.zeros(len(first)), atol=1e-5, rtol=0)
    assert rest[:, first].mean(0).abs().max() > 1e-3, "the held-out part has a mean of its own"
    assert data.options["transform"] == TABLE
    rows = codec.decode(torch.randn(1000, codec.width) * 20)
    assert rows["age"].min() > 0
    assert 0 < rows["share"].min() <= rows["share"].max() < 1
    assert 0 <= rows["angle"].min() <= rows["angle"].max() <= 360
    assert set(rows["kind"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"transform": "kind:positive"}, "holds categories"),
        ({"transform": "share:below(0.5)"}, "wants numbers below 0.5"),
        ({"augment_columns": "a=log(age-50)"}, "'a' is not finite in"),
        ({"augment_columns": "share=age*2"}, "writes that column already"),
        ({"features": "fat"}, "of scattering events, with columns px, py, pz"),
        ({"features": "polar"}, "no features 'polar'"),
    ],
)
def test_features_that_do_not_fit_are_named(options: dict[str, str], says: str):
    with pytest.raises(InputError, match=says):
        open_data(table(), **options)


def test_features_are_of_rows():
    with pytest.raises(InputError, match="features are of rows of numbers"):
        open_data("digits", transform="a:positive")


# Games.


def small(name: str) -> zs.Game:
    kind = games.find(name)
    sizes = {"width": 16, "z_dim": 6, "depth": 2, "pairs": 64}
    return kind(**{k: v for k, v in sizes.items() if k in kind.__dataclass_fields__})


@pytest.mark.parametrize("name", ["gan", "lsgan", "wgan", "wgan_gp", "sngan", "infogan", "r3gan", "dsgan", "fatgan"])
def test_any_game_takes_features(name: str):
    data = open_data(table(), transform=TABLE, augment_columns="young=1/age")
    engine = Engine(small(name), data, batch=32).play(2)
    for player in engine.parameters.values():
        assert all(p.grad is None or p.grad.isfinite().all() for p in player)
    rows = data.spec.x.decode(engine.sample(300))
    assert rows["age"].min() > 0
    assert engine.sample(3).shape == (3, data.spec.x.codec.width)
    linear = [m for m in engine.game.G.modules() if isinstance(m, torch.nn.Linear)]
    assert linear[-1].out_features == data.spec.x.codec.written, "a generator has no unit that nobody reads"


def test_a_game_chooses_coordinates_unless_the_user_does():
    data = events(100)
    assert [c.name for c in suited(data, FATGAN.features).spec.x.codec.columns][2] == "ln(50-pz)"
    assert suited(with_features(data, "none"), FATGAN.features).spec.x.codec == data.spec.x.codec
    assert suited(with_features(data, "spherical"), FATGAN.features).options["features"] == "spherical"
    assert suited(data, LSGAN.features) is data


@pytest.mark.parametrize("other", [LSGAN, R3GAN])
def test_the_mmd_goes_with_any_objective(other: type[zs.Game]):
    class Both(Matched, other):
        """FAT-GAN under another objective."""

    game = Both(width=4, z_dim=4, pairs=50)
    engine = Engine(game, with_features(events(), "cartesian"), batch=64).play(2)
    assert "G/mmd" in engine.read()


def test_an_isotropic_generator_prefers_no_azimuth():
    data = with_features(events(), "cartesian", "px/py:isotropic")
    with Engine(small("fatgan"), data, batch=32).averaged() as game, torch.no_grad():
        p = data.spec.x.decode(game.sample(4000))
    phi = np.arctan2(p[:, 1], p[:, 0])
    assert abs(np.exp(1j * phi).mean()) < 0.06
    assert abs(np.exp(2j * phi).mean()) < 0.06


def test_cfatgan_draws_events_of_the_energy_that_it_is_asked_for():
    data = with_features(events(500, (10.0, 30.0)), "cartesian")
    engine = Engine(CFATGAN(width=16, z_dim=4, depth=2), data, batch=64).play(2)
    y = data.spec.y.codec.encode(torch.full((200, 1), 20.0))
    with torch.no_grad():
        x = engine.game.sample(200, y)
    torch.testing.assert_close(x[:, :1], y)
    p = data.spec.x.decode(x)
    assert p.shape == (200, 4), "in the user's columns"
    assert (p[:, 2] < 20).all()
    with torch.no_grad():
        assert len(engine.game.sample(500)[:, 0].unique()) == 2, "unasked, it draws energies that it has seen"


def test_mmd_is_zero_on_average_where_samples_agree_and_grows_where_they_differ():
    from zerosum.losses import mmd
    from zerosum.metrics.kernels import mmd2

    torch.manual_seed(0)
    a, b = torch.randn(800, 3), torch.randn(800, 3)
    assert abs(float(mmd(a, b, (1.0, 2.0)))) < 0.01
    assert float(mmd(a, b + 1, (1.0, 2.0))) > 0.1
    assert float(mmd(a, b + 1, (1.0, 2.0))) == pytest.approx(2 * mmd2(a, b + 1, bandwidths=(1.0, 2.0)), rel=1e-3)


def test_the_output_of_plain_fields_is_what_it_was():
    assert isinstance(output(Field((2,), "vector", Columns((Column("a"), Column("b"))))), torch.nn.Identity)
    assert math.isclose(float(Field((2,), "vector", Columns((Column("a"), Column("b")))).written[0]), 2)
