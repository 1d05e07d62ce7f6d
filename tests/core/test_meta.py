"""What lies above a game and beside a step: an object that runs games, and a move that does not just descend."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from tests.core.toy import POINTS, Rows, Toy, rows
from zerosum.engine import Engine
from zerosum.game import Batch, Game, Loss, Move, Player, Terms
from zerosum.losses import fake, real
from zerosum.nets import Discriminator, mlp
from zerosum.optim import Adam
from zerosum.seeds import mix
from zerosum.spec import Spec

# A boosted mixture.


class Blob(Game):
    """G has one mode, N(mean, 0.2^2), and its mean to learn: it cannot but miss the other mode of the data."""

    start: float = -1.5

    def build(self, spec: Spec) -> None:
        self.G = nn.Linear(1, 1)
        with torch.no_grad():
            self.G.weight.fill_(0.2)
            self.G.bias.fill_(self.start)
        self.G.weight = nn.Parameter(self.G.weight.detach(), requires_grad=False)
        self.D = Discriminator(mlp(1, 16, last=nn.Tanh()), 16)

    def players(self) -> dict[str, Player]:
        adam = Adam(0.02, betas=(0.0, 0.9))
        return {"D": Player(self.D, adam), "G": Player(self.G, adam)}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate), Move("G", self.generate)]

    def sample(self, n: int) -> Tensor:
        return self.G.bias + 0.2 * torch.randn(n, 1)

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.sample(batch.n)))}

    def generate(self, batch):
        return real(self.D(self.sample(batch.n)))


class Versus(Game):
    """D alone: data against a mixture."""

    mixture: Callable[[int], Tensor]

    def build(self, spec: Spec) -> None:
        self.D = Discriminator(mlp(1, 16, last=nn.Tanh()), 16)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(0.02))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate)]

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.mixture(batch.n)))}


def boosted(ratio: Tensor, beta: float) -> Tensor:
    """Weights (lambda - (1 - beta) h_i)_+ / (N beta), where lambda makes their sum 1 (AdaGAN, Tolstikhin et al. 2017,
    arXiv:1701.02386, Algorithm 2); h_i is the mixture's density over the data's at example i."""
    n, h = len(ratio), ratio.double().sort().values
    levels = (n * beta + (1 - beta) * h.cumsum(0)) / torch.arange(1, n + 1)
    inside = (levels > (1 - beta) * h).nonzero().max()
    return (levels[inside] - (1 - beta) * ratio.double()).clamp(min=0) / (n * beta)


class Boosted:
    """AdaGAN: every new game learns what the mixture so far misses. Trains and samples like a game."""

    def __init__(self, make: Callable[[], Game], games: int):
        self.make, self.games = make, games
        self.engines: list[Engine] = []
        self.weights: list[Tensor] = []

    def fit(self, data: Rows, rounds: int) -> Boosted:
        weights = torch.full((len(data),), 1 / len(data), dtype=torch.float64)
        for t in range(self.games):
            if t:
                judge = Engine(Versus(mixture=self.draw), data, batch=64, seed=100 + t).play(rounds).game
                with torch.no_grad():
                    weights = boosted((-judge.D(data.arrays["x"])).exp(), beta=1 / (t + 1))
            self.engines.append(Engine(self.make(), data.reweighted(weights), batch=64, seed=t).play(rounds))
            self.weights.append(weights)
        return self

    def draw(self, n: int) -> Tensor:
        return self.sample(n, int(torch.randint(2**31, ())))

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """All components have the same weight, for beta is 1 / t."""
        random = torch.Generator().manual_seed(mix(seed))
        chosen = torch.randint(len(self.engines), (n,), generator=random)
        return torch.stack([engine.sample(n, seed) for engine in self.engines])[chosen, torch.arange(n)]


def two_modes() -> Rows:
    x = torch.cat([torch.full((50, 1), -2.0), torch.full((50, 1), 2.0)]) + 0.2 * torch.randn(100, 1)
    return Rows(Spec(x=rows("x")), x=x)


@pytest.mark.math
def test_boosted_weights():
    ratio = torch.tensor([0.0, 0.5, 1.0, 2.5])
    for beta in (0.1, 0.5, 0.9, 1.0):
        weights = boosted(ratio, beta)
        assert weights.sum().item() == pytest.approx(1)
        assert (weights >= 0).all()
        assert (weights.diff() <= 0).all(), "what the mixture has enough of weighs less"
    torch.testing.assert_close(boosted(ratio, 1.0), torch.full((4,), 0.25, dtype=torch.float64))
    torch.testing.assert_close(boosted(torch.ones(4), 0.3), torch.full((4,), 0.25, dtype=torch.float64))


def test_a_meta_algorithm_runs_games():
    data = two_modes()
    second = data.arrays["x"][:, 0] > 0
    mixture = Boosted(Blob, 2).fit(data, rounds=400)
    assert [w.sum().item() for w in mixture.weights] == pytest.approx([1, 1])
    assert mixture.weights[0][second].sum().item() == pytest.approx(0.5)
    assert mixture.weights[1][second].sum().item() > 0.9, "where the mixture has h = 2, the best weight is 0"
    alone, x = mixture.engines[0].sample(500), mixture.sample(500)
    assert x.shape == (500, 1)
    assert torch.equal(mixture.sample(500), x)
    assert ((alone + 2).abs() < 1).all(), "one game has one mode"
    assert ((x + 2).abs() < 1).float().mean() == pytest.approx(0.5, abs=0.1)
    assert ((x - 2).abs() < 1).float().mean() == pytest.approx(0.5, abs=0.1)


# Evolution.


@dataclass(frozen=True)
class Evolve(Move):
    """The fittest child of one parent, one child an objective (after E-GAN, Wang et al. 2018, arXiv:1803.00657)."""

    mutations: tuple[Callable[[Batch], Loss], ...] = ()
    fitness: Callable[[Batch], Tensor] = lambda batch: torch.zeros(())

    def play(self, engine: Engine, batch: Batch) -> Terms:
        player, optimizer = engine.players[self.player], engine.optimizers[self.player]
        parent = [p.detach().clone() for p in player.parameters()], copy.deepcopy(optimizer.state_dict())

        def become(weights: list[Tensor], state: dict) -> None:
            with torch.no_grad():
                for p, w in zip(player.parameters(), weights, strict=True):
                    p.copy_(w)
            optimizer.load_state_dict(copy.deepcopy(state))

        children = []
        for mutation in self.mutations:
            become(*parent)
            terms = engine.descend(self.player, mutation, batch, divisible=self.divisible)
            with torch.no_grad():
                fitness = self.fitness(batch)
            weights = [p.detach().clone() for p in player.parameters()]
            children.append((fitness, terms, weights, copy.deepcopy(optimizer.state_dict())))
        best = max(range(len(children)), key=lambda i: children[i][0].item())
        become(*children[best][2:])
        return children[best][1] | {"fitness": children[best][0], "chosen": torch.tensor(float(best))}


class Evolution(Toy):
    """Toy, whose G is the fitter of a saturating and a non-saturating child."""

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, Adam(0.01)), "G": Player(self.G, Adam(0.01))}

    def mutations(self) -> tuple[Callable[[Batch], Loss], ...]:
        return self.saturating, self.generate

    def moves(self) -> list[Move]:
        def fitness(batch: Batch) -> Tensor:
            return self.D(self.fixed).mean()

        return [
            Move("D", self.discriminate),
            Evolve("G", self.generate, mutations=self.mutations(), fitness=fitness),
        ]

    @property
    def fixed(self) -> Tensor:
        return self.G(torch.linspace(-1, 1, 64).reshape(32, 2))

    def saturating(self, batch):
        return -fake(self.D(self.sample(batch.n)))


def evolution() -> Engine:
    return Engine(Evolution(), Rows.random(64, x=POINTS), batch=8, ema=50.0)


def test_a_move_may_do_something_else_than_one_step():
    engine = evolution().play(5)
    before = engine.game.D(engine.game.fixed).mean().item()
    engine.moves = [m for m in engine.moves if m.player == "G"]
    engine.read()
    engine.round()
    terms = engine.read()
    assert terms.keys() in ({"G/generate", "G/fitness", "G/chosen"}, {"G/saturating", "G/fitness", "G/chosen"})
    assert terms["G/fitness"] == pytest.approx(engine.game.D(engine.game.fixed).mean().item()), "it became that child"
    assert terms["G/fitness"] > before
    steps = {int(s["step"]) for s in engine.optimizers["G"].state.values()}
    assert steps == {6}, "the other child's step is forgotten"


def test_evolution_chooses_the_fitter_child():
    class Clear(Evolution):
        """One child goes the right way, the other two backwards."""

        def mutations(self) -> tuple[Callable[[Batch], Loss], ...]:
            return self.backwards, self.generate, self.backwards

        def backwards(self, batch: Batch) -> Tensor:
            return -self.generate(batch)

    engine = Engine(Clear(), Rows.random(64, x=POINTS), batch=8)
    for _ in range(30):
        engine.round()
        assert engine.read()["G/chosen"] == 1


def test_evolution_resumes_bit_exactly():
    whole, first, second = evolution().play(12), evolution().play(6), evolution()
    tensors, values = first.state()
    second.load(safetensors.torch.load(safetensors.torch.save(tensors)), json.loads(json.dumps(values)))
    second.play(12)
    want, got = whole.state()[0], second.state()[0]
    assert [k for k in want if not torch.equal(want[k], got[k])] == []
    assert want.keys() == got.keys()
