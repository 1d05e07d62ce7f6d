"""Ways of a condition into G and into D."""

from typing import get_args

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import zerosum as zs
from tests.core.test_contract import CONDITIONS, FIELDS, GAMES, specs, tiny
from tests.core.toy import LABEL, POINTS, TABLE, Rows, examples, picture
from zerosum import nets
from zerosum.engine import Engine
from zerosum.games.cgan import CGAN
from zerosum.nets import ConditionalNorm, Discriminator, IntoD, IntoG, Projection, embed
from zerosum.spec import Spec


@pytest.mark.parametrize("size", [(), (5, 3)], ids=["rows", "pictures"])
def test_a_conditional_norm_is_batch_norm_with_the_gain_and_bias_of_the_class(size):
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(4) if size else nn.BatchNorm1d(4)
    layer, e, x = ConditionalNorm(plain, 3), embed(LABEL), torch.randn(12, 4, *size)
    torch.testing.assert_close(layer(x, e(torch.arange(12) % 3)), plain(x), msg="at first it is batch norm")
    nn.init.normal_(layer.by.weight)
    nn.init.normal_(layer.by.bias)
    for k in range(3):
        gain, bias = (layer.by.weight[:, k] + layer.by.bias).chunk(2)
        plain.weight.data, plain.bias.data = 1 + gain.detach(), bias.detach()
        torch.testing.assert_close(layer(x, e(torch.full((12,), k))), plain(x))
    layer.eval()
    plain.eval()
    torch.testing.assert_close(layer(x, e(torch.full((12,), 2))), plain(x), msg="its running statistics, too")


def test_a_conditional_norm_treats_each_example_by_its_own_condition():
    layer, x = ConditionalNorm(nn.BatchNorm1d(4), 3), torch.randn(6, 4)
    nn.init.normal_(layer.by.weight)
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    mixed = layer(x, embed(LABEL)(y))
    for i, k in enumerate(y):
        torch.testing.assert_close(mixed[i], layer(x, embed(LABEL)(torch.full((6,), int(k))))[i])


def test_a_projection_can_be_the_log_ratio_of_densities():
    """Where p(x | y) and q(x | y) are normal with the same spread, the ratio is linear in x, as its form allows."""
    torch.manual_seed(0)
    p, q, x, y = torch.randn(3, 2), torch.randn(3, 2), torch.randn(20, 2), torch.arange(20) % 3
    D = Projection(Discriminator(WithOne(), 3), embed(LABEL))
    nn.init.zeros_(D.head.weight)
    nn.init.zeros_(D.head.bias)
    D.V.weight.data = torch.cat([p - q, (q.square().sum(1, keepdim=True) - p.square().sum(1, keepdim=True)) / 2], 1).T
    ratio = Normal(p[y], 1.0).log_prob(x).sum(1) - Normal(q[y], 1.0).log_prob(x).sum(1)
    torch.testing.assert_close(D(x, y), ratio)


class WithOne(nn.Module):
    """x and a 1."""

    def forward(self, x):
        return torch.cat([x, torch.ones(len(x), 1)], 1)


def test_what_a_projection_says_of_two_classes_differs_by_a_linear_function_of_its_features():
    D = nets.conditional_discriminator(picture(3, 8, 8), embed(LABEL), 4, "projection")
    x = torch.rand(5, 3, 8, 8)
    a, b = (D(x, torch.full((5,), k)) for k in (0, 2))
    torch.testing.assert_close(a - b, D.features(x) @ (D.V.weight[:, 0] - D.V.weight[:, 2]))


@pytest.mark.parametrize("field", [POINTS, TABLE, picture(1, 8, 8), picture(3, 2, 9), picture(4, 17, 9)], ids=str)
@pytest.mark.parametrize("y", CONDITIONS.values(), ids=CONDITIONS)
def test_they_fit_every_field_and_condition(field, y):
    given = examples(y, 6, 0)
    for g, d in zip(get_args(IntoG), get_args(IntoD), strict=True):
        x = nets.conditional_generator(5, field, embed(y, 8), 4, g)(torch.randn(6, 5), given)
        assert x.shape == (6, *field.shape)
        assert nets.conditional_discriminator(field, embed(y, 8), 4, d)(x, given).shape == (6,)


CHOICES = {name: cls for name, cls in GAMES.items() if "into_g" in cls.__dataclass_fields__}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("x", ["points", "8x8"])
def test_every_game_that_offers_them_plays_with_them(name, x):
    cls = CHOICES[name]
    for kind in cls.needs["y"]:
        game = tiny(cls)
        game.into_g = "norm"
        if "into_d" in cls.__dataclass_fields__:
            game.into_d = "projection"
        arrays = {a: CONDITIONS[kind] if a == "y" else LABEL if a == "identity" else FIELDS[x] for a in cls.needs}
        engine = Engine(game, Rows.random(35, **arrays), batch=8)
        before = {n: p.detach().clone() for n, p in game.named_parameters()}
        engine.play(3)
        still = {n for n, p in game.named_parameters() if torch.equal(p, before[n])}
        assert not still, f"{kind}: never trained"
        assert any(isinstance(m, ConditionalNorm) for m in game.G.modules())
        y = examples(CONDITIONS[kind], 4, 0)
        engine.game.eval()
        z = game.latent(4)
        assert not torch.equal(game.render(z, y), game.render(z, y.flip(0))), "the condition counts"


def test_all_games_that_take_conditions_by_these_networks_offer_them():
    def concatenates(cls):
        game = tiny(cls)
        game.build(next(iter(specs(cls).values())))
        return any(isinstance(m, nets.Together) for m in game.modules())

    found = {name for name, cls in GAMES.items() if concatenates(cls)}
    assert {"acgan", "gancls"} < found <= set(CHOICES)


def test_cgan_drops_units_for_pictures_only():
    """On rows of few numbers G collapses with it; see the slow test."""
    for x, wanted in ((POINTS, 0.0), (picture(1, 8, 8), 0.5)):
        for into_d in get_args(IntoD):
            game = CGAN(into_d=into_d)
            game.build(Spec(x=x, y=LABEL))
            assert {m.p for m in game.D.modules() if isinstance(m, nn.Dropout)} == {wanted}
    game = CGAN(dropout=0.3)
    game.build(Spec(x=POINTS, y=LABEL))
    assert {m.p for m in game.D.modules() if isinstance(m, nn.Dropout)} == {0.3}


@pytest.mark.slow
def test_cgan_on_rows_keeps_the_spread_within_a_class():
    data = zs.data("moons")
    engine = Engine(CGAN(), data, batch=128, seed=0).play(1500)
    real = data.held_out.take(2000)
    engine.game.eval()
    with torch.no_grad():
        made = engine.game.sample(2000, real.y)
    for k in (0, 1):
        spread = made[real.y == k].std(0) / real.x[real.y == k].std(0)
        assert bool((spread > 0.5).all()), spread
