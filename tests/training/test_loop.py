from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from repro.artefacts.shared.recipes import RESNET50
from repro.config import Data, Model, Training
from repro.data import load_dataset
from repro.models import build_model
from repro.models.patched import PatchNetwork
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


def make_fit(config, folder=None, network=RESNET, **more):
    torch.manual_seed(0)
    dataset = load_dataset(Data("digit-scenes", 64, 32))
    patched = place(PatchNetwork(build_model(network, fused_attention=False)), CPU)
    loader = dataset.train_loader(config.batch_size, config.augment, 0, CPU)
    return loop.Fit(patched, loader, config, folder=folder, **more)


def checksum_of(fit):
    return checksum(fit.averaged.inner.state_dict())


class Interrupted(Exception):
    pass


def break_off(fit, stop, monkeypatch):
    """Run a training until step `stop`, where it is killed."""
    step = fit.train_step

    def train_step(learner):
        if fit.step == stop:
            raise Interrupted
        step(learner)

    monkeypatch.setattr(fit, "train_step", train_step)
    with pytest.raises(Interrupted):
        fit.run()


def check_resume(config, network, stop, folder, monkeypatch):
    """A training killed at step `stop` and taken up again ends as one that was not; returns the latter."""
    whole = make_fit(config, network=network)
    whole.run()
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    break_off(make_fit(config, folder, network), stop, monkeypatch)
    resumed = make_fit(config, folder, network)
    resumed.run()
    assert checksum_of(resumed) == checksum_of(whole)
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
    sums = {0: checksum_of(fit)}
    end_epoch = fit.end_epoch

    def note_weights(mean_loss):
        end_epoch(mean_loss)
        sums[fit.step // 4] = checksum_of(fit)

    fit.end_epoch = note_weights
    fit.run()
    assert len(set(sums.values())) == 4
    for epoch in (0, 2):
        assert checksum(loop.load_tensors(tmp_path / f"epoch-{epoch}.safetensors")[0]) == sums[epoch]
    assert not (tmp_path / "epoch-1.safetensors").exists()


def test_a_loss_that_is_not_a_number_stops_the_training():
    fit = make_fit(replace(RECIPES["sgd"], learning_rate=1e30))
    with pytest.raises(loop.Diverged, match="lower learning_rate"):
        fit.run()


def test_a_small_network_learns_the_digits():
    config = Training(epochs=4, batch_size=32, learning_rate=0.1, augment="none")
    dataset = load_dataset(Data("digit-scans"))
    torch.manual_seed(0)
    network = PatchNetwork(build_model(Model(width=8)))
    loop.Fit(network, dataset.train_loader(32, "none", 0, CPU), config).run()
    assert loop.evaluate(network, dataset.test_batches(CPU), "bf16")["accuracy"] > 0.9


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


def saved(folder):
    """Step and stamp of the checkpoint in a folder."""
    meta = loop.load_tensors(folder / loop.STATE_FILE)[1]
    return meta["step"], meta["stamp"]


def test_a_checkpoint_of_another_stamp_is_set_aside_with_what_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    config, stamp = RECIPES["sgd"], {"data": "old", "start": "same"}
    break_off(make_fit(config, tmp_path, stamp=stamp), 5, monkeypatch)
    step, kept = saved(tmp_path)
    assert step == 5
    assert kept == stamp | {"precision": make_fit(config).precision}
    whole, again = make_fit(config), make_fit(config, tmp_path, stamp={"data": "new", "start": "same"})
    whole.run()
    again.run()
    assert again.history == whole.history, "it starts afresh"
    said = capsys.readouterr().err
    assert "state.safetensors was begun with data old, here it is new; set aside as" in said
    assert "start" not in said
    assert (tmp_path / "state.safetensors.outdated-1").exists()


def test_a_checkpoint_of_another_precision_is_not_taken_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    break_off(make_fit(replace(RECIPES["sgd"], precision="fp32"), tmp_path), 5, monkeypatch)
    monkeypatch.setattr("repro.training.precision.multiplies_bf16", lambda device: True)
    make_fit(RECIPES["sgd"], tmp_path).resume()
    assert "precision fp32, here it is bf16" in capsys.readouterr().err


def test_a_training_that_leaves_all_numbers_behind_keeps_its_last_good_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    fit = make_fit(RECIPES["sgd"], tmp_path)
    step = fit.train_step

    def train_step(learner):
        step(learner)
        if fit.step == 6:
            next(fit.network.parameters()).data.fill_(float("nan"))

    fit.train_step = train_step
    with pytest.raises(loop.Diverged, match=r"epoch 2 is nan: lower learning_rate or set clip_norm"):
        fit.run()
    assert saved(tmp_path)[0] == 5
    whole, again = make_fit(RECIPES["sgd"]), make_fit(RECIPES["sgd"], tmp_path)
    whole.run()
    again.run()
    assert checksum_of(again) == checksum_of(whole)
