"""The probe hears what the discriminators say, and leaves the game as it was."""

import numpy as np
import pytest
import torch
from torch import nn

import zerosum as zs
from tests.core.test_contract import FIRST, TINY, start
from zerosum import games
from zerosum.doctor import Probe, checks
from zerosum.doctor.examine import duality_gap, examine
from zerosum.doctor.probe import above, judges, opinions, unchanged
from zerosum.doctor.samples import clusters, effective
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.game import Batch, Game, Move, Player
from zerosum.games.gan import GAN
from zerosum.optim import SGD
from zerosum.settings import Settings
from zerosum.spec import Spec
from zerosum.training import prepare, restored


def engine(game: Game, data="ring8:200", **options) -> Engine:
    return Engine(game, zs.data(data), batch=16, **options)


@pytest.mark.parametrize("options", [{}, {"ema": 100.0}])
@pytest.mark.parametrize("name", ["gan", "dcgan", "wgan_gp", "acgan", "r3gan"])
def test_looking_changes_nothing(name, options):
    kind = games.find(name)
    small = {k: v for k, v in TINY.items() if k in kind.__dataclass_fields__}
    data = zs.data("digits", limit=64)
    watched, alone = (Engine(kind(**small), data, batch=8, **options) for _ in range(2))
    for _ in range(2):
        probe = Probe(watched)
        before = torch.get_rng_state()
        found = probe()
        assert torch.equal(before, torch.get_rng_state())
        assert probe() == found, "the same noise each time"
        duality_gap(watched, steps=2)
        watched.round()
        alone.round()
    theirs, ours = watched.state()[0], alone.state()[0]
    assert all(torch.equal(v, ours[k]) for k, v in theirs.items())
    assert all(m.training == n.training for m, n in zip(watched.game.modules(), alone.game.modules(), strict=True))


@pytest.mark.parametrize(("cls", "spec"), FIRST)
def test_every_discriminator_of_every_game_is_heard(cls, spec):
    """What the studio shows of D: on examples and on fakes, whatever it is given beside them."""
    played = start(cls, spec)
    played.game.clock.rounds = 2  # past all that is learnt before the game
    batch = next(played.data.stream(0, 12, seed=1, rank=0, world=1, device="cpu", workers=0))
    heard = opinions(played.game.eval(), batch)
    assert heard.keys() == judges(played.game).keys()
    assert all(len(v) == batch.n and torch.isfinite(v).all() for both in heard.values() for v in both)


class Examples:
    """Rows of the contract as data that examples can be taken of."""

    def __init__(self, rows):
        self.rows, self.spec, self.others = rows, rows.spec, None
        self.batch = next(rows.stream(0, 32, seed=1, rank=0, world=1, device="cpu", workers=0))

    def __len__(self):
        return 32

    @property
    def held_out(self):
        return self

    def take(self, n, seed=0):
        return Batch(**{k: v[:n] for k, v in self.batch.tensors.items()})


@pytest.mark.parametrize(("cls", "spec"), FIRST)
def test_every_game_can_be_looked_at_and_is_left_as_it_was(cls, spec):
    played = start(cls, spec)
    played.round()
    before = {k: v.clone() for k, v in played.state()[0].items()}
    rows, played.data = played.data, Examples(played.data)
    found = Probe(played)()
    played.data = rows
    assert all(torch.equal(v, before[k]) for k, v in played.state()[0].items())
    moving = {move.player for move in played.moves if move.count(played.clock)}
    assert moving
    assert {f"{name}/gradient" for name in moving} <= set(found), "of every player that moves in this round"


class Known(Game):
    """G draws around 3, data around 0; D(x) is its first column, times 2."""

    def build(self, spec):
        self.prior = zs.Normal(2)
        self.G, self.D = nn.Linear(2, 2), nn.Linear(2, 1, bias=False)
        with torch.no_grad():
            self.G.weight.copy_(torch.eye(2) / 100)
            self.G.bias.fill_(30.0)
            self.D.weight.copy_(torch.tensor([[-2.0, 0.0]]))

    def players(self):
        return {"D": Player(self.D, SGD(0.0)), "G": Player(self.G, SGD(0.0))}

    def moves(self):
        return [Move("D", self.judge), Move("G", self.make)]

    def judge(self, batch):
        return (self.D(self.sample(batch.n)) - self.D(batch.x)).mean()

    def make(self, batch):
        return -3 * self.D(self.sample(batch.n)).mean()


def test_signals_of_a_game_that_is_known_by_heart():
    found = Probe(engine(Known()))()
    assert found["D/tells"] == found["D/tells_held"] == 1.0
    assert found["D/right"] == pytest.approx(0.75, abs=0.15)  # all fakes, about half of the data
    assert found["D/fake"] == pytest.approx(-60, abs=0.1)
    assert found["G/slope"] == pytest.approx(2.0)
    assert found["G/pull"] == pytest.approx(6.0)
    assert found["samples/diversity"] < 0.02
    assert found["samples/precision"] == found["samples/recall"] == 0.0
    assert found["samples/apart"] == 1.0
    assert 20 < found["samples/size"] < 40
    assert sum(found["samples/classes"]) == pytest.approx(1.0)


def test_unseen_noise_is_what_a_d_that_learns_by_heart_does_not_know():
    """200 examples of noise, 100 rounds: it knows the ones it was trained on."""
    noise = np.random.default_rng(0).standard_normal((120, 40)).astype("float32")
    game = GAN(width=64, z_dim=8, lr=2e-3)
    played = Engine(game, zs.data(noise, holdout=0.5), batch=60)
    assert Probe(played)()["D/knows"] == pytest.approx(0.5, abs=0.15)
    found = Probe(played.play(150))()
    assert found["D/knows"] > 0.9
    assert found["D/r_v"] > 0.2


def test_helpers():
    assert above(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])) == 0.875
    assert effective(torch.tensor([0.5, 0.5, 0.0])) == pytest.approx(2.0)
    points = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    which = clusters(points, 2)
    assert which[0] == which[1] != which[2] == which[3]

    class Keeps(GAN):
        """Keeps a list, as pools of past fakes are kept."""

    game = engine(Keeps(width=8, z_dim=2)).game
    game.pool, game.balance = [1], 0.5
    with unchanged(game, "cpu"):
        game.pool.append(2)
        game.balance = 0.7
    assert (game.pool, game.balance) == ([1], 0.5)


# Checks before training.


def names(data, game: Game | None = None, **options) -> set[str]:
    return {f.name for f in checks.of(prepare(game or GAN(width=8, z_dim=2), data, Settings(device="cpu", **options)))}


def test_nothing_is_odd_about_named_sets():
    assert not names(zs.data("ring8:500"))
    assert not names(zs.data("digits"))


def test_odd_data_is_told_of():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (600, 8, 8), dtype=np.uint8)
    flat = rng.integers(100, 140, (600, 8, 8), dtype=np.uint8)
    flat[0, 0, 0] = 255
    assert "range of values" in names(zs.data(flat))
    assert "blank pictures" in names(zs.data(np.where(np.arange(600)[:, None, None] < 60, 7, grey).astype(np.uint8)))
    assert "duplicates" in names(zs.data(grey[rng.integers(0, 300, 600)]))
    beams = {"x": rng.normal(size=(600, 3)), "y": np.repeat([[10.5], [20.5]], 300, 0)}
    assert "duplicates" not in names(zs.data(beams), games.find("cgan")(width=24))
    assert "little data" in names(zs.data(grey[:100]))
    rows = rng.standard_normal((600, 3)).astype("float32")
    assert "outliers" in names(zs.data(rows**15))
    assert "constant columns" in names(zs.data(rows * [1, 1, 0]))
    digits = zs.data("digits")
    x, y = digits.spec.x.decode(digits.all()), digits.all("y").numpy()
    assert "labels say nothing" in names(zs.data((x, rng.permutation(y))))
    assert "labels say nothing" not in names(zs.data((x, y)))


class Squashed(GAN):
    """The mistakes of the well-known list."""

    def build(self, spec):
        super().build(spec)
        units = spec.x.size
        self.D = nn.Sequential(nn.Flatten(), nn.Linear(units, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        self.D.extend([nn.Flatten(0), nn.Sigmoid()])
        self.G = nn.Sequential(nn.Linear(2, units), nn.Sigmoid(), nn.Unflatten(1, spec.x.shape), nn.Sigmoid())


def test_static_mistakes_of_a_game_are_told_of():
    found = names(zs.data("digits"), Squashed(width=8, z_dim=2), batch=4)
    assert found == {
        "sigmoid before a logit loss", "sparse gradients", "batch too small for batch norm", "range of G"
    }  # fmt: skip


def test_a_first_step_that_rewrites_a_player_is_told_of():
    found = [f for f in checks.of(prepare(GAN(lr=1.0), zs.data("ring8:100"), Settings())) if f.name == checks.TOO_FAST]
    assert [next(iter(f.evidence)) for f in found] == ["before", "before"]
    assert all(f.remedy[0].startswith("--lr-scale 0.00") for f in found)
    scale = float(found[0].remedy[0].split()[1])
    engine = prepare(GAN(lr=1.0), zs.data("ring8:100"), Settings(lr_scale=scale))
    assert max(checks.first_steps(engine).values()) < 0.05
    assert list(checks.of_steps(engine)) == []


@pytest.mark.parametrize(("cls", "spec"), FIRST)
def test_no_game_takes_too_large_a_first_step_by_default(cls: type[Game], spec: Spec):
    engine = start(cls, spec)
    shares = checks.first_steps(engine)
    assert shares, "all have an Adam or its kin"
    assert max(shares.values()) < 0.2


# In a run.


def test_a_run_writes_its_signals_and_findings(tmp_path):
    heard = []
    run = zs.train(
        "gan", "ring8:100", width=8, z_dim=2, rounds=12, batch=8, track="none", quiet=True, out=tmp_path,
        on_finding=heard.append,
    )  # fmt: skip
    rows = run.rows("signals.jsonl")
    assert rows[-1]["round"] == 12
    assert "D/tells" in rows[-1]
    out = examine(run, restored(run))
    assert out["light"] in ("green", "yellow", "red")
    assert set(out["duality gap"]) == {"D", "G", "sum"}
    assert [f["name"] for f in out["findings"]] == [f["name"] for f in examine(run)["findings"]]
    off = zs.train("gan", "ring8:100", width=8, z_dim=2, rounds=2, batch=8, track="none", quiet=True, out=tmp_path,
                   doctor="off")  # fmt: skip
    assert not (off.path / "doctor.json").exists()
    with pytest.raises(InputError, match="has no signals yet"):
        examine(off)


def test_what_ends_in_nan_is_red(tmp_path):
    with pytest.raises(ArithmeticError):
        zs.train("gan", "ring8:100", width=8, z_dim=2, rounds=60, batch=8, track="none", quiet=True, out=tmp_path,
                 lr=1e30)  # fmt: skip
    out = examine(zs.load(tmp_path))
    assert out["light"] == "red"
    assert "not a number" in [f["name"] for f in out["findings"]]
