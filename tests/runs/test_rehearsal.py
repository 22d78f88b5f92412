"""Rehearsals: of every artefact at `paper` (slow), and what one leaves behind."""

import os
import subprocess
import sys

import pytest

from repro import config
from repro.artefacts import REGISTRY
from repro.config import Data, Model, TextRun, Texts, Training, TrainRun
from repro.data import load_dataset
from repro.data.text import load_texts
from repro.runs.rehearsal import rehearse

IMAGENET = TrainRun(Data("imagenet"), Model("resnet20", classes=1000), Training(augment="deit-once"))


def dry_run(*artefacts, home):
    environment = os.environ | {"REPRO_HOME": str(home)}
    command = [sys.executable, "-m", "repro.cli", "run", *artefacts, "--preset", "paper", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == [], "a rehearsal leaves no run behind"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_the_paper_preset_can_be_rehearsed(name, tmp_path):
    count = len(REGISTRY[name].rehearsed(REGISTRY[name].grid("paper")))
    assert f"{count} runs rehearsed" in dry_run(name, home=tmp_path)


def test_small_news_can_be_rehearsed_as_well():
    assert len(rehearse([TextRun(Texts("ag-news-10k"))])) == 1


@pytest.mark.slow
def test_two_artefacts_can_be_rehearsed_by_one_command(tmp_path):
    said = dry_run("figure1", "figure2", home=tmp_path)
    assert "figure1, preset paper: 1 runs rehearsed" in said
    assert "figure2, preset paper: 1 runs rehearsed" in said


@pytest.mark.parametrize("name", REGISTRY)
def test_what_is_rehearsed_is_of_the_preset_itself(name):
    arms = REGISTRY[name].grid("paper")
    rehearsed = [config.key(arm.run) for arm in REGISTRY[name].rehearsed(arms)]
    assert rehearsed
    assert set(rehearsed) <= {config.key(arm.run) for arm in arms}


@pytest.mark.slow
def test_one_process_can_rehearse_twice():
    first, second = ([record.metrics for record in rehearse([IMAGENET])] for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_a_rehearsal_leaves_environment_and_data_in_memory_as_they_were(monkeypatch):
    scenes = Data("digit-scenes", 8, 8)
    kept = load_dataset(scenes), load_texts(Texts("glosses", 8, 8))
    monkeypatch.delenv("REPRO_DATA")
    before = dict(os.environ)
    rehearse([IMAGENET, TrainRun(Data("cifar10")), TrainRun(Data("digit-scans"))])
    assert dict(os.environ) == before
    assert kept[0] is load_dataset(scenes)
    assert kept[1] is load_texts(Texts("glosses", 8, 8))
