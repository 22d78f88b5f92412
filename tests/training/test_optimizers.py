"""Learning rates by formula, and which optimisers go on from a checkpoint as if they had never stopped."""

import contextlib
import json
import math

import pytest
import timm.optim
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from repro.config import ConfigError, Model, Training
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.training import optimizers
from repro.training.checkpoint import load_tensors, save_tensors
from repro.training.objective import Classification, Learner
from repro.training.precision import place

CPU = torch.device("cpu")
STEPS = 10  # an epoch


def rates(config):
    """The rate of every step."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.learning_rate)
    schedule = optimizers.make_schedule(optimizer, config, STEPS)
    found = []
    for step in range(round(config.epochs * STEPS)):
        schedule.step_update(step)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_multistep_rates_are_torchs_to_the_step():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2 * STEPS, 3 * STEPS], 0.1)
    expected = []
    for _ in range(4 * STEPS):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert rates(Training(epochs=4, learning_rate=0.1)) == pytest.approx(expected)


def test_cosine_rates_are_those_of_the_formula_after_a_linear_warm_up():
    config = Training(epochs=4, learning_rate=0.1, schedule="cosine", warmup_epochs=1, min_learning_rate=0.01)
    total = 4 * STEPS
    cosine = [0.01 + 0.09 * (1 + math.cos(math.pi * step / total)) / 2 for step in range(total)]
    warm = [1e-4 + (0.1 - 1e-4) * step / STEPS for step in range(STEPS)]
    assert rates(config) == pytest.approx(warm + cosine[STEPS:])


def test_deit_spares_norms_and_biases_from_decay_and_resnet_does_not():
    model = build_model(Model(width=4))
    all_decay = optimizers.make_optimizer(model, Training())
    spared = optimizers.make_optimizer(model, Training(decay_all=False))
    assert {g["weight_decay"] for g in all_decay.param_groups} == {1e-4}
    assert {g["weight_decay"] for g in spared.param_groups} == {0.0, 1e-4}
    assert not all_decay.param_groups[0]["nesterov"]


class Steps:
    """A tiny network on its way under an optimiser: convolution, attention, norms, parameters of every dimension."""

    def __init__(self, name):
        torch.manual_seed(0)
        self.model = place(VisionTransformer(8, 4, embed_dim=8, depth=1, num_heads=2, num_classes=3), CPU)
        config = Training(optimizer=name, learning_rate=1e-2, weight_decay=0.05, decay_all=False)
        self.optimizer = optimizers.make_optimizer(self.model, config)
        self.schedule = optimizers.make_schedule(self.optimizer, config, 1)

    def take(self, *steps):
        for step in steps:
            images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
            self.model(images).square().sum().backward()
            self.schedule.step_update(step)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return {n: t.clone() for n, t in self.model.state_dict().items()}


def resumes(name, file):
    """Whether a run broken off after three steps of seven ends as a whole one, to the bit; it has to move, too."""
    whole, first, second = Steps(name), Steps(name), Steps(name)
    start = whole.take()
    weights = first.take(0, 1, 2)
    tensors, plain = optimizers.pack_state(first.optimizer)
    save_tensors(file, tensors, plain)
    second.model.load_state_dict(weights)
    tensors, plain = load_tensors(file)
    optimizers.unpack_state(second.optimizer, tensors, plain)
    expected, found = whole.take(*range(7)), second.take(3, 4, 5, 6)
    assert all(t.isfinite().all() for t in expected.values())
    return any(not torch.equal(start[n], expected[n]) for n in start) and all(
        torch.equal(expected[n], found[n]) for n in expected
    )


@pytest.mark.parametrize("name", ["momentum", "adamw", "lion", "lamb", "madgrad", "adan", "adafactor", "nadamlegacy"])
def test_an_optimiser_goes_on_as_if_it_had_not_stopped(name, tmp_path):
    assert resumes(name, tmp_path / "state")


@pytest.mark.slow
@pytest.mark.parametrize("name", timm.optim.list_optimizers())
@pytest.mark.filterwarnings("ignore")
def test_those_that_go_on_exactly_are_allowed_and_no_others(name, tmp_path, monkeypatch):
    allowed = name in optimizers.ALLOWED.split()
    monkeypatch.setattr(optimizers, "ALLOWED", name)
    exact = False
    with contextlib.nullcontext() if allowed else contextlib.suppress(Exception):  # others may break in any way
        exact = resumes(name, tmp_path / "state")
    assert exact == allowed


def test_another_is_refused_with_a_list_of_those_that_are_not():
    with pytest.raises(ConfigError, match=r"'kron'.* choose one of adabelief, .*adamw, "):
        optimizers.make_optimizer(build_model(Model(width=4)), Training(optimizer="kron"))


def test_what_an_optimiser_holds_is_tensors_and_json(tmp_path):
    steps = Steps("nadamlegacy")
    steps.take(0, 1)
    tensors, plain = optimizers.pack_state(steps.optimizer)
    assert plain["state/0/m_schedule"] < 1
    assert all(isinstance(t, torch.Tensor) for t in tensors.values())
    assert json.loads(json.dumps(plain)).keys() == plain.keys()


VIT = Model("vit", width=16, depth=2, heads=2)


def learner_of(network=VIT, classes=10):
    patched = PatchNetwork(build_model(network, fused_attention=False))
    return Learner(patched, Classification(Training(), classes, 0), "fp32", CPU)


def test_a_vit_learns_slower_the_earlier_a_block_is():
    learner = learner_of()
    recipe = Training(optimizer="adamw", learning_rate=0.01, layer_decay=0.5, decay_all=False, weight_decay=0.1)
    optimizer = optimizers.make_optimizer(learner, recipe)
    optimizers.make_schedule(optimizer, recipe, STEPS).step_update(0)
    found = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    expected = {
        "patch_embed.proj.weight": (0.01 / 8, 0.1),
        "pos_embed": (0.01 / 8, 0.0),
        "cls_token": (0.01 / 8, 0.0),
        "blocks.0.attn.qkv.weight": (0.01 / 4, 0.1),
        "blocks.1.mlp.fc1.bias": (0.01 / 2, 0.0),
        "norm.weight": (0.01, 0.0),
        "head.weight": (0.01, 0.1),
    }
    for name, values in expected.items():
        assert found[id(learner.network.inner.get_parameter(name))] == pytest.approx(values), name
    assert len(found) == len(list(learner.parameters()))
    with pytest.raises(ConfigError, match=r"layer_decay 0.5 needs a network of blocks, a ViT"):
        optimizers.make_optimizer(learner_of(Model(width=4)), recipe)


def test_weight_decay_moves_by_a_cosine_and_what_is_spared_stays_spared():
    recipe = Training(epochs=2, optimizer="adamw", weight_decay=0.04, final_weight_decay=0.4, decay_all=False)
    optimizer = optimizers.make_optimizer(build_model(Model(width=4)), recipe)
    schedule, found = optimizers.make_schedule(optimizer, recipe, STEPS), []
    for step in range(2 * STEPS):
        schedule.step_update(step)
        found.append({group["weight_decay"] for group in optimizer.param_groups})
    expected = [0.4 - 0.36 * (1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)]
    assert [max(decays) for decays in found] == pytest.approx(expected)
    assert all(0.0 in decays for decays in found)


def test_gradients_are_clipped_together_or_each_by_itself():
    def clipped(**how):
        layers = nn.ModuleList([nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)])
        layers[0].weight.grad, layers[1].weight.grad = torch.full((2, 2), 3.0), torch.full((2, 2), 0.1)
        optimizers.clip_gradients(layers, Training(**how))
        return [layer.weight.grad.norm().item() for layer in layers]

    assert clipped() == pytest.approx([6.0, 0.2])
    together = clipped(clip_norm=1.0)
    assert math.hypot(*together) == pytest.approx(1.0, rel=1e-4)
    assert together[0] / together[1] == pytest.approx(30, rel=1e-4)
    assert clipped(clip_norm=1.0, clip_each=True) == pytest.approx([1.0, 0.2], rel=1e-4)


def test_the_averages_of_adam_are_those_asked_for():
    def betas(*asked):
        recipe = Training(optimizer="adamw", betas=asked)
        return optimizers.make_optimizer(build_model(Model(width=4)), recipe).param_groups[0]["betas"]

    assert betas(0.9, 0.95) == (0.9, 0.95)
    assert betas() == (0.9, 0.999)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"layer_decay": 0.0}, "layer_decay must lie above 0"), ({"betas": (0.9,)}, "betas must be two numbers")],
)
def test_parts_of_a_recipe_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Training(**wrong)
