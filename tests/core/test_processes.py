"""Several processes with a part of the batch each are one process with all of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import safetensors.torch
import torch
import torch.distributed as dist
from torch import nn

from tests.core.toy import LABEL, POINTS, Rows, Toy, picture, rows
from zerosum import processes
from zerosum.engine import Engine
from zerosum.errors import InputError
from zerosum.game import EMA, Game, Move, Player
from zerosum.games.cgan import CGAN
from zerosum.games.dcgan import DCGAN
from zerosum.games.infogan import InfoGAN
from zerosum.games.wgan_gp import WGANGP
from zerosum.guard import NonFinite
from zerosum.losses import fake, real
from zerosum.nets import Discriminator, Pool, mlp
from zerosum.optim import SGD
from zerosum.spec import Spec


def together(
    folder: Path, task: Callable[..., Any], world: int, *args: Any, timeout: float = 60.0, stopped: int = 0
) -> list[int | None]:
    """`task(folder, *args)` in each of `world` forked processes that have joined; their exit codes. One that stands
    still does not count, once the others have ended. They meet at a place that is made when all are forked: one forked
    while a thread of it looks up an address would wait for ever."""
    ours, theirs = os.pipe()

    def process(rank: int) -> None:
        torch.set_num_threads(1)
        place = {
            "RANK": rank,
            "WORLD_SIZE": world,
            "LOCAL_RANK": rank,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": int(os.read(ours, 5)),
        }
        place["TORCHELASTIC_USE_AGENT_STORE"] = True
        os.environ.update({k: str(v) for k, v in place.items()})
        with processes.joined(timeout):
            task(folder, *args)

    context = multiprocessing.get_context("fork")
    started = [context.Process(target=process, args=(rank,)) for rank in range(world)]
    for p in started:
        p.start()
    store = dist.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)  # pyright: ignore[reportPrivateImportUsage]
    os.write(theirs, f"{store.port:05}".encode() * world)
    os.close(ours)
    os.close(theirs)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and sum(p.exitcode is None for p in started) > stopped:
        time.sleep(0.05)
    for p in started:
        p.kill()
    return [p.exitcode for p in started]


class Paired(Game):
    """A GAN whose latents are data; it uses D past its `forward`, a lazy move, clipping and an average."""

    needs: ClassVar[dict[str, tuple[str, ...]]] = {"x": ("vector",), "z": ("vector",)}

    def build(self, spec: Spec) -> None:
        self.G = mlp(spec.z.size, 16, spec.x.size, act=nn.Tanh)
        self.D = Discriminator(mlp(spec.x.size, 16, last=nn.Tanh()), 16)

    def players(self) -> dict[str, Player]:
        return {"D": Player(self.D, SGD(0.1, 0.5), clip=0.2), "G": Player(self.G, SGD(0.1, 0.5), ema=EMA(64, None))}

    def moves(self) -> list[Move]:
        return [Move("D", self.discriminate, times=2), Move("G", self.generate), Move("D", self.slope, every=2)]

    def discriminate(self, batch):
        features = self.D.features(batch.x)  # past `forward`, which DDP's wrapper would not see
        return {"real": real(self.D.head(features).squeeze(1)), "fake": fake(self.D(self.G(batch.z)))}

    def slope(self, batch):
        return self.D.head.weight.square().sum() * batch.x.square().mean()

    def generate(self, batch):
        return real(self.D(self.G(batch.z)))


class Noisy(Toy):
    """Dropout on the data and the fakes in one piece, a shuffled scale, and one coin for the whole batch."""

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.drop = nn.Dropout(0.3)

    def discriminate(self, batch):
        x = torch.cat([batch.x, self.sample(batch.n)]) * torch.empty(2 * batch.n, 1).uniform_(0.5, 1.5)
        logits = self.D(self.drop(x)) * (1 + torch.rand(()))
        return {"real": real(logits[: batch.n]), "fake": fake(logits[batch.n :])}


class Normed(Toy):
    """Batch norm in both networks, and the slope of D through its batch norm."""

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, spec.x.size))
        features = nn.Sequential(nn.Linear(spec.x.size, 8), nn.BatchNorm1d(8), nn.Tanh())
        self.D = Discriminator(features, 8)

    def discriminate(self, batch):
        x = batch.x.detach().requires_grad_()
        value = self.D(x)
        (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        return {"real": real(value), "fake": fake(self.D(self.sample(batch.n))), "r1": slope.square().sum(1).mean()}


class Remembering(Toy):
    """D sees a history of fakes, which is shorter than two batches."""

    def build(self, spec: Spec) -> None:
        super().build(spec)
        self.pool = Pool(spec.x.shape, 20)

    def discriminate(self, batch):
        return {"real": real(self.D(batch.x)), "fake": fake(self.D(self.pool(self.sample(batch.n))))}


PAIRS = {"x": rows("x", "y"), "z": rows("z")}
PICTURES = {"x": picture(1, 8, 8)}
CASES: dict[str, tuple[Callable[[], Game], dict, dict]] = {
    "paired": (Paired, PAIRS, {}),
    "noisy": (Noisy, {"x": POINTS}, {}),
    "normed": (Normed, {"x": POINTS}, {"ema": 40.0}),
    "remembering": (Remembering, {"x": POINTS}, {}),
    "accumulated": (Noisy, {"x": POINTS}, {"micro": 3}),
    "wgan_gp": (lambda: WGANGP(width=8, n_critic=2), PICTURES, {}),
    "dcgan": (lambda: DCGAN(width=8, z_dim=6), PICTURES, {}),
    "infogan": (lambda: InfoGAN(width=8, z_dim=6), PICTURES, {}),
    "cgan": (lambda: CGAN(width=24, z_dim=6), PICTURES | {"y": LABEL}, {"micro": 3}),
}


def play_all(folder: Path, name: str = "") -> None:
    """Every case; its tensors and terms into a file of this process."""
    rank, world = processes.here()
    for case, (make, fields, options) in CASES.items():
        engine = Engine(make(), Rows.random(48, **fields), batch=16, seed=3, **options)
        if case not in (
            "paired",
            "noisy",
            "normed",
            "remembering",
            "accumulated",
        ):  # Adam starts with the signs of rounding errors
            engine.optimizers = {k: torch.optim.SGD(p, lr=0.05) for k, p in engine.parameters.items()}
        engine.play(4)
        tensors = {k: v.clone() for k, v in engine.state()[0].items()}
        terms = {f"term/{k}": torch.tensor(v) for k, v in engine.read().items()}
        safetensors.torch.save_file(tensors | terms, folder / f"{case}-{world}-{rank}.safetensors")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("played")
    for world in (2, 4):
        assert together(folder, play_all, world) == [0] * world
    play_all(folder)
    return folder


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("case", CASES)
def test_processes_with_a_part_of_the_batch_give_the_weights_of_one(played: Path, case: str, world: int):
    one, *parts = (
        safetensors.torch.load_file(played / f"{case}-{w}-{rank}.safetensors")
        for w, rank in [(1, 0), *((world, r) for r in range(world))]
    )
    assert any(k.startswith("term/") for k in one)
    for part in parts:
        assert part.keys() == one.keys()
        for key, tensor in one.items():
            assert torch.equal(part[key], parts[0][key]), f"{key} differs between processes"
            torch.testing.assert_close(part[key], tensor, atol=1e-5, rtol=1e-5, msg=lambda m, k=key: f"{k}: {m}")


class Torn(Game):
    """Each process gives a gradient to another layer, of the same size: an objective that branches on its data."""

    def build(self, spec: Spec) -> None:
        self.G = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def players(self) -> dict[str, Player]:
        return {"G": Player(self.G, SGD(0.1))}

    def moves(self) -> list[Move]:
        return [Move("G", self.generate)]

    def generate(self, batch):
        return self.G[dist.get_rank()](batch.x).mean()


class Breaks(Toy):
    """In the third round, half of the examples make D's gradient infinite."""

    def discriminate(self, batch):
        terms = super().discriminate(batch)
        if self.clock.rounds == 2 and dist.get_rank() == 1:
            terms["root"] = (self.D(batch.x) * 0).abs().sqrt().mean()
        return terms


def misfortunes(folder: Path) -> None:
    """What two processes say of an objective that branches, and of a gradient that breaks in one of them."""
    rank = processes.here()[0]
    with pytest.raises(RuntimeError, match="disagree about which parameters have a gradient"):
        Engine(Torn(), Rows.random(x=POINTS), batch=8).round()
    engine = Engine(Breaks(), Rows.random(x=POINTS), batch=8).play(2)
    before = {k: v.clone() for k, v in engine.state()[0].items()}
    with pytest.raises(NonFinite) as broken:
        engine.round()
    assert all(torch.equal(v, before[k]) for k, v in engine.state()[0].items())
    (folder / f"{rank}.txt").write_text(str(broken.value))


def test_what_breaks_in_one_process_is_known_to_all(tmp_path: Path):
    assert together(tmp_path, misfortunes, 2) == [0, 0]
    said = [(tmp_path / f"{r}.txt").read_text() for r in (0, 1)]
    assert said[0] == said[1]
    assert "in round 3 the gradient of D's move 'discriminate' is not finite (rank 1: term 'root' is 0" in said[0]


def until_lost(folder: Path, how: int) -> None:
    rank = processes.here()[0]
    engine = Engine(Toy(), Rows.random(x=POINTS), batch=8)
    engine.play(3)
    if rank == 1:
        os.kill(os.getpid(), how)
    try:
        engine.play(1000)
    except processes.Lost as error:
        (folder / f"{rank}.txt").write_text(str(error))
        raise SystemExit(3) from None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_who_dies_or_hangs_is_named_by_all_others(tmp_path: Path, how: int):
    codes = together(tmp_path, until_lost, 4, how, timeout=8.0, stopped=int(how == signal.SIGSTOP))
    assert [codes[rank] for rank in (0, 2, 3)] == [3, 3, 3]
    for rank in (0, 2, 3):
        said = (tmp_path / f"{rank}.txt").read_text()
        assert said.startswith("rank 1 (process "), said
        assert said.endswith(f"on {socket.gethostname()}) died or does not answer")


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, (5, 8, 1)),
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "1"}, (3, 4, 1)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None),  # the batch script itself, outside of srun
    ],
)
def test_the_environment_says_who_one_is(environment: dict[str, str], place: tuple[int, int, int] | None):
    assert processes.place(environment) == place


@pytest.mark.parametrize(
    ("nodes", "host"), [("gpu7", "gpu7"), ("gpu[03-05,9],cpu1", "gpu03"), ("a-1,a-2", "a-1"), ("n[12]", "n12")]
)
def test_slurm_says_where_to_meet(nodes: str, host: str):
    assert processes.meeting({"SLURM_STEP_NODELIST": nodes, "SLURM_JOB_ID": "40012"}) == (host, 20012)
    assert processes.meeting({"MASTER_ADDR": "h", "MASTER_PORT": "5", "SLURM_STEP_NODELIST": nodes}) == ("h", 5)
    with pytest.raises(InputError, match="MASTER_ADDR and MASTER_PORT"):
        processes.meeting({"MASTER_ADDR": "h"})


def test_a_shared_batch_norm_alone_is_torchs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "total", lambda tensor: tensor)
    x = torch.randn(6, 3, 2, 2)
    for momentum in (0.1, None):
        theirs, ours = (nn.BatchNorm2d(3, momentum=momentum) for _ in range(2))
        processes.share_statistics(ours)
        for _ in range(3):
            torch.testing.assert_close(ours(x), theirs(x))
        for k, v in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[k], v)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
