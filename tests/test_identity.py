"""A run's key, over random configs of every type: it says all that a run is, and nothing else."""

import dataclasses
import json
import os
import random
import subprocess
import sys
from itertools import combinations
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from repro import config
from repro.config import (
    MAE,
    ConfigError,
    Data,
    MoCo,
    PatchTicket,
    Pretrained,
    PretrainRun,
    Rewind,
    SampleTicket,
    SelectRun,
    TextRun,
    Training,
    TrainRun,
    Views,
    WeightTicket,
)
from repro.config.base import Config, annotations, choices
from tests.conftest import DENSE

KINDS = (kind for kind in vars(config).values() if isinstance(kind, type))
CONFIGS = sorted((kind for kind in KINDS if issubclass(kind, Config)), key=str)
RUNS = list(config.Run.__args__)
# What a run or ticket within another config may be, so that a history ends.
TRAINED = (TrainRun(), TrainRun(draw=1))
SELECTED = tuple(SelectRun(run, 0.5) for run in TRAINED)
WITHIN = {
    PretrainRun: (PretrainRun(MoCo()), PretrainRun(MAE(), (Views(),))),
    TrainRun: TRAINED,
    SelectRun: SELECTED,
    TextRun: (TextRun(), TextRun(half=1)),
    Rewind: tuple(map(Rewind, TRAINED)),
    Pretrained: tuple(map(Pretrained, TRAINED)),
    WeightTicket: tuple(WeightTicket(run, 0.5) for run in TRAINED),
    PatchTicket: tuple(map(PatchTicket, SELECTED)),
    SampleTicket: (SampleTicket("random"), SampleTicket("stratified")),
}


def draw(kind, rng, depth=0):
    """A random value of a type; nested runs are left at their simplest below a depth."""
    members = choices(kind)
    if type(None) in get_args(kind) and (depth > 3 or rng.random() < 0.4):
        return None
    kind = rng.choice(members)
    if get_origin(kind) is Literal:
        return rng.choice(get_args(kind))
    if get_origin(kind) is tuple:
        return tuple(draw(get_args(kind)[0], rng, depth + 1) for _ in range(rng.choice((0, 1, 2)) if depth < 3 else 0))
    if dataclasses.is_dataclass(kind):
        return rng.choice(WITHIN[kind]) if kind in WITHIN else draw_config(kind, rng, depth + 1)
    simple = {int: lambda: rng.choice((0, 1, 2, 7)), bool: lambda: rng.random() < 0.5, str: lambda: rng.choice("ab")}
    return simple[kind]() if kind in simple else rng.choice((0.0, 0.25, 0.5, 1.0, 3.0))


def draw_config(kind, rng, depth=0):
    """A random config: some fields drawn, the others at their default; what is not allowed is drawn again."""
    while True:
        fields = {}
        for field in dataclasses.fields(kind):
            required = field.default is dataclasses.MISSING
            if required or (rng.random() < 0.4 and depth < 5):
                fields[field.name] = draw(annotations(kind)[field.name], rng, depth)
        try:
            return kind(**fields)
        except ConfigError:
            continue


def sample(kind, count=150):
    rng = random.Random(kind.__name__)
    return [draw_config(kind, rng) for _ in range(count)]


def test_every_config_is_of_the_base_that_conforms_its_fields():
    assert len(CONFIGS) > 20
    assert set(RUNS) < set(CONFIGS)


@pytest.mark.parametrize("kind", RUNS, ids=lambda kind: kind.__name__)
def test_two_runs_share_a_key_only_where_they_are_equal(kind):
    drawn = sample(kind)
    for one, other in combinations(drawn, 2):
        assert (config.key(one) == config.key(other)) == (one == other), f"{one}\n{other}"
    assert len(set(map(config.key, drawn))) > 2


@pytest.mark.parametrize("kind", [k for k in CONFIGS if k is not Config], ids=lambda kind: kind.__name__)
def test_configs_that_differ_are_written_differently(kind):
    for one, other in combinations(sample(kind, 60), 2):
        assert (config.canonical(one) == config.canonical(other)) == (one == other)


def loosened(value):
    """The same value in other types: whole floats as ints and numpy's, tuples as lists."""
    if isinstance(value, tuple):
        return [loosened(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return np.float64(value) if isinstance(value, float) else np.int64(value) if type(value) is int else value


@pytest.mark.parametrize("kind", [k for k in CONFIGS if k is not Config], ids=lambda kind: kind.__name__)
def test_a_number_is_the_same_whatever_type_it_came_in(kind):
    for one in sample(kind, 40):
        fields = {f.name: loosened(getattr(one, f.name)) for f in dataclasses.fields(kind)}
        other = kind(**fields)
        assert other == one
        assert json.dumps(config.canonical(other)) == json.dumps(config.canonical(one))
        assert all(type(getattr(one, n)) is type(getattr(other, n)) for n in fields)


PRINT = "from tests.test_identity import *; print([config.key(run) for kind in RUNS for run in sample(kind, 30)])"


def test_keys_are_the_same_in_every_process():
    said = [
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert said[0] == f"{[config.key(run) for kind in RUNS for run in sample(kind, 30)]}\n"


def test_going_on_from_initial_weights_is_not_going_on_from_final_ones():
    rewound, pretrained = (TrainRun(data=DENSE.data, start=start(DENSE)) for start in (Rewind, Pretrained))
    assert config.name(rewound) != config.name(pretrained)


def test_a_key_does_not_depend_on_what_was_named_first():
    whole, fraction = (TrainRun(training=Training(epochs=epochs)) for epochs in (4, 4.0))
    assert config.key(fraction) == config.key(whole)
    assert config.canonical(whole)["training"] == {"epochs": 4.0}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Training(epochs="4"), "epochs must be a number; got '4'"),
        (lambda: Training(epochs=float("nan")), "epochs must be a number; got nan"),
        (lambda: Training(batch_size=2.5), "batch_size must be a whole number; got 2.5"),
        (lambda: Training(batch_size=True), "batch_size must be a whole number; got True"),
        (lambda: Training(snapshot_epochs=([1],)), "each of snapshot_epochs must be a whole number; got [1]"),
        (lambda: Training(learning_rate=1j), "learning_rate must be a number; got 1j"),
        (lambda: Training(learning_rate=10**400), "learning_rate must be a number"),
        (lambda: TrainRun(data="cifar10"), "data must be a Data; got 'cifar10'"),
        (lambda: TrainRun(start=Data()), "start must be a Rewind or a Pretrained or a Published"),
        (lambda: Data(name=1), "name must be one of digit-scans"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_the_name_of_its_field(make, said):
    with pytest.raises(ConfigError) as error:
        make()
    assert said in str(error.value)
