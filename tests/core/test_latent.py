"""Latent tools, on games small enough to know the answers."""

import pytest
import torch
from torch import nn

from tests.core.toy import LABEL, Rows, picture, rows
from zerosum import games, latent
from zerosum.draws import draw
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.game import Game, Player
from zerosum.optim import SGD
from zerosum.priors import Normal
from zerosum.spec import Spec


class Linear(Game):
    """G(z) = A z, with known A."""

    def build(self, spec: Spec) -> None:
        self.prior = Normal(3)
        self.G = nn.Linear(3, 4, bias=False)
        self.G.weight.data = torch.tensor([[5.0, 0, 0], [0, 1, 0], [0, 0, 3], [0, 0, 0]])

    def players(self):
        return {"G": Player(self.G, SGD())}

    def moves(self):
        return []


class Inverse(Linear):
    def encode(self, x):
        return x[:, :3] / torch.tensor([5.0, 1, 3])


class Blind(Game):
    """A game without a latent space."""

    def build(self, spec: Spec) -> None:
        self.G = nn.Linear(1, 1)


@pytest.fixture
def game() -> Game:
    return made(Linear())


def made(game: Game) -> Game:
    torch.manual_seed(0)
    game.build(Spec(x=rows("a", "b", "c", "d")))
    return game.eval().requires_grad_(False)


def tiny(name: str, **options) -> tuple[Game, Spec]:
    spec = Spec(x=picture(1, 8, 8), y=LABEL)
    engine = Engine(games.find(name)(**options), Rows.random(32, **spec.fields), batch=8)
    return engine.game.eval().requires_grad_(False), spec


def test_latents_are_those_behind_the_samples(game):
    assert torch.equal(latent.render(game, latent.latents(game, 70, seed=3)), draw(game, 70, seed=3))
    told, _ = tiny("cgan", width=24, z_dim=3)
    y = torch.arange(70) % 3
    torch.testing.assert_close(latent.render(told, latent.latents(told, 70, seed=3), y), draw(told, 70, seed=3, y=y))


def test_ways_between_latents(game):
    a, b = torch.tensor([[2.0, 0, 0]]), torch.tensor([[0.0, 4, 0]])
    torch.testing.assert_close(latent.between(a, b, 0.5, "linear"), torch.tensor([[1.0, 2, 0]]))
    torch.testing.assert_close(latent.between(a, b, 0.5), torch.tensor([[2.0, 4, 0]]) * 0.5**0.5)
    for t, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(latent.between(a, b, t), end)
    torch.testing.assert_close(latent.between(a, a, 0.3), a, atol=1e-3, rtol=0)
    z = latent.latents(game, 3)
    assert latent.path(z, 4).shape == (9, 3)
    assert latent.path(z, 4, loop=True).shape == (12, 3)
    torch.testing.assert_close(latent.path(z, 4)[4], z[1])
    assert latent.walk(game, z, 4).shape == (9, 4)
    assert latent.plane(game, latent.latents(game, 4), 3, 5).shape == (15, 4)


def test_arithmetic_is_of_means():
    glasses, men, women = torch.tensor([[1.0, 3], [3, 3]]), torch.tensor([[2.0, 0]]), torch.tensor([[0.0, 1], [0, 3]])
    assert latent.arithmetic([glasses, women], [men]).tolist() == [[0.0, 5.0]]


def test_directions_of_a_linear_map_are_its_singular_vectors(game):
    for method in ("sefa", "pca"):
        found = latent.directions(game, method, k=3, n=4000).abs()
        torch.testing.assert_close(found, torch.eye(3)[[0, 2, 1]], atol=0.1, rtol=0)


@pytest.mark.parametrize("name", ["gan", "dcgan", "cgan", "acgan", "infogan", "r3gan"])
def test_every_game_with_latents_can_be_walked_and_has_directions(name):
    game, spec = tiny(name, **{"width": 8, "z_dim": 5} if name != "cgan" else {"width": 24, "z_dim": 5})
    z = latent.latents(game, 2)
    assert latent.walk(game, z, 3).shape == (4, *spec.x.shape)
    for method in ("sefa", "pca"):
        d = latent.directions(game, method, k=2, n=64)
        torch.testing.assert_close(d.norm(dim=1), torch.ones(2))
        assert latent.edit(game, z, d[0], [-1, 0, 1]).shape == (6, *spec.x.shape)
    assert latent.render(game, z).equal(latent.render(game, z)), "what it is not told, it draws always the same"


def test_an_attributes_direction_parts_those_who_have_it():
    z = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    d = latent.attribute(z, z[:, 1] > z[:, 0])
    torch.testing.assert_close(d, torch.tensor([-1.0, 1, 0]) * 0.5**0.5, atol=0.05, rtol=0)
    with pytest.raises(InputError, match="directions need both"):
        latent.attribute(z, z[:, 0] > 99)


def test_a_sweep_shows_each_latent_under_each_condition():
    game, _ = tiny("cgan", width=24, z_dim=5)
    z, y = latent.latents(game, 2), torch.arange(3)
    made = latent.sweep(game, z, y)
    torch.testing.assert_close(made[4], latent.render(game, z[1:], y[1:2])[0])
    with pytest.raises(InputError, match="GAN cannot be told what to draw"):
        latent.sweep(tiny("gan", width=24)[0], z, y)


@pytest.mark.parametrize("kind", [Linear, Inverse])
def test_inversion_finds_the_latents(kind):
    game = made(kind())
    z = latent.latents(game, 5, seed=9)
    x = latent.render(game, z)
    optimised = latent.invert(game, x, "optimise", steps=200)
    torch.testing.assert_close(optimised.z, z, atol=0.1, rtol=0)
    assert (optimised.error < 0.01).all()
    if kind is Inverse:
        torch.testing.assert_close(latent.invert(game, x, "encoder").z, z)
        torch.testing.assert_close(latent.invert(game, x, steps=50).z, z, atol=0.1, rtol=0)
    else:
        with pytest.raises(InputError, match="Linear has no encoder of its latents"):
            latent.invert(game, x, "encoder")


def test_a_projector_is_an_encoder_trained_on_the_spot():
    game = made(Linear())
    spec = Spec(x=rows("a", "b", "c", "d"))
    z = latent.latents(game, 50, seed=9)
    found = latent.invert(game, latent.render(game, z), "encoder", encoder=latent.projector(game, spec.x, 300, 8))
    assert (found.z - z).square().mean() < 0.1


def test_inversion_tries_the_conditions_it_may_choose_from():
    game, _ = tiny("cgan", width=24, z_dim=5)
    y = torch.tensor([0, 1, 2, 1])
    x = latent.render(game, latent.latents(game, 4, seed=5), y)
    found = latent.invert(game, x, candidates=torch.arange(3), steps=20, restarts=1)
    assert found.y is not None
    assert (found.y == y).float().mean() >= 0.75


def test_what_a_game_lacks_is_said_with_the_games_that_have_it():
    blind = Blind()
    blind.build(Spec())
    with pytest.raises(InputError, match=r"Blind has no latent space; games that can: .*dcgan.*wgan"):
        latent.latents(blind, 3)
    assert "infogan" in latent.capable("encode")
    assert "gan" not in latent.capable("encode")


def test_painting_brings_colours_where_the_brush_went_and_no_farther_than_told():
    game, _ = tiny("gan", width=16, z_dim=8)
    z = latent.latents(game, 4)
    before = latent.render(game, z)
    brush = torch.zeros(1, 8, 8)
    brush[:, :4] = 1
    wanted = latent.render(game, latent.latents(game, 1, seed=1))[0]
    near, bound = (latent.paint(game, z, wanted, brush, stay=stay) for stay in (0.0, 100.0))

    def missed(z):
        return ((latent.render(game, z) - wanted).square() * brush).sum((1, 2, 3)) / brush.sum()

    assert (missed(near) < missed(z) / 4).all(), "another latent has these colours, so they can be reached"
    assert ((bound - z).norm(dim=1) < (near - z).norm(dim=1) / 5).all()
    assert near.abs().max() <= game.prior.high
    elsewhere = before.clone()
    elsewhere[:, :, :4] = wanted[:, :4]
    other = latent.paint(game, z, elsewhere[0], 1 - brush, stay=0.0)
    assert missed(other).mean() > missed(near).mean(), "where the brush did not go, nothing was asked for"
