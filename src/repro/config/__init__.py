"""What a run is: frozen dataclasses, the checks of their values, and their stable key."""

from repro.config.audit import AuditRun, Paper
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

Run = TrainRun | SelectRun | ShowRun | AuditRun

__all__ = [
    "PRESETS",
    "SCHEMA",
    "TICKETS",
    "AuditRun",
    "Augment",
    "Choice",
    "ConfigError",
    "CountedOver",
    "Data",
    "Fill",
    "Layout",
    "Model",
    "Paper",
    "PatchTicket",
    "Pretrained",
    "Rewind",
    "Run",
    "SelectRun",
    "ShowRun",
    "TrainRun",
    "Training",
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
