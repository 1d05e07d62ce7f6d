"""The clock, the cadence of moves, what is frozen, what is saved, and many processes."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import ClassVar

import pytest
import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor, nn

from tests.core.toy import POINTS, Rows, Toy, Weight, picture, rows
from zerosum.engine import Engine, NonFinite
from zerosum.errors import InputError
from zerosum.game import EMA, Batch, Clock, Game, Move, Player, algorithm
from zerosum.games.gan import GAN
from zerosum.games.wgan_gp import WGANGP
from zerosum.nets import Discriminator
from zerosum.optim import SGD, Adam
from zerosum.seeds import mix
from zerosum.spec import Spec


def points() -> Rows:
    return Rows.random(64, x=POINTS)


def start(game: Game, **options) -> Engine:
    return Engine(game, points(), **({"batch": 8} | options))


def saved(engine: Engine) -> tuple[dict[str, Tensor], dict]:
    tensors, values = engine.state()
    return safetensors.torch.load(safetensors.torch.save(tensors)), json.loads(json.dumps(values))


# Cadence.


class Diary(Game):
    """Two players of one weight; every objective writes down when it was asked, and about which data."""

    first: ClassVar[dict] = {}
    second: ClassVar[dict] = {}

    def build(self, spec: Spec) -> None:
        self.a, self.b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.diary: list[tuple[str, int, float]] = []

    def players(self) -> dict[str, Player]:
        return {"a": Player(self.a, SGD(0.0)), "b": Player(self.b, SGD(0.0))}

    def moves(self) -> list[Move]:
        return [Move("a", self.one, **self.first), Move("b", self.two, **self.second)]

    def one(self, batch):
        self.diary.append(("a", self.clock.rounds, batch.x[0, 0].item()))
        return self.a.weight.sum()

    def two(self, batch):
        self.diary.append(("b", self.clock.rounds, batch.x[0, 0].item()))
        return {"w": self.b.weight.sum(), "rounds": torch.tensor(float(self.clock.rounds))}


def diary(rounds: int, first: dict | None = None, second: dict | None = None) -> tuple[Engine, list[tuple[str, int]]]:
    class Told(Diary):
        """With these options of its moves."""

    Told.first, Told.second = first or {}, second or {}
    engine = start(Told()).play(rounds)
    return engine, [(player, at) for player, at, _ in engine.game.diary]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"times": 2}, [0, 0, 1, 1, 2, 2, 3, 3]),
        ({"times": 0}, []),
        ({"times": lambda clock: clock.rounds}, [1, 2, 2, 3, 3, 3]),
        ({"times": lambda clock: 2 if clock.examples < 17 else 0}, [0, 0, 1, 1]),
        ({"every": 2}, [0, 2]),
        ({"every": 3, "times": 2}, [0, 0, 3, 3]),
        ({"when": lambda clock: clock.rounds in (1, 2)}, [1, 2]),
        ({"when": lambda clock: clock.rounds > 0, "every": 2}, [2]),
    ],
)
def test_a_move_is_played_when_it_says(first: dict, expected: list[int]):
    engine, played = diary(4, first)
    assert [at for player, at in played if player == "a"] == expected
    assert [at for player, at in played if player == "b"] == [0, 1, 2, 3]
    assert engine.clock.rounds == 4


def test_moves_are_played_in_order_and_the_ith_repeat_sees_the_ith_batch():
    engine, played = diary(2, {"times": 3}, {"times": 2})
    assert played == [("a", 0)] * 3 + [("b", 0)] * 2 + [("a", 1)] * 3 + [("b", 1)] * 2
    x = engine.data.arrays["x"]
    seen = [x[i * 8, 0].item() for i in (0, 1, 2, 0, 1, 3, 4, 5, 3, 4)]
    assert [first for _, _, first in engine.game.diary] == seen
    assert vars(engine.clock) == {"rounds": 2, "examples": 2 * 3 * 8}


def test_play_goes_to_a_round_and_not_past_it():
    engine = start(Toy()).play(3)
    engine.play(3)
    engine.play(2)
    assert engine.clock.rounds == 3


def test_terms_are_means_since_the_last_reading():
    engine, _ = diary(3)
    w = {k: getattr(engine.game, k).weight.item() for k in "ab"}
    assert engine.read() == pytest.approx({"a/one": w["a"], "b/w": w["b"], "b/rounds": 1.0})
    assert engine.read() == {}
    engine.play(5)
    assert engine.read()["b/rounds"] == 3.5


def test_the_terms_of_a_lazy_move_are_those_of_its_objective():
    engine, _ = diary(4, {"every": 4})
    assert engine.read()["a/one"] == pytest.approx(engine.game.a.weight.item())


def test_accumulated_terms_are_means_over_the_parts():
    class Mean(Weight):
        def moves(self) -> list[Move]:
            return [Move("G", self.mean), Move("G", self.whole, divisible=False)]

        def mean(self, batch):
            return {"x": batch.x.mean() + 0 * self.G.weight.sum(), "n": torch.tensor(float(batch.n))}

        def whole(self, batch):
            return {"size": batch.n + 0 * self.G.weight.sum()}

    terms = start(Mean(), micro=3).play(1).read()
    assert terms["G/x"] == pytest.approx(points().arrays["x"][:8].mean().item(), abs=1e-6)
    assert terms["G/n"] == pytest.approx((3 * 3 + 3 * 3 + 2 * 2) / 8)
    assert terms["G/size"] == 8


# Players.


class Owning(Toy):
    """Toy, with the options of D's player given."""

    options: ClassVar[dict] = {}

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, SGD(0.1), **self.options), "G": Player(self.G, SGD(0.1))}


def test_after_runs_after_every_step_of_its_player_only():
    class Clipping(Owning):
        """WGAN's weight clipping."""

        def players(self) -> dict[str, Player]:
            def clip() -> None:
                for p in self.D.parameters():
                    p.clamp_(-0.01, 0.01)

            return super().players() | {"D": Player(self.D, SGD(0.1), after=clip)}

    game = Clipping()
    engine = start(game)
    assert max(p.abs().max().item() for p in game.D.parameters()) > 0.01
    engine.play(2)
    assert max(p.abs().max().item() for p in game.D.parameters()) == pytest.approx(0.01)
    assert max(p.abs().max().item() for p in game.G.parameters()) > 0.01


def test_a_schedule_sets_the_optimizer_by_the_clock():
    steps = []

    class Scheduled(Weight):
        def players(self) -> dict[str, Player]:
            return {"G": Player(self.G, SGD(5.0), schedule=lambda clock: {"lr": 1.0 / (1 + clock.examples)})}

    engine = start(Scheduled())
    for _ in range(3):
        before = engine.game.w
        engine.round()
        steps.append(before - engine.game.w)
    assert steps == pytest.approx([1 / 9, 1 / 17, 1 / 25], rel=1e-5), "examples count the batch in play"


def test_a_schedule_survives_resume():
    class Cosine(Toy):
        def players(self) -> dict[str, Player]:
            def schedule(clock: Clock) -> dict:
                return {"lr": 0.01 / (1 + clock.rounds), "betas": (0.0, 0.9 + 0.01 * min(clock.rounds, 5))}

            return {"D": Player(self.D, Adam(), schedule=schedule), "G": Player(self.G, Adam(), schedule=schedule)}

    whole, first, second = start(Cosine()).play(8), start(Cosine()).play(4), start(Cosine())
    second.load(*saved(first))
    assert second.optimizers["D"].param_groups[0]["betas"] == (0.0, 0.93)
    second.play(8)
    assert all(torch.equal(t, second.state()[0][k]) for k, t in whole.state()[0].items())


def test_a_move_of_nobody_is_refused():
    class Lost(Toy):
        def moves(self) -> list[Move]:
            return [Move("E", self.generate)]

    with pytest.raises(InputError, match=r"Lost: a move of 'E', but the players are \['D', 'G'\]"):
        start(Lost())


def test_every_other_parameter_is_frozen_and_no_graph_is_built_through_it():
    seen = {}

    class Looking(Toy):
        def discriminate(self, batch):
            y = self.sample(batch.n)
            seen["D"] = y.requires_grad, {p.requires_grad for p in self.G.parameters()}
            return {"real": self.D(batch.x).mean(), "fake": self.D(y).mean()}

        def generate(self, batch):
            seen["G"] = self.sample(batch.n).requires_grad, {p.requires_grad for p in self.D.parameters()}
            return super().generate(batch)

    engine = start(Looking()).play(1)
    assert seen == {"D": (False, {False}), "G": (True, {False})}
    assert all(p.requires_grad for p in engine.game.parameters()), "afterwards all are as they were"


def test_networks_that_nobody_owns_stay_frozen():
    class Judged(Toy):
        """D looks through a network that nobody trains."""

        def build(self, spec: Spec) -> None:
            super().build(spec)
            self.eye = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

        def discriminate(self, batch):
            assert not any(p.requires_grad for p in self.eye.parameters())
            return self.D(self.eye(batch.x)).mean() - self.D(self.eye(self.sample(batch.n))).mean()

        def generate(self, batch):
            return -self.D(self.eye(self.sample(batch.n))).mean()

    engine = start(Judged(), ema=100.0)
    before = {k: v.clone() for k, v in engine.game.eye.state_dict().items()}
    weights = engine.game.G[0].weight.clone()
    engine.play(3)
    assert not torch.equal(engine.game.G[0].weight, weights), "a gradient flows through the eye to G"
    for key, tensor in engine.game.eye.state_dict(keep_vars=True).items():
        assert torch.equal(tensor, before[key])
        assert not tensor.requires_grad
        assert tensor.grad is None
    assert "game/eye.0.weight" in engine.state()[0], "it is saved, for it is part of the game"
    assert not any("eye" in k for k in engine.state()[0] if not k.startswith("game/"))


class Shared(Toy):
    """G is half of E too: both players own it, and both have an average."""

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.E = nn.Sequential(self.G, nn.Linear(2, 1))

    def players(self) -> dict[str, Player]:
        return {
            "D": Player(self.D, Adam()),
            "G": Player(self.G, Adam(), ema=EMA(10, None)),
            "E": Player([self.E, self.G], Adam(), ema=EMA(1000, None)),
        }

    def moves(self) -> list[Move]:
        return [*super().moves(), Move("E", self.encode)]

    def encode(self, batch):
        return self.E(torch.randn(batch.n, 2)).square().mean()


def test_shared_weights_are_saved_once_and_resumed():
    whole, first, second = start(Shared()).play(6), start(Shared()).play(3), start(Shared())
    tensors, values = saved(first)  # safetensors refuses two names for one memory
    assert sum(k.startswith("game/") for k in tensors) == len(list(first.game.parameters()))
    second.load(tensors, values)
    second.play(6)
    assert all(torch.equal(t, second.state()[0][k]) for k, t in whole.state()[0].items())


def test_wearing_the_averages_and_taking_them_off_changes_nothing():
    engine = start(Shared()).play(3)
    before = {k: v.clone() for k, v in engine.state()[0].items()}
    with engine.averaged() as game:
        assert not game.training
        assert torch.equal(game.G[0].weight, before["ema/E/E.0.0.weight"]), "of two averages the last is worn"
    assert engine.game.training
    after = engine.state()[0]
    assert [k for k in before if not torch.equal(before[k], after[k])] == []


def test_an_average_is_worn_for_samples_only():
    engine = start(Toy(), ema=50.0).play(5)
    raw = {k: v.clone() for k, v in engine.game.state_dict().items()}
    with engine.averaged() as game:
        for name, average in engine.averages["G"].items():
            assert torch.equal(average, raw[name]), "the training weights wait where the average was"
        worn = {k: v.clone() for k, v in game.state_dict().items()}
    assert not torch.equal(worn["G.0.weight"], raw["G.0.weight"])
    assert all(torch.equal(v, raw[k]) for k, v in engine.game.state_dict().items())


def test_the_first_samples_do_not_depend_on_how_many_there_are():
    engine = start(Toy())
    many = engine.sample(12_000, 3)
    assert len(many) == 12_000
    assert len(many.unique(dim=0)) > 11_900, "no block is drawn twice"
    for n in (1, 64, 1000, 1030, 9999):
        assert engine.sample(n, 3).equal(many[:n]), n


def test_samples_inside_and_outside_of_averaged_are_the_same():
    engine = start(Toy(), ema=50.0).play(5)
    outside = engine.sample(4)
    with engine.averaged():
        assert torch.equal(engine.sample(4), outside)
        assert not engine.game.training
    assert torch.equal(engine.sample(4), outside)


def test_a_player_keeps_the_average_that_it_declares():
    class One(Owning):
        options: ClassVar[dict] = {"ema": EMA(7.0), "clip": 3.0}

    engine = start(One(), ema=50.0)
    assert engine.players["D"].ema == EMA(7.0)
    assert engine.players["G"].ema == EMA(50.0)
    assert engine.players["D"].clip == 3.0
    assert start(Toy()).averages == {}


# Augmentation, precision, broken numbers.


def test_discriminators_see_the_augmentation_in_training_only():
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    class Two(Toy):
        def build(self, spec: Spec) -> None:
            super().build(spec)
            self.D_b, self.Dx, self.D_many = nn.Flatten(), nn.Flatten(), nn.ModuleList([nn.Flatten(), nn.Tanh()])
            self.D_c = Discriminator(nn.Tanh(), 2)

    x = torch.randn(3, 2)
    plain, augmented = start(Two()).game, start(Two(), augment=Twice()).game
    for game in (plain, augmented):
        game.D_c.train()  # no player of the toy has it
    assert torch.equal(augmented.D(x), plain.D(2 * x))
    assert torch.equal(augmented.D_b(x), 2 * x)
    assert torch.equal(augmented.D_many[1](x), (2 * x).tanh()), "each of a list"
    assert torch.equal(augmented.D_c(x), plain.D_c(2 * x)), "once"
    assert torch.equal(augmented.D_c.features(x), (2 * x).tanh()), "games with a second head ask for these"
    assert torch.equal(augmented.Dx(x), x), "no discriminator"
    assert torch.equal(augmented.G(x), plain.G(x))
    augmented.eval()
    assert torch.equal(augmented.D(x), plain.D(x))


def test_bfloat16_reaches_the_objective_and_spares_the_weights():
    seen = []

    class Looking(Toy):
        def generate(self, batch):
            logits = self.D(self.sample(batch.n))
            seen.append(logits.dtype)
            return super().generate(batch)

    engine = start(Looking(), precision="bf16").play(20)
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in engine.game.parameters()} == {torch.float32}
    assert len(engine.read()) == 3
    assert engine.sample(2).dtype == torch.float32
    with pytest.raises(InputError, match=r"precision 'fp16'.*fp32.*bf16"):
        start(Toy(), precision="fp16")


@pytest.mark.parametrize(("broken", "name"), [(float("nan"), "real"), (float("inf"), "fake")])
def test_a_term_that_is_no_number_is_named(broken: float, name: str):
    class Broken(Toy):
        def discriminate(self, batch):
            terms = super().discriminate(batch)
            return terms | ({name: terms[name] + broken} if self.clock.rounds == 1 else {})

    engine = start(Broken()).play(1)
    engine.read()
    engine.play(2)
    with pytest.raises(NonFinite, match=rf"by round 2 .*D/{name}.* no longer a finite number"):
        engine.read()


# Checkpoints.


def test_another_games_checkpoint_is_refused_and_nothing_is_touched():
    points_gan = Engine(GAN(width=8, z_dim=4), points(), batch=8).play(1)
    for other in (
        Engine(WGANGP(width=8, z_dim=4), points(), batch=8),
        Engine(GAN(width=9, z_dim=4), points(), batch=8),
        Engine(GAN(width=8, z_dim=5), points(), batch=8),
        Engine(GAN(width=8, z_dim=4), Rows.random(x=rows("a", "b", "c")), batch=8),
        Engine(GAN(width=8, z_dim=4), Rows.random(x=picture(1, 8, 8)), batch=8),
        Engine(GAN(width=8, z_dim=4), points(), batch=8, ema=100.0),
    ):
        before = {k: v.clone() for k, v in other.state()[0].items()}
        with pytest.raises(
            InputError, match=r"the checkpoint is of (another game or size: |the game GAN, this is WGANGP)"
        ):
            other.load(*saved(points_gan))
        assert all(torch.equal(v, before[k]) for k, v in other.state()[0].items())


def test_a_checkpoint_with_a_tensor_less_is_refused():
    tensors, values = saved(start(Toy()).play(1))
    del tensors["game/G.0.weight"]
    with pytest.raises(InputError, match=r"game/G\.0\.weight"):
        start(Toy()).load(tensors, values)


def test_a_loaded_engine_shares_no_memory_with_what_it_was_loaded_from():
    class Adams(Toy):
        def players(self) -> dict[str, Player]:
            return {"D": Player(self.D, Adam()), "G": Player(self.G, Adam(), ema=EMA(10))}

    first, second = start(Adams()).play(2), start(Adams())
    second.load(*first.state())
    before = {k: v.clone() for k, v in first.state()[0].items()}
    second.play(4)
    assert [k for k, v in first.state()[0].items() if not torch.equal(v, before[k])] == []


def test_an_engine_that_has_played_already_can_be_loaded():
    whole, first = start(Toy()).play(5), start(Toy()).play(2)
    second = start(Toy()).play(4)
    second.load(*saved(first))
    second.play(5)
    assert all(torch.equal(t, second.state()[0][k]) for k, t in whole.state()[0].items())


def test_the_state_is_tensors_and_what_json_holds_exactly():
    tensors, values = start(Toy(lr=0.1 + 0.2), ema=10.0).play(2).state()
    assert json.loads(json.dumps(values)) == values | json.loads(json.dumps(values))
    assert json.loads(json.dumps(values))["optimizers"]["D"][0]["lr"] == 0.1 + 0.2
    assert values["clock"] == {"rounds": 2, "examples": 16}
    assert not any(t.requires_grad for t in tensors.values())
    assert {k.split("/")[0] for k in tensors} == {"game", "ema", "optimizer"}


def test_the_same_seed_is_the_same_run_and_another_is_another():
    def weights(seed: int, noise: int) -> Tensor:
        torch.manual_seed(noise)
        return start(Toy(), seed=seed).play(2).game.G[0].weight.detach()

    assert torch.equal(weights(1, 5), weights(1, 6))
    assert not torch.equal(weights(1, 5), weights(2, 5))


def test_every_round_has_noise_of_its_own():
    noise = []

    class Noisy(Weight):
        def moves(self) -> list[Move]:
            return [Move("G", self.draw, times=2)]

        def draw(self, batch):
            noise.append(torch.rand(()).item())
            return self.G.weight.sum()

    start(Noisy()).play(3)
    start(Noisy(), seed=1).play(3)
    assert len(set(noise)) == len(noise) == 12
    start(Noisy()).play(3)
    assert noise[12:] == noise[:6]


def test_seeds_do_not_collide():
    grid = itertools.product(range(10), range(3), range(2000), range(4))
    seeds = {mix(*v) for v in grid}
    assert len(seeds) == 10 * 3 * 2000 * 4
    assert mix(1) != mix(1, 0) != mix(1, 0, 0)
    assert mix(0, 1) != mix(1, 0)
    assert all(0 <= s < 2**63 for s in (mix(-1), mix(2**64 - 1), mix(2**70, -5)))
    ones = torch.tensor([[(mix(7, i) >> bit) & 1 for bit in range(63)] for i in range(4000)]).float()
    assert (ones.mean(0) - 0.5).abs().max() < 5 * 0.5 / 4000**0.5, "every bit is a fair coin"
    assert (ones[1:] != ones[:-1]).float().mean() == pytest.approx(0.5, abs=0.01), "neighbours differ in half of them"


def test_a_games_moves_read_as_an_algorithm():
    engine, _ = diary(1, {"times": 3, "every": 4}, {"when": lambda clock: True, "times": lambda clock: 1})
    assert algorithm(engine.game) == "\n".join(
        [
            "repeat",
            "    every 4 rounds, with 4 times the gradient:",
            "        3 times:",
            "            a descends one(batch)",
            "    while its phase lasts:",
            "        as often as the clock says:",
            "            b descends two(batch)",
        ]
    )


# Many processes.


def test_a_batch_that_does_not_divide_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 3)
    with pytest.raises(InputError, match="batch 8 does not divide evenly over 3 processes"):
        start(Toy())
    assert start(Toy(), batch=9).micro == 3


@pytest.mark.parametrize("batch", [0, -8])
def test_a_batch_of_nothing_is_refused(batch: int):
    with pytest.raises(InputError, match=f"batch {batch}"):
        start(Toy(), batch=batch)


def test_the_toy_data_are_split_by_rank():
    whole = next(points().stream(4, 8, seed=0, rank=0, world=1, device="cpu", workers=0))
    parts = [next(points().stream(4, 8, seed=0, rank=r, world=2, device="cpu", workers=0)) for r in (0, 1)]
    assert torch.equal(torch.stack([p.x for p in parts], 1).flatten(0, 1), whole.x)
    assert isinstance(whole, Batch)


class Judged(Toy):
    """A network that no player owns, and a layer of G that the game froze."""

    def build(self, spec):
        super().build(spec)
        self.judge = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.G[0].requires_grad_(False)

    def generate(self, batch):
        return super().generate(batch) + self.judge(self.sample(batch.n)).square().mean()


def test_unowned_networks_keep_their_statistics_and_frozen_layers_their_weights():
    engine = start(Judged())
    before = {k: v.clone() for k, v in engine.game.state_dict().items()}
    engine.play(3)
    engine.sample(4)
    engine.play(5)
    after = engine.game.state_dict()
    for name, value in before.items():
        kept = name.startswith(("judge.", "G.0."))
        assert torch.equal(value, after[name]) == kept, name


def test_a_schedule_of_something_that_the_optimizer_has_not_is_refused():
    class Misspelt(Toy):
        def players(self):
            return {k: replace(p, schedule=lambda clock: {"learning_rate": 1.0}) for k, p in super().players().items()}

    with pytest.raises(InputError, match="learning_rate"):
        start(Misspelt()).play(1)


def test_a_checkpoint_of_another_game_is_refused_even_where_all_shapes_agree():
    class Twin(Toy):
        pass

    with pytest.raises(InputError, match="Twin"):
        start(Toy()).load(*start(Twin()).play(1).state())


def test_every_may_be_a_function_of_the_clock():
    move = Move("D", lambda batch: batch.x.sum(), every=lambda clock: 2 if clock.rounds < 4 else 3)
    assert [move.count(Clock(rounds=r)) for r in range(8)] == [1, 0, 1, 0, 0, 0, 1, 0]


def test_an_objective_that_the_mover_cannot_change_is_named():
    class Idle(Toy):
        def generate(self, batch):
            return self.D(batch.x).mean()

    with pytest.raises(InputError, match="'G': generate does not depend"):
        start(Idle()).play(1)
