"""Processes that share a batch, or learn it in pieces, compute what one does with it, up to the order of sums."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from repro.config import ConfigError, Data, Model, Training
from repro.data import load_dataset
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.resnet import ResNet20
from repro.tickets import weights
from repro.training import loop
from repro.training.checkpoint import checksum
from repro.training.objective import Classification, Objective, TokenLabelling
from repro.training.precision import place
from repro.training.ranks import ACCUMULATE, VARIABLES, OutOfStep, Ranks, find_ranks
from repro.training.sources import Chance, fixed_chance

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
VIT = Model("vit", width=16, depth=2, heads=2, drop_path=0.2)
PLAIN = Training(
    epochs=2, batch_size=12, optimizer="adamw", learning_rate=1e-3, clip_norm=1.0, ema_decay=0.9, precision="fp32"
)
MIXED = replace(PLAIN, mixup=0.8, cutmix=1.0, label_smoothing=0.1)
STORED, FRESH = "a ticket an image", "other patches at every step"
CASES = {
    "whole images": (VIT, PLAIN, None),
    "whole images, mixed": (VIT, MIXED, None),
    "stored tickets": (VIT, PLAIN, STORED),
    "stored tickets, mixed": (VIT, MIXED, STORED),
    "stored tickets, no average": (VIT, replace(MIXED, ema_decay=0.0), STORED),
    "stored tickets, masked": (VIT, MIXED, STORED),
    "random patches": (VIT, PLAIN, FRESH),
    "mix-token on tickets": (replace(VIT, name="lvvit"), PLAIN, STORED),
    "queue and centre": (VIT, PLAIN, None),
}
IN_PIECES = ("whole images, mixed", "stored tickets, masked", "random patches", "mix-token on tickets")
RESUMED = ("stored tickets, masked", "queue and centre")
TOLERANCE = 1e-5  # of a loss, in fp32


class Contrast(Objective):
    """Holds what methods of self-supervision hold: a head that is trained, a queue, and a centre."""

    def __init__(self):
        super().__init__()
        self.state.head = nn.Linear(10, 8)
        self.state.register_buffer("queue", normalize(torch.randn(24, 8), dim=1))
        self.state.register_buffer("centre", torch.zeros(8))

    def loss(self, forward, batch, step):
        """How well an image's class is told by which keys in the queue it is like."""
        self.keys = normalize(self.state.head(forward(batch.images)), dim=1)
        return cross_entropy((self.keys - self.state.centre) @ self.state.queue.T, batch.labels)

    def after_step(self, step):
        """The keys of this step join the queue, and the centre follows them."""
        keys = self.ranks.gather(self.keys)
        self.state.queue = torch.cat([keys, self.state.queue[: -len(keys)]])
        self.state.centre += 0.1 * (keys.mean(0) - self.state.centre)


def make_fit(case, folder=None):
    model, config, patches = CASES[case]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = place(PatchNetwork(without_norms(build_model(model, fused_attention=False))), CPU)
    ranks = find_ranks()
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    loader = dataset.train_loader(config.batch_size, config.augment, 0, CPU, rank=ranks.rank, world=ranks.world)
    source = {None: None, STORED: fixed_chance(64, 64, 27, 0), FRESH: Chance(64, 27, 0)}[patches]
    objective = Classification(config, 10, 0, source)
    if model.name == "lvvit":
        objective = TokenLabelling(config, 0, ResNet20(10, 4), 64, source)
    if case == "queue and centre":
        objective = Contrast()
    masked = make_mask(network.inner) if case.endswith("masked") else (lambda: None)
    return loop.Fit(network, loader, config, objective=objective, folder=folder, zero_masked=masked)


def make_mask(model):
    """What zeroes half of the weights of every linear layer."""
    chosen = {name: p.detach() for name, p in model.named_parameters() if p.ndim == 2}
    return weights.mask_applier(model, weights.magnitude_mask(chosen, 0.5))


def without_norms(model):
    """LV-ViT without the norms over a batch in its stem, which processes on CPUs cannot count together."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    return model


def outcome(fit):
    """Losses, checksum of the weights, and of all that a checkpoint holds."""
    fit.run()
    state = {f"{part}/{k}": t for part, module in fit.parts().items() for k, t in module.state_dict().items()}
    return [entry["train_loss"] for entry in fit.history], checksum(fit.averaged.inner.state_dict()), checksum(state)


def fit_all(folder, cases=tuple(CASES)):
    """What cases come to, each process with a folder of its own."""
    return {case: outcome(make_fit(case, folder / f"of-{find_ranks().rank}" / case)) for case in cases}


def leave(folder, case):
    """A training that all processes leave at its sixth step."""
    loop.CHECKPOINT_SECONDS = 0.0
    fit = make_fit(case, folder / case)
    step, fit.train_step = fit.train_step, lambda learner: step(learner) if fit.step < 5 else sys.exit()
    with contextlib.suppress(SystemExit):
        fit.run()
    loop.CHECKPOINT_SECONDS = 30.0


def resume(folder):
    """What was left, taken up from the checkpoint of the first process."""
    return {f"{case}, resumed": outcome(make_fit(case, folder / case)) for case in RESUMED}


def in_pieces(folder, count=2):
    """Cases in which each process learns its part in pieces."""
    os.environ[ACCUMULATE] = str(count)
    try:
        return {f"{case}, in pieces": found for case, found in fit_all(folder / "pieces", IN_PIECES).items()}
    finally:
        del os.environ[ACCUMULATE]


def two(folder):
    """What two processes do."""
    for case in RESUMED:
        leave(folder / "left", case)
        leave(folder / f"of-{find_ranks().rank}", case)
    if find_ranks().rank == 0:
        for world in (1, 2, 3):
            shutil.copytree(folder / "left", folder / f"resumed-by-{world}")
    torch.distributed.barrier()
    return fit_all(folder / "all") | resume(folder / "resumed-by-2") | in_pieces(folder)


def three(folder):
    """What three processes do."""
    found = fit_all(folder / "three", RESUMED) | resume(folder / "resumed-by-3")
    return found | in_pieces(folder / "three")


SCRIPT = """
import json, sys, torch
from pathlib import Path
from tests.training import test_ranks
ranks, folder = test_ranks.find_ranks(), Path(sys.argv[1])
rendezvous = f"file://{folder}/rendezvous-{ranks.world}"
torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=ranks.rank, world_size=ranks.world)
found = {2: test_ranks.two, 3: test_ranks.three}[ranks.world](folder)
(folder / f"found-{ranks.rank}-of-{ranks.world}.json").write_text(json.dumps(found))
torch.distributed.destroy_process_group()
"""


def start(folder, rank, world):
    said = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank}
    environment = os.environ | {name: str(value) for name, value in said.items()} | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], cwd=ROOT, env=environment)


def together(folder, world):
    """What each of several processes found."""
    processes = [start(folder, rank, world) for rank in range(world)]
    assert [process.wait() for process in processes] == [0] * world
    return [json.loads((folder / f"found-{rank}-of-{world}.json").read_text()) for rank in range(world)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return fit_all(tmp_path_factory.mktemp("alone"))


def agree(found, alone):
    """Whether losses are those of one process, of whatever was added to a case's name."""
    for name, (losses, *_) in found.items():
        case = name.removesuffix(", resumed").removesuffix(", in pieces")
        assert losses == pytest.approx(alone[case][0], rel=TOLERANCE), name


@pytest.mark.slow
def test_two_and_three_processes_give_the_losses_of_one(tmp_path, alone):
    first, second = together(tmp_path, 2)
    assert first == second, "both hold the same weights and state, to the bit"
    agree(first, alone)
    assert {case: first[f"{case}, resumed"] for case in RESUMED} == {case: first[case] for case in RESUMED}, (
        "to the bit, with as many processes"
    )
    assert all((tmp_path / "of-0" / case / loop.STATE_FILE).exists() for case in RESUMED)
    assert not (tmp_path / "of-1").exists(), "the first process alone writes"
    of_three = together(tmp_path, 3)
    assert of_three[0] == of_three[1] == of_three[2]
    agree(of_three[0], alone)
    agree(resume(tmp_path / "resumed-by-1"), alone)


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3])
def test_a_batch_learnt_in_pieces_gives_the_losses_of_the_whole(tmp_path, alone, count):
    found = in_pieces(tmp_path, count)
    agree(found, alone)
    assert found["whole images, mixed, in pieces"][1] != alone["whole images, mixed"][1], "sums in another order"


def environment(monkeypatch, *values):
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)


def test_torchruns_environment_says_which_process_this_is(monkeypatch):
    assert find_ranks() == Ranks(0, 1, 0)
    environment(monkeypatch, "3", "8", "1")
    assert find_ranks() == Ranks(3, 8, 1)
    assert find_ranks() is find_ranks(), "the piece at hand is known to all"
    monkeypatch.delenv("RANK")
    with pytest.raises(ConfigError, match=r"need RANK, WORLD_SIZE, LOCAL_RANK as torchrun sets them; got .*'8'"):
        find_ranks()


@pytest.mark.parametrize("values", [("8", "8", "0"), ("one", "8", "0"), ("-1", "8", "0")])
def test_numbers_that_make_no_sense_are_refused(monkeypatch, values):
    environment(monkeypatch, *values)
    with pytest.raises(ConfigError, match="as torchrun sets them"):
        find_ranks()


def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_both_numbers(monkeypatch):
    environment(monkeypatch, "0", "5", "0")
    with pytest.raises(ConfigError, match="a batch of 12 images cannot be shared evenly by 5 processes"):
        make_fit("whole images")


def test_norms_over_a_batch_are_refused_on_cpus(monkeypatch):
    environment(monkeypatch, "0", "2", "0")
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    with pytest.raises(ConfigError, match="BatchNorm cannot be trained by 2 processes on CPUs; use one, or GPUs"):
        loop.Fit(PatchNetwork(build_model(Model(width=4))), dataset.train_loader(16, "none", 0, CPU), PLAIN)


def test_on_gpus_norms_are_counted_together_under_the_same_names(monkeypatch):
    environment(monkeypatch, "0", "2", "0")
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    network = PatchNetwork(build_model(replace(VIT, name="lvvit")))
    names = list(network.state_dict())
    find_ranks().join(network, torch.device("cuda"))
    assert list(network.state_dict()) == names
    assert {type(m) for m in network.modules() if "Norm" in type(m).__name__ and "Batch" in type(m).__name__} == {
        nn.SyncBatchNorm
    }
    assert network.inner.reverse.__self__ == find_ranks(), "and mix-token reverses the whole batch"


def test_one_process_trains_the_network_as_it_is():
    fit = make_fit("whole images")
    learner = fit.learner(fit.network)
    assert Ranks().share(learner) is learner
    assert not torch.distributed.is_initialized()


def places(world, pieces, count):
    """Which images of the whole batch are at hand in every process, by piece."""
    ranks = [Ranks(rank, world, rank, pieces) for rank in range(world)]
    found = []
    for piece in range(pieces):
        for each in ranks:
            each.piece = piece
        found.append([each.part(torch.arange(count)).tolist() for each in ranks])
    return found


@pytest.mark.parametrize(("world", "pieces"), [(1, 1), (1, 2), (1, 4), (2, 1), (2, 3), (3, 2), (4, 3)])
def test_pieces_are_at_hand_together_with_those_of_their_partners(world, pieces):
    count = 2 * world * pieces * 3
    found = places(world, pieces, count)
    assert sorted(place for piece in found for part in piece for place in part) == list(range(count))
    for piece in found:
        for part, partner in zip(piece, piece[::-1], strict=True):
            assert [count - 1 - place for place in part] == partner[::-1]
            assert len(part) == count / (world * pieces)


def test_a_batch_that_cannot_be_cut_into_equal_pieces_is_refused(monkeypatch):
    monkeypatch.setenv(ACCUMULATE, "5")
    fit = make_fit("whole images")
    with pytest.raises(ConfigError, match=r"REPRO_ACCUMULATE=5 cannot cut the 12 images .* a multiple of 10"):
        fit.train_step(fit.learner(fit.network))


@pytest.mark.parametrize("value", ["", "0", "two", "-1", "1.5"])
def test_a_number_of_pieces_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv(ACCUMULATE, value)
    with pytest.raises(ConfigError, match="REPRO_ACCUMULATE must be a whole number from 1 on, or unset; got"):
        find_ranks()


def test_what_needs_a_batch_as_a_whole_is_not_cut(monkeypatch):
    monkeypatch.setenv(ACCUMULATE, "2")
    with pytest.raises(ConfigError, match="Contrast needs a batch as a whole; unset REPRO_ACCUMULATE"):
        make_fit("queue and centre")
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    with pytest.raises(ConfigError, match="BatchNorm cannot learn a batch in 2 pieces"):
        loop.Fit(PatchNetwork(build_model(Model(width=4))), dataset.train_loader(16, "none", 0, CPU), PLAIN)


def test_norms_in_what_an_objective_holds_are_counted_together_too(monkeypatch):
    objective = Contrast()
    objective.state.head = nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8))
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    loader = dataset.train_loader(12, "none", 0, CPU)
    network = PatchNetwork(build_model(VIT))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    environment(monkeypatch, "0", "2", "0")
    with pytest.raises(ConfigError, match="BatchNorm cannot be trained by 2 processes on CPUs"):
        loop.Fit(network, loader, PLAIN, objective=objective)


def test_processes_that_would_go_on_from_other_steps_stop(monkeypatch):
    ranks = Ranks(0, 2, 0)
    monkeypatch.setattr(Ranks, "gather", lambda self, part: torch.cat([part, part - 5]))
    with pytest.raises(OutOfStep, match=r"from the steps \[5, 0\]: not every machine sees the checkpoint"):
        ranks.check_step(5, CPU)
    Ranks().check_step(5, CPU)


def test_other_processes_write_no_file(monkeypatch, tmp_path):
    from repro.training.checkpoint import save_tensors

    digest = save_tensors(tmp_path / "x", {"x": torch.ones(1)})
    environment(monkeypatch, "1", "2", "1")
    assert save_tensors(tmp_path / "y", {"x": torch.ones(1)}) == digest
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
