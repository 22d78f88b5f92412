"""Optimisers and their learning rates, by timm, and the state of an optimiser as a checkpoint keeps it.

A training that was killed ends as one that was not, to the last bit, so only optimisers are allowed of which a test has
shown it (tests/training/test_optimizers.py goes over every one that timm lists). What is left out draws random numbers
of its own (kron), needs second derivatives (adahessian), or was made for a library that timm does not bring.
"""

import math
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
FUSED = ("sgd", "momentum", "adamw")  # that torch has a fused kernel for


def make_optimizer(model: nn.Module, config: Training) -> torch.optim.Optimizer:
    """The optimiser of a recipe, by its timm name. Raises ConfigError for one that is not allowed."""
    if config.optimizer not in ALLOWED.split():
        raise ConfigError(
            f"optimizer {config.optimizer!r} is not among those that go on from a checkpoint as if never stopped: "
            f"choose one of {', '.join(ALLOWED.split())}"
        )
    fused: dict[str, Any] = {"fused": True} if config.optimizer in FUSED else {}
    return timm.optim.create_optimizer_v2(
        model,
        opt=config.optimizer,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        momentum=0.9,
        filter_bias_and_bn=not config.decay_all,
        **fused,
    )


def make_schedule(optimizer: torch.optim.Optimizer, config: Training, steps_per_epoch: int) -> Any:
    """The learning rate as a function of the step, by timm; its epochs are our steps.

    timm lets a milestone count one step before it, hence the 1: a rate holds for all steps of the epochs before it.
    """
    steps = max(1, math.ceil(config.epochs * steps_per_epoch))
    schedule, _ = timm.scheduler.create_scheduler_v2(
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
    return schedule


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
