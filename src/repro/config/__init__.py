"""What a run is: frozen dataclasses, the checks of their values, and their stable key."""

from repro.config.checks import (
    PRESETS,
    TICKETS,
    ConfigError,
    check_choices,
    check_keep_rate,
    check_preset,
    check_seeds,
    is_fixed,
)
from repro.config.classes import ChooseRun, ConsistencyRun, TransferRun
from repro.config.identity import SCHEMA, canonical, key, name, parents
from repro.config.images import (
    Augment,
    Choice,
    CountedOver,
    Data,
    Fill,
    Layout,
    Model,
    PatchTicket,
    Pretrained,
    Rewind,
    SelectRun,
    ShowRun,
    Training,
    TrainRun,
    WeightTicket,
)

Run = TrainRun | SelectRun | ShowRun | ChooseRun | ConsistencyRun | TransferRun

__all__ = [
    "PRESETS",
    "SCHEMA",
    "TICKETS",
    "Augment",
    "Choice",
    "ChooseRun",
    "ConfigError",
    "ConsistencyRun",
    "CountedOver",
    "Data",
    "Fill",
    "Layout",
    "Model",
    "PatchTicket",
    "Pretrained",
    "Rewind",
    "Run",
    "SelectRun",
    "ShowRun",
    "TrainRun",
    "Training",
    "TransferRun",
    "WeightTicket",
    "canonical",
    "check_choices",
    "check_keep_rate",
    "check_preset",
    "check_seeds",
    "is_fixed",
    "key",
    "name",
    "parents",
]
