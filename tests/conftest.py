"""A store of its own for every test, tiny data, one thread."""

import shutil
import sys
from dataclasses import replace

import pytest
import torch

from repro.compat import mend_torchvision
from repro.config import Data, Model, Rewind, Training, TrainRun, WeightTicket

mend_torchvision()  # before any test module imports timm
SHORT = Training(epochs=3, batch_size=16, learning_rate=0.05, augment="crop-flip", snapshot_epochs=(0, 1))
DENSE = TrainRun(data=Data("digit-scenes", 64, 32), model=Model(width=4), training=SHORT)


def on_ticket(source=DENSE, *, sparsity=0.5, epoch=None, draw=0, **changes):
    """A run of DENSE's kind on a ticket of `source`, from `epoch` of DENSE or from a fresh draw."""
    start = None if epoch is None else Rewind(DENSE, epoch)
    run = replace(DENSE, ticket=WeightTicket(source, sparsity), start=start, draw=draw)
    return replace(run, training=replace(SHORT, snapshot_epochs=()), **changes)


def forget(*tasks):
    """Delete the own folders of runs and seeds."""
    from repro.runs import store

    for task in tasks:
        shutil.rmtree(store.folder(*task))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty store, and no committed records."""
    from repro import paths

    monkeypatch.setenv("REPRO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("REPRO_WORKERS", "1")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    torch.set_num_threads(1)
    return tmp_path / "home"


@pytest.fixture
def refusal(monkeypatch, capsys):
    """A function that calls `repro` with words, and returns the one line in which it refuses them."""
    from repro.cli import main

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["repro", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = stopped.value.code  # a text is printed and means exit 1
        assert isinstance(said, str)
        assert said.startswith("repro: ")
        assert "\n" not in said
        assert capsys.readouterr().out == ""
        return said

    return call
