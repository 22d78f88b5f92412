"""The objective of each method."""

from typing import Any

from repro.config import DINO, MAE, Method, MoCo, MoCoV3, SwAV
from repro.models.patched import PatchNetwork
from repro.ssl.dino import SelfDistillation
from repro.ssl.mae import MaskedAutoencoder
from repro.ssl.moco import BatchContrast, QueueContrast
from repro.ssl.pretext import Plan, Pretext
from repro.ssl.swav import SwappedAssignment

OBJECTIVES: dict[type, Any] = {
    MoCo: QueueContrast,
    MoCoV3: BatchContrast,
    DINO: SelfDistillation,
    MAE: MaskedAutoencoder,
    SwAV: SwappedAssignment,
}


def make_objective(network: PatchNetwork, method: Method, plan: Plan, keep_collapsed: bool = False) -> Pretext:
    """The objective of a method for a network without outputs, on the plan's device.

    Raises ConfigError where the method does not fit the network or the data.
    """
    objective: Pretext = OBJECTIVES[type(method)](network, method, plan, keep_collapsed)
    objective.state.to(plan.device)
    objective.ranks.join(objective.state, plan.device)
    return objective
