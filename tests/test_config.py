from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from repro import config
from repro.config import ConfigError, Data, Model, Training, TrainRun
from tests.conftest import DENSE, on_ticket


def test_keys_of_published_runs_do_not_change():
    assert config.key(TrainRun()) == "8024bd9fef1d"
    assert config.key(on_ticket(epoch=0)) == "f359a8889aa7"


@pytest.mark.parametrize("part", ["train_images", "test_images", "skipped_images"])
def test_imagenet_is_only_used_whole(part):
    with pytest.raises(ConfigError, match="imagenet is only used whole"):
        Data("imagenet", **{part: 1000})
    assert getattr(Data("cifar10", **{part: 1000}), part) == 1000


def test_a_field_added_with_a_default_leaves_keys_alone():
    @dataclass(frozen=True)
    class Old:
        procedure: ClassVar[str] = "p"
        a: int = 1

    @dataclass(frozen=True)
    class New:
        procedure: ClassVar[str] = "p"
        b: str = "new"
        a: int = 1

    assert config.key(Old(a=2)) == config.key(New(a=2))
    assert config.key(New(a=2)) != config.key(New(a=2, b="other"))


def test_a_key_covers_the_history():
    other = replace(DENSE, training=replace(DENSE.training, epochs=4))
    assert config.key(on_ticket(DENSE)) != config.key(on_ticket(other))
    assert config.parents(on_ticket(DENSE, epoch=1)) == [DENSE]


def test_canonical_json_names_parents_and_leaves_defaults_out():
    body = config.canonical(on_ticket(epoch=0))
    assert body["ticket"]["source"] == config.name(DENSE)
    assert "draw" not in body
    assert config.canonical(TrainRun()) == {}


@pytest.mark.parametrize(
    ("make", "mend"),
    [
        (lambda: Training(epochs=-1), "at least 0"),
        (lambda: Training(augment="blur"), "crop-flip"),
        (lambda: Training(epochs=2, snapshot_epochs=(0, 3)), "cannot be rewound to epoch 3"),
        (lambda: on_ticket(sparsity=1.5), "[0, 1]"),
        (lambda: config.check_preset("huge"), "demo, pocket, gpu, paper"),
        (lambda: config.check_seeds([0, 0]), "distinct"),
        (lambda: config.check_seeds([True]), "whole numbers"),
        (lambda: config.check_seeds("0"), "whole numbers"),
    ],
)
def test_wrong_values_are_refused_with_what_is_allowed(make, mend):
    with pytest.raises(ConfigError) as error:
        make()
    assert mend in str(error.value)


def test_sizes_and_methods_are_separate_fields():
    assert config.key(TrainRun(model=Model(width=8))) != config.key(TrainRun(data=Data("digit-scans")))
