"""Two processes that share a batch compute what one does, up to the order of sums."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from repro.config import ConfigError, Data, Model, Training
from repro.data import load_dataset
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.models.resnet import ResNet20
from repro.training import loop
from repro.training.checkpoint import checksum
from repro.training.objective import Classification, TokenLabelling
from repro.training.precision import place
from repro.training.ranks import VARIABLES, Ranks, find_ranks
from repro.training.sources import Chance, fixed_chance

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
VIT = Model("vit", width=16, depth=2, heads=2, drop_path=0.2)
PLAIN = Training(
    epochs=3, batch_size=16, optimizer="adamw", learning_rate=1e-3, clip_norm=1.0, ema_decay=0.9, precision="fp32"
)
MIXED = replace(PLAIN, mixup=0.8, cutmix=1.0, label_smoothing=0.1)
STORED, FRESH = "a ticket an image", "other patches at every step"
CASES = {
    "whole images": (VIT, PLAIN, None),
    "whole images, mixed": (VIT, MIXED, None),
    "stored tickets": (VIT, PLAIN, STORED),
    "stored tickets, mixed": (VIT, MIXED, STORED),
    "random patches": (VIT, PLAIN, FRESH),
    "mix-token on tickets": (replace(VIT, name="lvvit"), PLAIN, STORED),
}
TOLERANCE = 1e-5  # of a loss, in fp32


def make_fit(case, folder=None):
    model, config, patches = CASES[case]
    torch.manual_seed(0)
    network = place(PatchNetwork(without_norms(build_model(model, fused_attention=False))), CPU)
    ranks = find_ranks()
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    loader = dataset.train_loader(config.batch_size, config.augment, 0, CPU, rank=ranks.rank, world=ranks.world)
    source = {None: None, STORED: fixed_chance(64, 64, 27, 0), FRESH: Chance(64, 27, 0)}[patches]
    objective = Classification(config, 10, 0, source)
    if model.name == "lvvit":
        objective = TokenLabelling(config, 0, ResNet20(10, 4), 64, source)
    return loop.Fit(network, loader, config, objective=objective, folder=folder)


def without_norms(model):
    """LV-ViT without the norms over a batch in its stem, which processes on CPUs cannot count together."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    return model


def outcome(fit):
    fit.run()
    return [entry["train_loss"] for entry in fit.history], checksum(fit.averaged.inner.state_dict())


def fit_all(folder):
    """Losses and checksum of the averaged weights of every case, each process with a folder of its own."""
    torch.set_num_threads(1)
    return {case: outcome(make_fit(case, folder / f"of-{find_ranks().rank}" / case)) for case in CASES}


def fit_interrupted(folder):
    """A training that both processes leave at its sixth step, and take up from the checkpoint of the first of them."""
    fit = make_fit("stored tickets, mixed", folder)
    step, fit.train_step = fit.train_step, lambda learner: step(learner) if fit.step < 5 else sys.exit()
    with contextlib.suppress(SystemExit):
        fit.run()
    return outcome(make_fit("stored tickets, mixed", folder))


SCRIPT = """
import json, sys, torch
from pathlib import Path
from tests.training.test_ranks import find_ranks, fit_all, fit_interrupted, loop
ranks, folder = find_ranks(), Path(sys.argv[1])
rendezvous = f"file://{folder}/rendezvous"
torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=ranks.rank, world_size=ranks.world)
loop.CHECKPOINT_SECONDS = 0.0
found = fit_all(folder) | {"interrupted": fit_interrupted(folder / "shared")}
(folder / f"found-{ranks.rank}.json").write_text(json.dumps(found))
torch.distributed.destroy_process_group()
"""


def start(folder, rank, world):
    said = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank}
    environment = os.environ | {name: str(value) for name, value in said.items()} | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], cwd=ROOT, env=environment)


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path):
    processes = [start(tmp_path, rank, 2) for rank in (0, 1)]
    one = fit_all(tmp_path / "alone")
    assert [process.wait() for process in processes] == [0, 0]
    first, second = (json.loads((tmp_path / f"found-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second, "both hold the same weights, to the bit"
    for case, (losses, _) in one.items():
        assert first[case][0] == pytest.approx(losses, rel=TOLERANCE), case
    assert first["interrupted"] == first["stored tickets, mixed"], "to the bit, with as many processes"
    assert all((tmp_path / "of-0" / case / loop.STATE_FILE).exists() for case in CASES)
    assert not (tmp_path / "of-1").exists(), "the first process alone writes"


def environment(monkeypatch, *values):
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)


def test_torchruns_environment_says_which_process_this_is(monkeypatch):
    assert find_ranks() == Ranks(0, 1, 0)
    environment(monkeypatch, "3", "8", "1")
    assert find_ranks() == Ranks(3, 8, 1)
    monkeypatch.delenv("RANK")
    with pytest.raises(ConfigError, match=r"need RANK, WORLD_SIZE, LOCAL_RANK as torchrun sets them; got .*'8'"):
        find_ranks()


@pytest.mark.parametrize("values", [("8", "8", "0"), ("one", "8", "0"), ("-1", "8", "0")])
def test_numbers_that_make_no_sense_are_refused(monkeypatch, values):
    environment(monkeypatch, *values)
    with pytest.raises(ConfigError, match="as torchrun sets them"):
        find_ranks()


def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_both_numbers(monkeypatch):
    environment(monkeypatch, "0", "3", "0")
    with pytest.raises(ConfigError, match="a batch of 16 images cannot be shared evenly by 3 processes"):
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
