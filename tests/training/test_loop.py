from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from repro.artefacts.recipes import RESNET50
from torch import nn

from repro.config import Data, Model, Training
from repro.data import load_dataset
from repro.models import build_model
from repro.training import loop, precision
from repro.training.checkpoint import checksum
from repro.training.precision import place

CPU = torch.device("cpu")
RECIPES = {
    "sgd": Training(epochs=3, batch_size=16, learning_rate=0.05),
    "adamw, clip, ema, mixup": Training(
        epochs=3,
        batch_size=16,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="cosine",
        warmup_epochs=1,
        clip_norm=1.0,
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        ema_decay=0.9,
    ),
}


VIT, RESNET = Model("vit", width=16, depth=2, heads=2, drop_path=0.2), Model(width=4)


def make_fit(config, folder=None, network=RESNET):
    torch.manual_seed(0)
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    model = place(build_model(network, fused_attention=False), CPU)
    loader = dataset.train_loader(config.batch_size, config.augment, 0, CPU)
    return loop.Fit(model, loader, config, folder=folder)


class Interrupted(Exception):
    pass


def check_resume(config, network, stop, folder, monkeypatch):
    """A training killed at step `stop` and taken up again ends as one that was not; returns the latter."""
    whole = make_fit(config, network=network)
    whole.run()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    broken = make_fit(config, folder, network)
    step = broken.train_step

    def train_step(forward):
        if broken.step == stop:
            raise Interrupted
        step(forward)

    monkeypatch.setattr(broken, "train_step", train_step)
    with pytest.raises(Interrupted):
        broken.run()
    resumed = make_fit(config, folder, network)
    resumed.run()
    assert checksum(resumed.averaged.state_dict()) == checksum(whole.averaged.state_dict())
    assert resumed.history == whole.history
    assert resumed.seconds > 0
    return whole


@pytest.mark.slow
@pytest.mark.parametrize("network", [VIT, RESNET], ids=["vit", "resnet"])
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("stop", [1, 6, 8, 11])
def test_an_interrupted_training_ends_as_if_it_had_not_been(network, recipe, stop, tmp_path, monkeypatch):
    check_resume(RECIPES[recipe], network, stop, tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_long_training_is_compiled_and_so_is_its_resumption(tmp_path, monkeypatch):
    network, config = replace(VIT, drop_path=0.0), replace(RECIPES["adamw, clip, ema, mixup"], precision="fp32")
    compiler = Mock(side_effect=torch.compile)
    monkeypatch.setattr(torch, "compile", compiler)
    eager = make_fit(config, network=network)
    eager.run()
    assert compiler.call_count == 0
    monkeypatch.setitem(precision.COMPILE_FROM_STEPS, "cpu", eager.last_step)
    compiled = check_resume(config, network, 6, tmp_path, monkeypatch)
    assert compiler.call_count == 3  # whole, broken off, and taken up again with fewer steps to go
    for one, other in zip(compiled.history, eager.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)


def test_snapshots_are_the_weights_after_those_epochs(tmp_path):
    config = replace(RECIPES["sgd"], snapshot_epochs=(0, 2))
    fit = make_fit(config, tmp_path)
    sums = {0: checksum(fit.model.state_dict())}
    end_epoch = fit.end_epoch

    def note_weights(mean_loss):
        end_epoch(mean_loss)
        sums[fit.step // 4] = checksum(fit.model.state_dict())

    fit.end_epoch = note_weights
    fit.run()
    assert len(set(sums.values())) == 4
    for epoch in (0, 2):
        assert checksum(loop.load_tensors(tmp_path / f"epoch-{epoch}.safetensors")[0]) == sums[epoch]
    assert not (tmp_path / "epoch-1.safetensors").exists()


@pytest.mark.parametrize(
    ("config", "rates"),
    [
        (Training(epochs=4, learning_rate=0.1), {0: 0.1, 1: 0.1, 3: 0.01, 5: 0.001}),
        (Training(epochs=4, learning_rate=0.1, schedule="cosine"), {0: 0.1, 4: 0.05}),
        (Training(epochs=4, learning_rate=0.1, schedule="cosine", warmup_epochs=1), {0: 1e-4, 1: 0.05005}),
    ],
)
def test_learning_rates(config, rates):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.learning_rate)
    schedule = loop.make_schedule(optimizer, config, steps_per_epoch=2)
    for step, rate in rates.items():
        schedule.step_update(step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(rate), step


def test_deit_spares_norms_and_biases_from_decay_and_resnet_does_not():
    model = build_model(Model(width=4))
    all_decay = loop.make_optimizer(model, Training())
    spared = loop.make_optimizer(model, Training(decay_all=False))
    assert {g["weight_decay"] for g in all_decay.param_groups} == {1e-4}
    assert {g["weight_decay"] for g in spared.param_groups} == {0.0, 1e-4}
    assert not all_decay.param_groups[0]["nesterov"]


def test_a_loss_that_is_not_a_number_stops_the_training():
    fit = make_fit(replace(RECIPES["sgd"], learning_rate=1e30))
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        fit.run()


def test_a_small_network_learns_the_digits():
    config = Training(epochs=4, batch_size=32, learning_rate=0.1, augment="none")
    dataset = load_dataset(Data("digit-scans"))
    torch.manual_seed(0)
    model = build_model(Model(width=8))
    loop.Fit(model, dataset.train_loader(32, "none", 0, CPU), config).run()
    assert loop.evaluate(model, dataset.test_batches(CPU), "bf16")["accuracy"] > 0.9


def test_evaluate_counts_what_the_model_gets_right():
    class Constant(nn.Module):
        def forward(self, images):
            return torch.nn.functional.one_hot(torch.full((len(images),), 3), 10).float() * 50

    dataset = load_dataset(Data("digit-scenes"))
    found = loop.evaluate(Constant(), dataset.test_batches(CPU), "fp32")
    assert found["accuracy"] == pytest.approx(float((dataset.test.labels == 3).float().mean()))
    assert found["loss"] == pytest.approx(50 * (1 - found["accuracy"]), rel=1e-4)


def test_a_device_without_bf16_products_trains_in_fp32(monkeypatch):
    monkeypatch.setattr("repro.training.precision.multiplies_bf16", lambda device: False)
    assert make_fit(RECIPES["sgd"]).precision == "fp32"
    monkeypatch.setattr("repro.training.precision.multiplies_bf16", lambda device: True)
    assert make_fit(RECIPES["sgd"]).precision == "bf16"
    assert make_fit(replace(RECIPES["sgd"], precision="fp32")).precision == "fp32"


def test_bf16_and_fp32_agree_on_a_forward_pass():
    torch.manual_seed(0)
    model = build_model(Model(width=8)).eval()
    images = torch.randn(16, 3, 32, 32)
    with loop.autocast("bf16", CPU):
        fast = model(images).float()
    assert (fast - model(images)).abs().max() < 0.05 * model(images).abs().max()


def test_the_published_recipe_of_resnet_50_spares_norms_and_biases_as_the_authors_script_does():
    model = build_model(Model("resnet50"))
    groups = loop.make_optimizer(model, RESNET50).param_groups
    decay = {parameter: group["weight_decay"] for group in groups for parameter in group["params"]}
    found = {name: decay[parameter] for name, parameter in model.named_parameters()}
    weights = {f"{name}.weight" for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert found == {name: 2e-5 if name in weights else 0.0 for name in found}
    assert any("bn" in name for name in found.keys() - weights)
    assert "fc.bias" in found.keys() - weights
