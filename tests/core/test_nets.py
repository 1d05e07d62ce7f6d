"""Networks take every shape, priors are what they say, and the registry finds games."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.toy import POINTS, TABLE, examples, picture
from zerosum import games, nets
from zerosum.errors import InputError
from zerosum.game import Game
from zerosum.losses import fake, real
from zerosum.nets.mlp import Categories, Maxout, mlp
from zerosum.penalties import value_and_gradient
from zerosum.priors import Categorical, Normal, Uniform
from zerosum.spec import Field

SIZES = [(1, 1), (1, 9), (2, 2), (3, 50), (4, 4), (5, 3), (7, 7), (8, 8), (15, 16), (16, 15), (28, 28), (31, 33)]


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_a_pyramid_halves_from_the_picture_down(h: int, w: int):
    sizes = nets.pyramid(h, w)
    assert sizes[-1] == (h, w)
    assert min(sizes[0]) <= (4 if min(h, w) >= 16 else 2)
    for small, large in pairwise(sizes):
        assert small == tuple(math.ceil(side / 2) for side in large)


@pytest.mark.parametrize(
    "field", [POINTS, TABLE, *(picture(c, *size) for c, size in zip([1, 3, 4] * 4, SIZES, strict=True))], ids=str
)
def test_generator_and_discriminator_fit_every_field(field: Field):
    G, D = nets.generator(5, field, 4), nets.discriminator(field, 4, norm=True)
    y = G(torch.randn(3, 5))
    assert y.shape == (3, *field.shape)
    if field.kind == "image":
        assert y.abs().max() <= 1
    assert D(y).shape == (3,)
    features = D.features(y)
    assert features.shape == (3, D.head.in_features)
    torch.testing.assert_close(D.head(features).squeeze(1), D(y))


def test_batch_norm_where_dcgan_has_it():
    def norms(module: nn.Module) -> int:
        return sum(isinstance(m, nn.BatchNorm2d) for m in module.modules())

    field = picture(3, 32, 32)
    assert norms(nets.discriminator(field, 4)) == 0
    D, G = nets.discriminator(field, 4, norm=True), nets.generator(5, field, 4)
    layers = [type(m) for m in D.features.children()]
    assert norms(D) == layers.count(nn.Conv2d) - 1
    assert layers[1] is not nn.BatchNorm2d, "none after D's first layer"
    assert [type(m) for m in list(G.children())[-3:]] == [nn.ConvTranspose2d, nets.dcgan.Crop, nn.Tanh], (
        "none at G's end"
    )


def test_an_mlp_has_nothing_after_its_last_layer_unless_told():
    assert [type(m) for m in mlp(2, 3, 4)] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [type(m) for m in mlp(2, 3, 4, act=nn.Tanh, last=nn.Sigmoid())] == [
        nn.Linear,
        nn.Tanh,
        nn.Linear,
        nn.Sigmoid,
    ]
    assert [(m.in_features, m.out_features) for m in mlp(2, 3, 4) if isinstance(m, nn.Linear)] == [(2, 3), (3, 4)]


def test_maxout_is_the_largest_of_its_pieces():
    layer, x = Maxout(3, 4, 5), torch.randn(7, 3)
    weight, bias = layer.linear.weight.view(4, 5, 3), layer.linear.bias.view(4, 5)
    by_hand = torch.stack([(x @ weight[:, i].T + bias[:, i]) for i in range(5)]).max(0).values
    torch.testing.assert_close(layer(x), by_hand)


def test_categories_are_fair_draws_from_the_softmax():
    logits = torch.tensor([[0.3, 0.0, 1.0, -1.0, 2.0, 0.0]]).expand(40_000, -1)
    out = Categories(TABLE)(logits)
    torch.testing.assert_close(out[:, 0], logits[:, 0])
    for block in TABLE.categorical:
        torch.testing.assert_close(out[:, block].sum(1), torch.ones(40_000))
        drawn = torch.bincount(out[:, block].argmax(1), minlength=block.stop - block.start) / 40_000
        torch.testing.assert_close(drawn, logits[0, block].softmax(0), atol=0.012, rtol=0)  # 5 standard errors
        assert out[:, block].amax(1).mean() > 0.9


def test_the_output_follows_the_field():
    x = torch.randn(5, 6)
    assert torch.equal(nets.output(Field((6,), "vector", POINTS.codec))(x), x)
    assert torch.equal(nets.output(picture(1, 2, 3))(x), x.tanh())
    assert isinstance(nets.output(TABLE), Categories)


@pytest.mark.math
@pytest.mark.parametrize(
    ("prior", "mean", "variance"),
    [
        (Normal(3), 0.0, 1.0),
        (Uniform(3), 0.0, 1 / 3),
        (Uniform(3, low=0, high=2), 1.0, 1 / 3),
        (Categorical(3), 1 / 3, 2 / 9),
    ],
)
def test_priors_have_their_moments(prior: nn.Module, mean: float, variance: float):
    z = prior(100_000)
    assert z.shape == (100_000, 3)
    assert z.dtype == torch.float32
    torch.testing.assert_close(z.mean(0), torch.full((3,), mean), atol=0.016, rtol=0)  # 5 standard errors
    torch.testing.assert_close(z.var(0), torch.full((3,), variance), atol=0.024, rtol=0)
    assert not prior.state_dict(), "a prior has nothing to save"


def test_priors_take_shapes():
    assert Normal(2, 3).forward(5).shape == (5, 2, 3)
    assert Uniform(2, 3, low=4, high=5)(5).min() >= 4


@pytest.mark.math
def test_losses_are_the_logarithms_that_they_stand_for():
    logits = torch.randn(50, dtype=torch.float64)
    D = torch.sigmoid(logits)
    torch.testing.assert_close(real(logits), -D.log().mean())
    torch.testing.assert_close(fake(logits), -(1 - D).log().mean())
    assert real(torch.tensor([-1e4])).isfinite()
    assert fake(torch.tensor([1e4])).isfinite()


def test_a_discriminator_can_be_differentiated_twice():
    for field in (TABLE, picture(3, 9, 17)):
        D = nets.discriminator(field, 4)
        value_and_gradient(D, examples(field, 3, 0))[1].square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for n, p in D.named_parameters() if "weight" in n)


def test_the_registry_finds_every_game_and_suggests_the_nearest():
    assert {"gan", "dcgan", "wgan_gp", "r3gan"} <= set(games.names())
    assert games.find("wgan-gp") is games.find("wgan_gp")
    with pytest.raises(InputError, match=r"no game 'wgan_pg'; did you mean 'wgan_gp'\? The games are: .*dcgan"):
        games.find("wgan_pg")
    with pytest.raises(InputError, match=r"no game 'qqqq'\. The games are: "):
        games.find("qqqq")


def test_a_users_file_is_a_game(tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text("from zerosum.game import Game\nclass Mine(Game):\n    width: int = 3\n")
    mine = games.find(str(file))
    assert issubclass(mine, Game)
    assert mine(width=5).hyperparameters() == {"width": 5}
    file.write_text("x = 1\n")
    with pytest.raises(InputError, match=r"mine\.py defines no subclass"):
        games.find(str(file))
    with pytest.raises(InputError, match=r"no file .*gone\.py"):
        games.find(str(tmp_path / "gone.py"))
