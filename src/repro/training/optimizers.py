"""Optimisers and their learning rates, by timm, and the state of an optimiser as a checkpoint keeps it.

A training that was killed ends as one that was not, to the last bit, so only optimisers are allowed of which a test has
shown it (tests/training/test_optimizers.py goes over every one that timm lists). What is left out draws random numbers
of its own (kron), needs second derivatives (adahessian), or was made for a library that timm does not bring.
"""

import math
import re
from typing import Any

import timm.optim
import timm.scheduler
import torch
from torch import Tensor, nn

from repro.config import ConfigError, Training

ALLOWED = """
adabelief adadelta adafactor adafactorbv adafactorbvc adagrad adam adamax adamc adamp adamuon adamw
adamwlegacy adan adanw adopt adoptc adoptw cadafactor cadafactorbv cadafactorbvc cadamc cadamp cadamw cadan
cadanw cadopt cadoptc cadoptw clamb clambw claprop clion clionc cmars cnadamc cnadamw crmsproptf csgdc csgdp
csgdw lamb lambc lambcd lambcw lambw laprop lapropc larc lars lion lionc madgrad madgradw mars momentum muon
nadam nadamc nadamlegacy nadamuon nadamw nesterov nesterovw nlarc nlars nmuon novograd novogradc novogradw
radabelief radam radamlegacy radamw rmsprop rmsproptf rmsproptfc rmsproptfw sgd sgdc sgdp sgdw
"""
BLOCK, EMBEDDING = re.compile(r"\bblocks\.(\d+)\."), re.compile(r"\b(cls_token|reg_token|pos_embed|patch_embed)\b")
FUSED = ("sgd", "momentum", "adamw")  # that torch has a fused kernel for


def make_optimizer(model: nn.Module, config: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe, by its timm name. Raises ConfigError for one that is not allowed."""
    if config.optimizer not in ALLOWED.split():
        raise ConfigError(
            f"optimizer {config.optimizer!r} is not among those that go on from a checkpoint as if never stopped: "
            f"choose one of {', '.join(ALLOWED.split())}"
        )
    more: dict[str, Any] = {"fused": True} if config.optimizer in FUSED else {}
    if config.betas:
        more["betas"] = config.betas
    return timm.optim.create_optimizer_v2(
        group_by_depth(model, config) if config.layer_decay < 1 else model,
        opt=config.optimizer,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=0.9,
        filter_bias_and_bn=not config.decay_all,
        **more,
    )


def group_by_depth(model: nn.Module, config: Training) -> list[dict[str, Any]]:
    """Weights of a ViT by block and by whether they are decayed; what lies deeper learns faster, the head fastest.

    Raises ConfigError for a network without blocks.
    """
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    blocks = [int(found[1]) for name in names if (found := BLOCK.search(name))]
    if not blocks:
        raise ConfigError(f"layer_decay {config.layer_decay} needs a network of blocks, a ViT; set it to 1")
    top = max(blocks) + 2  # norm and head; embeddings are 0, the first block is 1
    spared: set[str] = getattr(model, "no_weight_decay", set)()
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name in names:
        weight = model.get_parameter(name)
        found = BLOCK.search(name)
        depth = int(found[1]) + 1 if found else 0 if EMBEDDING.search(name) else top
        decayed = config.decay_all or (weight.ndim > 1 and name not in spared)
        new = {
            "params": [],
            "lr_scale": config.layer_decay ** (top - depth),
            "weight_decay": config.weight_decay if decayed else 0.0,
        }
        groups.setdefault((depth, decayed), new)["params"].append(weight)
    return list(groups.values())


def clip_gradients(model: nn.Module, config: Training) -> None:
    """Scale gradients down to the norm that a recipe allows, all together or each weight's by itself."""
    if not config.clip_norm:
        return
    for weights in ([p] for p in model.parameters()) if config.clip_each else [model.parameters()]:
        nn.utils.clip_grad_norm_(weights, config.clip_norm)


class Schedule:
    """Learning rate and weight decay as functions of the step."""

    def __init__(self, rate: Any, optimizer: torch.optim.Optimizer, config: Training, steps: int) -> None:
        self.rate, self.optimizer, self.steps = rate, optimizer, steps
        self.first, self.last = config.weight_decay, config.final_weight_decay

    def step_update(self, step: int) -> None:
        """Set what holds for a step; weights that are not decayed stay so."""
        self.rate.step_update(step)
        if self.last is None:
            return
        decay = self.last + (self.first - self.last) * (1 + math.cos(math.pi * step / self.steps)) / 2
        for group in self.optimizer.param_groups:
            if group["weight_decay"]:
                group["weight_decay"] = decay


def make_schedule(optimizer: torch.optim.Optimizer, config: Training, steps_per_epoch: int) -> Schedule:
    """The learning rate by timm, whose epochs are our steps, and the weight decay.

    timm lets a milestone count one step before it, hence the 1: a rate holds for all steps of the epochs before it.
    """
    steps = max(1, math.ceil(config.epochs * steps_per_epoch))
    rate, _ = timm.scheduler.create_scheduler_v2(
        optimizer,
        sched=config.schedule,
        num_epochs=steps,
        decay_milestones=[round(share * steps) + 1 for share in config.milestones],
        decay_rate=0.1,
        min_lr=config.min_learning_rate,
        warmup_lr=config.learning_rate / 1000,
        warmup_epochs=round(config.warmup_epochs * steps_per_epoch),
        step_on_epochs=False,
        updates_per_epoch=1,
    )
    return Schedule(rate, optimizer, config, steps)


def pack_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What an optimiser holds, as tensors and as what JSON keeps; `state/3/exp_avg` is of the parameter number 3."""
    whole = optimizer.state_dict()
    parts = {f"state/{i}": slots for i, slots in whole["state"].items()}
    parts |= {f"group/{i}": group for i, group in enumerate(whole["param_groups"])}
    held = {f"{part}/{k}": v for part, slots in parts.items() for k, v in slots.items() if k != "params"}
    tensors = {name: v for name, v in held.items() if isinstance(v, Tensor)}
    plain = (bool, int, float, str, list, tuple, type(None))
    return tensors, {name: v for name, v in held.items() if isinstance(v, plain)}


def unpack_state(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
    """Give an optimiser what `pack_state` took from one like it."""
    groups = optimizer.state_dict()["param_groups"]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in (tensors | plain).items():
        part, number, slot = name.split("/", 2)
        if part == "state":
            state.setdefault(int(number), {})[slot] = lay_out(value, parameters[int(number)])
        else:
            was_tuple = isinstance(groups[int(number)].get(slot), tuple)
            groups[int(number)][slot] = tuple(value) if was_tuple else value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def lay_out(value: Any, weight: Tensor) -> Any:
    """A state as it lies beside its channels-last weight: fused kernels walk through the memory of both."""
    if not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype, requires_grad=False).copy_(value)
