"""Known optima and closed forms, reached by the library's own losses, penalties, optimizers and engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.core.toy import Gaussian, Rows, Weight, rows
from zerosum.engine import Engine
from zerosum.game import EMA, Clock, Game, Move, Player
from zerosum.losses import fake, real
from zerosum.nets import Discriminator, mlp
from zerosum.optim import SGD, Adam, RMSprop
from zerosum.penalties import gradient_penalty, square_norm, value_and_gradient
from zerosum.seeds import mix
from zerosum.spec import Spec

pytestmark = pytest.mark.math


# The optimal discriminator.


class Judge(Game):
    """D learns to tell the data from a G that stands still at N(mean, 1)."""

    mean: float = 1.0

    def build(self, spec: Spec) -> None:
        self.G = nn.Linear(1, 1)
        with torch.no_grad():
            self.G.weight.fill_(1.0)
            self.G.bias.fill_(self.mean)
        self.D = Discriminator(mlp(1, 32, 32, act=nn.Tanh, last=nn.Tanh()), 32)

    def players(self) -> dict[str, Player]:
        def fading(clock: Clock) -> dict[str, float]:
            return {"lr": 5e-3 * (1 - clock.rounds / 1500)}

        return {"D": Player(self.D, Adam(5e-3, betas=(0.9, 0.999)), schedule=fading), "G": Player(self.G, Adam())}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate)]

    def sample(self, n: int) -> Tensor:
        return self.G(torch.randn(n, 1))

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}


def judge(mean: float) -> Judge:
    game = Judge(mean=mean)
    Engine(game, Gaussian(0.0), batch=512).play(1500)
    assert game.G.bias.item() == mean, "G stood still"
    return game


def value(game: Judge, n: int = 400_000) -> float:
    """E log D(x) + E log(1 - D(G(z))), Eq. 1 of Goodfellow et al. 2014, over fresh draws."""
    with torch.no_grad():
        return -(real(game.D(torch.randn(n, 1))) + fake(game.D(torch.randn(n, 1) + game.mean))).item()


def test_the_optimal_discriminator_of_two_gaussians():
    """D* = p / (p + q) (Goodfellow et al. 2014, Prop. 1), here 1 / (1 + exp(x - 1/2))."""
    game = judge(1.0)
    x = torch.linspace(-3, 4, 201)[:, None]
    with torch.no_grad():
        error = (torch.sigmoid(game.D(x)) - torch.sigmoid(0.5 - x[:, 0])).abs().mean().item()
    assert error <= 0.03
    t = np.linspace(-8, 9, 20001)
    p, q = (np.exp(-((t - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0.0, 1.0))
    best = np.trapezoid(p * np.log(p / (p + q)) + q * np.log(q / (p + q)), t)
    assert value(game) == pytest.approx(best, abs=0.01)


def test_the_value_is_minus_log_4_where_the_generator_is_the_data():
    assert value(judge(0.0)) == pytest.approx(-math.log(4), abs=0.01)


# Penalties.


def test_penalties_of_a_linear_critic():
    """grad (w . x) = w everywhere: the gradient penalty is (|w| - 1)^2, R1 and R2 are |w|^2."""
    w = torch.randn(3, 4, 5)
    x, y = torch.randn(2, 16, 3, 4, 5)

    def critic(v: Tensor) -> Tensor:
        return (v * w).flatten(1).sum(1)

    values, gradient = value_and_gradient(critic, x)
    torch.testing.assert_close(values, critic(x))
    torch.testing.assert_close(gradient, w.expand_as(x))
    torch.testing.assert_close(square_norm(gradient), w.square().sum())
    torch.testing.assert_close(gradient_penalty(critic, x, y), (w.norm() - 1) ** 2)


def test_penalties_of_a_quadratic_critic_are_taken_on_the_segments():
    """grad |x|^2 / 2 = x: on the segments from x = a to y = b, |grad| is uniform between |a| and |b|."""
    n = 200_000
    x, y = torch.full((n, 1), 1.0), torch.full((n, 1), 4.0)
    penalty = gradient_penalty(lambda v: v.square().sum(1) / 2, x, y)
    assert penalty.item() == pytest.approx(3.0, abs=0.03)  # the mean of u^2 over [0, 3]; standard error 0.006


def test_the_gradient_penalty_takes_one_position_an_example():
    seen = []

    def critic(v: Tensor) -> Tensor:
        seen.append(v.detach())
        return v.flatten(1).sum(1)

    gradient_penalty(critic, torch.zeros(50, 3, 2, 2), torch.ones(50, 3, 2, 2))
    position = seen[0].flatten(1)
    assert (position == position[:, :1]).all()
    assert len(position[:, 0].unique()) == 50
    assert ((position >= 0) & (position < 1)).all()


def test_a_critic_without_slope_still_gets_a_gradient():
    w = torch.zeros(2, requires_grad=True)
    gradient_penalty(lambda v: v @ w, torch.randn(8, 2), torch.randn(8, 2)).backward()
    assert w.grad.isfinite().all()


def double_gradients(critic: nn.Module, f: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    values, gradient = value_and_gradient(f, x)
    loss = values.square().mean() + square_norm(gradient)
    return [
        values,
        gradient,
        *torch.autograd.grad(loss, [x, *critic.parameters()] if x.requires_grad else list(critic.parameters())),
    ]


@pytest.mark.parametrize("from_a_generator", [False, True])
def test_the_two_ways_to_a_gradient_agree(from_a_generator: bool):
    """Batch norm in training mode goes by autograd; hidden in a function, without running statistics, by torch.func."""
    critic = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)
    )
    x = torch.randn(16, 3, requires_grad=from_a_generator)
    by_autograd = double_gradients(critic, critic, x)
    by_func = double_gradients(critic, lambda v: critic(v), x)
    torch.testing.assert_close(by_autograd, by_func)
    assert square_norm(by_func[1]) > 0


def test_batch_norm_in_training_mode_can_be_penalised():
    critic = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Linear(8, 1), nn.Flatten(0))
    gradient_penalty(critic, torch.randn(16, 3), torch.randn(16, 3)).backward()
    assert all(p.grad.isfinite().all() for p in critic.parameters() if p.grad is not None)
    assert critic[1].num_batches_tracked == 1


# Lazy moves, clipping, averages.


def test_a_lazy_move_is_the_eager_one_where_the_gradient_does_not_change():
    def play(every: int) -> float:
        game = Weight(objectives=(lambda w, batch: 3 * w.sum(),), options=({"every": every},), lr=0.125)
        Engine(game, Gaussian(0.0), batch=4).play(8)
        return game.w

    assert play(1) == play(2) == play(4) == play(8) == -3 * 0.125 * 8


def test_a_lazy_move_is_the_eager_one_in_expectation():
    """Gradients are means of 64 draws from N(1, 1): after n rounds w = -n, with variance n k / 64."""
    n = 800
    for every in (1, 4):
        game = Weight(objectives=(lambda w, batch: (w * batch.x).mean(),), options=({"every": every},))
        Engine(game, Gaussian(1.0), batch=64).play(n)
        assert abs(game.w + n) < 4 * math.sqrt(n * every / 64), every


def test_adam_of_a_lazy_player():
    """Karras et al. 2020, App. B: with c = k / (k + 1), the rate is c lr and the betas are beta^c."""
    adam = Adam(2e-3, betas=(0.5, 0.99)).lazy(16)
    assert adam.lr == pytest.approx(0.0018823529411764706, rel=1e-12)
    assert adam.betas == pytest.approx((0.520808, 0.990586), rel=1e-6)
    assert adam.eps == 1e-8
    group = adam([nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (group["lr"], group["betas"]) == (adam.lr, adam.betas)
    assert Adam(betas=(0.0, 0.99)).lazy(4).betas[0] == 0


def test_optimizers_take_the_steps_of_their_papers():
    def steps(optimizer: Callable, gradients: list[float]) -> list[float]:
        w = nn.Parameter(torch.zeros(1))
        taken, o = [], optimizer([w])
        for g in gradients:
            before, w.grad = w.item(), torch.tensor([g])
            o.step()
            taken.append(w.item() - before)
        return taken

    assert steps(SGD(0.1), [1.0, -2.0]) == pytest.approx([-0.1, 0.2])
    assert steps(SGD(0.1, momentum=0.5), [1.0, 1.0]) == pytest.approx([-0.1, -0.15])
    assert steps(Adam(0.1, betas=(0.0, 0.0)), [3.0, -0.2]) == pytest.approx([-0.1, 0.1], rel=1e-6)
    m, v = (0.5 * 0.5 * 3 + 0.5 * 1) / 0.75, (0.9 * 0.1 * 9 + 0.1 * 1) / 0.19
    assert steps(Adam(0.1, betas=(0.5, 0.9)), [3.0, 1.0])[1] == pytest.approx(-0.1 * m / math.sqrt(v), rel=1e-5)
    assert steps(RMSprop(0.1, alpha=0.75), [2.0])[0] == pytest.approx(-0.1 * 2 / math.sqrt(0.25 * 4), rel=1e-5)


@pytest.mark.parametrize(("every", "clip", "step"), [(1, 0.5, 0.5), (4, 0.5, 0.5), (1, 8.0, 5.0), (4, 8.0, 8.0)])
def test_clip_bounds_the_step(every: int, clip: float, step: float):
    """The gradient has norm 5, `every` times that in a lazy move; the bound is on the whole gradient of a player."""

    class Clipped(Game):
        def build(self, spec: Spec) -> None:
            self.G = nn.ModuleList([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])

        def players(self) -> dict[str, Player]:
            return {"G": Player(self.G, SGD(1.0), clip=clip)}

        def moves(self) -> list[Move]:
            return [Move("G", lambda batch: (3 * self.G[0].weight + 4 * self.G[1].weight).sum(), every=every)]

    game = Clipped()
    engine = Engine(game, Gaussian(0.0))
    before = torch.cat([p.detach().flatten() for p in game.parameters()])
    engine.round()
    moved = before - torch.cat([p.detach().flatten() for p in game.parameters()])
    torch.testing.assert_close(moved, step * torch.tensor([0.6, 0.8]), rtol=1e-5, atol=1e-5)


def test_an_average_moves_half_way_in_its_half_life():
    for batch in (16, 64):
        game = Weight(lr=0.0, ema=EMA(half_life=256, rampup=None))
        engine = Engine(game, Gaussian(0.0), batch=batch)
        with torch.no_grad():
            game.G.weight.fill_(8.0)
        for expected in (4.0, 6.0, 7.0):
            engine.play(engine.clock.rounds + 256 // batch)
            assert engine.averages["G"]["G.weight"].item() == pytest.approx(expected, rel=1e-5)
        assert game.w == 8


def test_a_young_average_is_shorter():
    ema = EMA(half_life=1000, rampup=0.05)
    assert ema.decay(64, Clock(examples=64)) == pytest.approx(0.5**20)
    assert ema.decay(64, Clock(examples=1280)) == pytest.approx(0.5)
    assert ema.decay(1000, Clock(examples=20_000)) == pytest.approx(0.5)
    assert ema.decay(1000, Clock(examples=10**9)) == pytest.approx(0.5), "the half-life is the cap"
    assert EMA(1000, rampup=None).decay(1000, Clock(examples=1)) == pytest.approx(0.5)


def test_buffers_are_averaged_and_integers_copied():
    class Counting(Weight):
        def build(self, spec: Spec) -> None:
            super().build(spec)
            self.G.register_buffer("level", torch.zeros(2))
            self.G.register_buffer("seen", torch.zeros((), dtype=torch.long))
            self.G.register_buffer("passing", torch.zeros(2), persistent=False)

    game = Counting(lr=0.0, ema=EMA(64, rampup=None))
    engine = Engine(game, Gaussian(0.0), batch=64)
    game.G.level.fill_(8.0)
    game.G.seen.fill_(8)
    engine.round()
    average = engine.averages["G"]
    assert average.keys() == {"G.weight", "G.level", "G.seen"}
    torch.testing.assert_close(average["G.level"], torch.tensor([4.0, 4.0]))
    assert average["G.seen"] == 8
    with engine.averaged():
        assert game.G.level[0] == 4
    assert game.G.level[0] == 8


# Dirac-GAN (Mescheder et al. 2018, arXiv:1801.04406, Sec. 2): data at 0, G at theta, D(x) = psi x.
#
# With D's loss L_D and G's loss L_G the players move along v(theta, psi) = (-dL_G/dtheta, -dL_D/dpsi); both rest at 0.
# There D pays f(0) + f(psi theta) for f(t) = softplus(t), so that dL_D/dpsi = theta f'(psi theta) + gamma psi with R1
# or R2 of weight gamma / 2, and dL_G/dtheta = -psi f'(+-psi theta). Hence the Jacobian of v at 0 is
#     [[0, f'(0)], [-f'(0), -gamma]],   with eigenvalues   -gamma/2 +- sqrt(gamma^2 / 4 - f'(0)^2),
# f'(0) = 1/2 for both GANs and 1 for WGAN. Noise of variance s^2 on data and fakes adds f''(0) s^2 psi to dL_D/dpsi for
# either, 2 f''(0) s^2 = s^2 / 2 in all (f''(0) = 1/4), so that it acts as gamma = s^2 / 2.

NON_SATURATING, SATURATING, WASSERSTEIN = "non-saturating", "saturating", "wasserstein"


def dirac_losses(theta: Tensor, psi: Tensor, kind: str, r1: float, r2: float, noise: float) -> tuple[Tensor, Tensor]:
    """D's and G's loss. The noise is +-`noise` with equal probability, so that its expectation is a mean of two."""

    def D(x: Tensor) -> Tensor:
        return x @ psi.reshape(1)

    spread = noise * torch.tensor([[1.0], [-1.0]], dtype=psi.dtype)
    (at_x, slope_x), (at_y, slope_y) = value_and_gradient(D, spread), value_and_gradient(D, theta + spread)
    penalty = r1 / 2 * square_norm(slope_x) + r2 / 2 * square_norm(slope_y)
    if kind == WASSERSTEIN:
        return at_y.mean() - at_x.mean() + penalty, -at_y.mean()
    return real(at_x) + fake(at_y) + penalty, -fake(at_y) if kind == SATURATING else real(at_y)


def eigenvalues(**game: float | str) -> np.ndarray:
    def field(state: Tensor) -> Tensor:
        def loss(i: int) -> Callable[[Tensor, Tensor], Tensor]:
            return lambda theta, psi: dirac_losses(theta, psi, **game)[i]

        return -torch.stack([torch.func.grad(loss(1), 0)(*state), torch.func.grad(loss(0), 1)(*state)])

    rest = torch.zeros(2, dtype=torch.float64)
    assert field(rest).abs().max() == 0
    return np.sort_complex(torch.linalg.eigvals(torch.func.jacrev(field)(rest)).numpy())


def formula(slope: float, gamma: float) -> np.ndarray:
    root = np.sqrt(complex(gamma**2 / 4 - slope**2))
    return np.sort_complex(np.array([-gamma / 2 - root, -gamma / 2 + root]))


KINDS = [(NON_SATURATING, 0.5), (SATURATING, 0.5), (WASSERSTEIN, 1.0)]


@pytest.mark.parametrize(("kind", "slope"), KINDS)
def test_without_regularisation_the_dirac_gan_circles(kind: str, slope: float):
    found = eigenvalues(kind=kind, r1=0.0, r2=0.0, noise=0.0)
    np.testing.assert_allclose(found, formula(slope, 0.0), atol=1e-12)
    np.testing.assert_allclose(found.real, 0, atol=1e-12)
    assert found.imag.max() == pytest.approx(slope)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("r1", "r2"), [(1, 0), (0, 1), (0.5, 0.5)])
@pytest.mark.parametrize(("kind", "slope"), KINDS)
def test_r1_and_r2_contract_the_dirac_gan(kind: str, slope: float, r1: float, r2: float, gamma: float):
    found = eigenvalues(kind=kind, r1=r1 * gamma, r2=r2 * gamma, noise=0.0)
    np.testing.assert_allclose(found, formula(slope, gamma), atol=1e-6)  # the root of a double zero
    assert found.real.max() < 0


@pytest.mark.parametrize("noise", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("kind", "slope"), KINDS)
def test_instance_noise_contracts_the_dirac_gan_but_not_wgan(kind: str, slope: float, noise: float):
    found = eigenvalues(kind=kind, r1=0.0, r2=0.0, noise=noise)
    np.testing.assert_allclose(found, formula(slope, 0.0 if kind == WASSERSTEIN else noise**2 / 2), atol=1e-6)


class Dirac(Game):
    """Played in alternation by the engine, D first, plain gradient descent."""

    kind: Literal["non-saturating", "saturating", "wasserstein"] = "non-saturating"
    r1: float = 0.0
    r2: float = 0.0
    noise: float = 0.0
    gp: float = 0.0
    lr: float = 0.1
    start: float = 0.05

    def build(self, spec: Spec) -> None:
        self.G, self.D = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.G.weight, self.start)
        nn.init.zeros_(self.D.weight)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, SGD(self.lr)), "G": Player(self.G, SGD(self.lr))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def losses(self) -> tuple[Tensor, Tensor]:
        return dirac_losses(self.G.weight.squeeze(), self.D.weight.squeeze(), self.kind, self.r1, self.r2, self.noise)

    def discriminate(self, batch):
        x = batch.x * 0
        y = x + self.G.weight
        return {"loss": self.losses()[0], "penalty": self.gp * gradient_penalty(lambda v: self.D(v).squeeze(1), x, y)}

    def generate(self, batch):
        return self.losses()[1]

    @property
    def radius(self) -> float:
        return math.hypot(self.G.weight.item(), self.D.weight.item())


def radii(rounds: int, **options: float | str) -> list[float]:
    engine = Engine(Dirac(**options), Rows.random(4, x=rows("x")), batch=4)
    found = []
    while engine.clock.rounds < rounds:
        engine.round()
        found.append(engine.game.radius)
    return found


@pytest.mark.parametrize(("kind", "slope"), KINDS)
def test_play_circles_without_regularisation(kind: str, slope: float):
    """After 3 turns the Dirac-GAN is as far from its optimum as at first; alternation makes the circle an ellipse."""
    turns = radii(round(3 * 2 * math.pi / (0.1 * slope)), kind=kind)
    assert turns[-1] == pytest.approx(0.05, rel=0.06)
    assert min(turns) > 0.05 * 0.93


def test_alternating_play_of_wgan_keeps_its_invariant():
    """psi - h theta, then theta + h psi: theta^2 + psi^2 - h theta psi is constant."""
    engine = Engine(Dirac(kind=WASSERSTEIN, start=1.0), Rows.random(4, x=rows("x")), batch=4)
    for _ in range(300):
        engine.round()
        theta, psi = engine.game.G.weight.item(), engine.game.D.weight.item()
        assert theta**2 + psi**2 - 0.1 * theta * psi == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("regularised", [{"r1": 0.5}, {"r2": 0.5}, {"noise": 1.0}])
@pytest.mark.parametrize("kind", [NON_SATURATING, SATURATING])
def test_play_spirals_in_with_regularisation(kind: str, regularised: dict[str, float]):
    """At the rate of the eigenvalues' real part, -gamma / 2 = -1/4: over time t = rounds lr, by exp(-t / 4)."""
    expected = 0.05 * math.exp(-400 * 0.1 / 4)
    assert expected / 4 < radii(400, kind=kind, **regularised)[-1] < expected * 2


def test_wgan_gp_does_not_converge():
    """Mescheder et al. 2018, Sec. 3: the penalty pulls |psi| to 1, so play never comes to rest at 0."""
    path = radii(1200, kind=WASSERSTEIN, gp=1.0, start=1.0)
    assert max(path[-500:]) > 0.3


def test_seeds_are_those_of_splitmix64():
    """One value: the first output of splitmix64 seeded with it (Steele, Lea, Flood 2014), without its lowest bit."""
    assert mix(0) == 0xE220A8397B1DCDAF >> 1
    assert mix(1234567) == 6457827717110365317 >> 1
