"""What every game holds. A file in `games/` is under this contract by being there."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _SpectralNorm

from tests.core.toy import LABEL, POINTS, TABLE, TEXT, Rows, examples, picture
from zerosum import games
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.fused import Fused, as_recorded
from zerosum.game import Batch, Clock, Game, Move, Terms
from zerosum.spec import Field, Spec
from zerosum.translation import directions, joint, translate

pytestmark = pytest.mark.contract

TINY = {
    "width": 8,
    "z_dim": 6,
    "blocks": 1,
    "n_critic": 2,
    "n_dis": 2,
    "warm_up": 0,
    "depth": 2,
    "pretrain": 1,
}  # hyperparameters by their names
FIELDS = {
    "points": POINTS,
    "table": TABLE,
    "8x8": picture(1, 8, 8),
    "not-square": picture(3, 20, 28),
    "odd": picture(4, 17, 9),
}
CANCELS = {  # game: parameters that cancel out of every objective
    "fanogan": {"D.head.bias"},
    **{name: {"D.head.bias"} for name in ("cfatgan", "dsgan", "fatgan")},
    "dualgan": {"D_A.net.5.bias", "D_B.net.5.bias", "D_A.net.8.bias", "D_B.net.8.bias"},
    "r3gan": {"D.head.bias"},  # D(x) - D(y)
    "sngan": {"D.head.bias"},  # the same, while all logits lie between the hinges
    "wgan": {"D.head.bias"},
    "wgan_gp": {"D.head.bias"},
}
LARGER = {"srgan": 4}  # games whose b is so many times as high and wide as a
BATCH = 8
CONDITIONS = {"label": LABEL, "vector": TABLE, "text": TEXT}


def tiny(cls: type[Game]) -> Game:
    return cls(**{name: value for name, value in TINY.items() if name in cls.__dataclass_fields__})


def file_name(cls: type[Game]) -> str:
    return cls.__module__.split(".")[-1]


def specs(cls: type[Game]) -> dict[str, Spec]:
    """One spec for each of the fields that the game takes, with conditions y of its first kind; then one for each of
    y's other kinds. Other labels are what they are."""
    needs = dict(cls.needs)
    conditions = [CONDITIONS[k] for k in needs.pop("y", ("label",))]
    kinds = set.intersection(*(set(k) for k in needs.values() if k != ("label",)))

    def spec(f: Field, y: Field) -> Spec:
        return Spec(
            **{a: y if a == "y" else LABEL if k == ("label",) else enlarged(f, cls, a) for a, k in cls.needs.items()}
        )

    found = {name: spec(f, conditions[0]) for name, f in FIELDS.items() if f.kind in kinds}
    first = FIELDS[next(iter(found))]
    return found | {f"{y.kind}-condition": spec(first, y) for y in conditions[1:]}


def enlarged(f: Field, cls: type[Game], array: str) -> Field:
    by = LARGER.get(file_name(cls), 1) if array == "b" else 1
    return picture(f.shape[0], by * f.shape[1], by * f.shape[2]) if by > 1 else f


GAMES = {name: games.find(name) for name in games.names()}
CASES = [pytest.param(cls, spec, id=f"{g}-{s}") for g, cls in GAMES.items() for s, spec in specs(cls).items()]
SAMPLED = [case for case in CASES if "x" in case.values[0].needs]
FIRST = [pytest.param(cls, next(iter(specs(cls).values())), id=g) for g, cls in GAMES.items()]

each_game = pytest.mark.parametrize("cls", GAMES.values(), ids=GAMES)
each_case = pytest.mark.parametrize(("cls", "spec"), CASES)
each_sampled = pytest.mark.parametrize(("cls", "spec"), SAMPLED)
each_first = pytest.mark.parametrize(("cls", "spec"), FIRST)


def start(cls: type[Game], spec: Spec, **options: Any) -> Engine:
    return Engine(tiny(cls), Rows.random(4 * BATCH + 3, **spec.fields), **({"batch": BATCH} | options))


# What a game is.


@each_game
def test_it_can_be_made_without_a_word_and_again_from_its_hyperparameters(cls: type[Game]):
    game = cls()
    values = json.loads(json.dumps(game.hyperparameters()))
    assert values == json.loads(json.dumps(cls(**game.hyperparameters()).hyperparameters()))
    assert cls(**game.hyperparameters()).hyperparameters() == game.hyperparameters()
    assert game.hyperparameters().keys() == cls.__dataclass_fields__.keys()


@each_game
def test_it_cites_its_paper_and_says_what_it_is(cls: type[Game]):
    cites = (importlib.import_module(cls.__module__).__doc__ or "").splitlines()[0]
    assert re.fullmatch(r".{8,}[.?!] [^.].+, (19|20)\d\d\. \S.+", cites), cites
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}("), "that is the dataclass's own signature"


@each_game
def test_it_refuses_data_that_it_cannot_use(cls: type[Game]):
    right = next(iter(specs(cls).values()))
    wrong = {"image": FIELDS["8x8"], "vector": POINTS, "label": LABEL, "text": TEXT}
    for array, kinds in cls.needs.items():
        without = Spec(**{k: f for k, f in right.fields.items() if k != array}, other=POINTS)
        bad = [Spec(**(right.fields | {array: f})) for kind, f in wrong.items() if kind not in kinds]
        for spec in [without, *bad]:
            with pytest.raises(InputError) as caught:
                Engine(tiny(cls), Rows.random(**spec.fields), batch=BATCH)
            message = str(caught.value)
            assert re.fullmatch(rf"{cls.__name__} needs an? [^\n]+ array '{array}'; [^\n]+[^.\n]", message), message
            if spec is without:
                assert str(spec) in message, "it says what there is"


# How it plays.


@dataclass
class Watched:
    """A move, and what to do after it is played with the player's name and the parameters as they were."""

    move: Move
    after: Callable[[str, dict[str, Tensor]], None]

    @property
    def player(self) -> str:
        return self.move.player

    def count(self, clock: Clock) -> int:
        return self.move.count(clock)

    def play(self, engine: Engine, batch: Batch) -> Terms:
        before = {name: p.detach().clone() for name, p in engine.game.named_parameters()}
        terms = self.move.play(engine, batch)
        self.after(self.player, before)
        return terms


@each_case
def test_every_parameter_is_trained_by_its_own_player_only(cls: type[Game], spec: Spec):
    engine = start(cls, spec)
    owned = {player: {id(p) for p in p.parameters()} for player, p in engine.players.items()}
    reached: set[str] = set()
    trained: set[str] = set()

    def after(player: str, before: dict[str, Tensor]) -> None:
        nonlocal trained
        for name, p in engine.game.named_parameters():
            if id(p) in owned[player]:
                if p.grad is not None:
                    reached.add(name)
                    trained |= {name} if p.grad.count_nonzero() else set()
            else:
                assert torch.equal(p, before[name]), f"a move of {player} changed {name}"

    engine.moves = [Watched(m, after) for m in engine.moves]
    engine.play(3)  # what starts at zero blocks the gradient of what lies below it in the first round
    everyone = set.union(*owned.values())
    names = {name for name, p in engine.game.named_parameters() if id(p) in everyone}
    assert names == reached, "some have no gradient"
    assert names - trained <= CANCELS.get(file_name(cls), set()), "some have a gradient of zero"
    terms = engine.read()
    assert {key.split("/")[0] for key in terms} == {m.player for m in engine.moves}


@each_sampled
def test_samples(cls: type[Game], spec: Spec):
    engine = start(cls, spec, ema=100).play(2)
    torch.manual_seed(1)
    many = engine.sample(70, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert many.shape == (70, *spec.x.shape)
    assert many.dtype == torch.float32
    assert many.isfinite().all()
    assert not many.requires_grad
    for n in (0, 1, 64):
        assert torch.equal(engine.sample(n, seed=5), many[:n]), "the first of many are the same"
    assert torch.equal(torch.get_rng_state(), state), "sampling disturbs nobody's random numbers"
    assert not torch.equal(engine.sample(70, seed=6), many)
    assert len(many.unique(dim=0)) > 1
    assert not torch.equal(many[:6], many[64:]), "blocks differ"
    for block in spec.x.categorical:
        torch.testing.assert_close(many[:, block].sum(1), torch.ones(70))
    assert len(spec.x.decode(many)) == 70


@each_case
def test_translations(cls: type[Game], spec: Spec):
    engine = start(cls, spec, ema=100).play(2)
    if not {"a", "b"} <= cls.needs.keys():
        assert not directions(engine.game), "what translates reads a and b"
        return
    assert directions(engine.game) or hasattr(cls, "joint"), "it can do something"
    state = torch.get_rng_state()
    with engine.averaged() as game:
        for way in directions(game):
            given, wanted = spec.fields[way[0]], spec.fields[way[2]]
            x = examples(given, 70, seed=3)
            y = translate(game, x, way, seed=5)
            assert y.shape == (70, *wanted.shape)
            assert y.dtype == torch.float32
            assert y.isfinite().all()
            torch.testing.assert_close(translate(game, x[:64], way, seed=5), y[:64])
            if wanted.kind == "image" and file_name(cls) not in ("dtn", "genegan"):  # fully convolutional
                by = wanted.shape[1] // given.shape[1]
                larger = examples(picture(given.shape[0], 37, 50), 2, seed=4)
                assert translate(game, larger, way).shape == (2, wanted.shape[0], 37 * by, 50 * by)
        if hasattr(game, "joint"):
            a, b = joint(game, 70, seed=5)
            assert a.shape == (70, *spec.a.shape)
            assert b.shape == (70, *spec.b.shape)
            assert torch.equal(joint(game, 3, seed=5)[1], b[:3]), "the first of many are the same"
            assert len(b.unique(dim=0)) > 1
    assert torch.equal(torch.get_rng_state(), state), "it disturbs nobody's random numbers"


class Shift(nn.Module):
    """A random augmentation of whatever there is."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn(len(x), *[1] * (x.ndim - 1))


SETTINGS = {"plain": dict, "all": lambda: {"ema": 100.0, "micro": 3, "augment": Shift()}}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@each_case
def test_resume_is_bit_exact(cls: type[Game], spec: Spec, settings: Callable[[], dict[str, Any]]):
    n = 3
    whole = start(cls, spec, **settings()).play(2 * n)
    first = start(cls, spec, **settings()).play(n)
    tensors, values = first.state()
    file, text = safetensors.torch.save({k: v.contiguous() for k, v in tensors.items()}), json.dumps(values)
    second = start(cls, spec, **settings(), seed=0)
    with torch.no_grad():
        for p in second.game.parameters():
            p.fill_(7.0)
    second.load(safetensors.torch.load(file), json.loads(text))
    second.play(2 * n)
    (got, got_values), (want, want_values) = second.state(), whole.state()
    assert got.keys() == want.keys()
    assert [k for k in want if not torch.equal(got[k], want[k])] == []
    assert json.loads(json.dumps(got_values)) == json.loads(json.dumps(want_values))
    if "x" in cls.needs:
        assert torch.equal(second.sample(3), whole.sample(3))


FUSELESS: dict[str, str] = {}  # game: why its steps cannot be recorded


@each_first
def test_recorded_steps_are_those_that_python_plays(cls: type[Game], spec: Spec):
    """What would be compiled, not compiled: the same bits, in a schedule's every round."""
    eager, recorded = (start(cls, spec, ema=100.0) for _ in range(2))
    recorded.fused = Fused(recorded, as_recorded, strict=file_name(cls) not in FUSELESS)
    (want, _), (got, _) = eager.play(3).state(), recorded.play(3).state()
    assert [k for k in want if not torch.equal(got[k], want[k])] == []
    assert recorded.read() == eager.read()


@each_case
def test_buffers_are_written_in_place(cls: type[Game], spec: Spec):
    engine = start(cls, spec, ema=100.0).play(2)
    with engine.averaged():
        pass
    engine.load(*engine.state())
    engine.play(3)
    lost = [k for k, t in engine.game.state_dict(keep_vars=True).items() if engine.names.get(t) is None]
    assert not lost, "re-assigned, so that the engine would save the old ones; write with copy_"


@pytest.fixture
def precise(cls: type[Game]) -> Iterator[None]:
    """Games with absolute differences are played in 64 bits: their gradient is a sign, which a rounding error turns."""
    torch.set_default_dtype(torch.float64 if "a" in cls.needs else torch.float32)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("precise")
@each_case
def test_a_split_batch_is_the_whole_batch(cls: type[Game], spec: Spec):
    """Dropout and noise included. The power method of spectral norm rests, and batch norm uses its running statistics,
    for a part's own are never the whole's. Plain SGD: Adam begins with the sign of what may be a rounding error."""

    def played(micro: int) -> tuple[dict[str, Tensor], dict[str, float]]:
        engine = start(cls, spec, micro=micro)
        for m in engine.game.modules():
            if isinstance(m, _BatchNorm | _SpectralNorm):
                m.eval()
        engine.players = {k: replace(p, schedule=None) for k, p in engine.players.items()}
        engine.optimizers = {k: torch.optim.SGD(p.parameters(), lr=0.01) for k, p in engine.players.items()}
        engine.play(2)
        return {k: p.detach() for k, p in engine.game.named_parameters()}, engine.read()

    (whole, terms), (split, split_terms), (uneven, _) = played(BATCH), played(BATCH // 2), played(BATCH // 2 + 1)
    untouched = dict(start(cls, spec).game.named_parameters())
    assert any(not torch.equal(whole[k], untouched[k]) for k in whole)
    for name in whole:
        torch.testing.assert_close(
            split[name], whole[name], atol=1e-6, rtol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
        )
        torch.testing.assert_close(uneven[name], whole[name], atol=1e-6, rtol=1e-5)
    assert split_terms == pytest.approx(terms, rel=1e-4, abs=1e-6)


@each_first
def test_bfloat16_stays_finite(cls: type[Game], spec: Spec):
    engine = start(cls, spec, precision="bf16").play(3)
    assert engine.read(), "read raises where a term is not finite"
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in engine.game.parameters())


@each_first
def test_it_can_do_what_its_methods_say(cls: type[Game], spec: Spec):
    game = start(cls, spec).play(1).game
    if hasattr(game, "score"):
        scores = game.score(examples(spec.x, 5, 0))
        assert scores.shape == (5,)
        assert scores.isfinite().all()
