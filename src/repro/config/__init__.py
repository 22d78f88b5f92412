"""What a run is: frozen dataclasses, the checks of their values, and their stable key."""

from repro.config.audit import AuditRun, Paper
from repro.config.base import Config, ConfigError
from repro.config.checks import (
    PRESETS,
    TICKETS,
    check_keep_rate,
    check_preset,
    check_seeds,
    is_fixed,
)
from repro.config.classes import ChooseRun, ConsistencyRun, TransferRun
from repro.config.identity import SCHEMA, canonical, key, name, parents
from repro.config.images import (
    AttentionScore,
    Augment,
    Choice,
    CountedOver,
    Data,
    Fill,
    Layout,
    Merge,
    MergedTicket,
    Model,
    PatchTicket,
    Pretrained,
    Published,
    Rewind,
    Schedule,
    SelectRun,
    ShowRun,
    Training,
    TrainRun,
    WeightTicket,
)
from repro.config.samples import (
    TABLE_12,
    MarginChoice,
    PerceptronRun,
    SampleChoice,
    SampleTicket,
    TextRun,
    Texts,
    TextTraining,
)
from repro.config.ssl import (
    BACKBONE,
    DINO,
    MAE,
    MOCO_V2,
    EvaluateRun,
    Features,
    FineTuning,
    LinearProbe,
    Method,
    MoCo,
    MoCoV3,
    PretrainRun,
    SwAV,
)
from repro.config.views import Interpolation, Views

Run = (
    TrainRun
    | SelectRun
    | ShowRun
    | ChooseRun
    | ConsistencyRun
    | TransferRun
    | TextRun
    | PerceptronRun
    | AuditRun
    | PretrainRun
    | EvaluateRun
)

__all__ = [
    "BACKBONE",
    "DINO",
    "MAE",
    "MOCO_V2",
    "PRESETS",
    "SCHEMA",
    "TABLE_12",
    "TICKETS",
    "AttentionScore",
    "AuditRun",
    "Augment",
    "Choice",
    "ChooseRun",
    "Config",
    "ConfigError",
    "ConsistencyRun",
    "CountedOver",
    "Data",
    "EvaluateRun",
    "Features",
    "Fill",
    "FineTuning",
    "Interpolation",
    "Layout",
    "LinearProbe",
    "MarginChoice",
    "Merge",
    "MergedTicket",
    "Method",
    "MoCo",
    "MoCoV3",
    "Model",
    "Paper",
    "PatchTicket",
    "PerceptronRun",
    "PretrainRun",
    "Pretrained",
    "Published",
    "Rewind",
    "Run",
    "SampleChoice",
    "SampleTicket",
    "Schedule",
    "SelectRun",
    "ShowRun",
    "SwAV",
    "TextRun",
    "TextTraining",
    "Texts",
    "TrainRun",
    "Training",
    "TransferRun",
    "Views",
    "WeightTicket",
    "canonical",
    "check_keep_rate",
    "check_preset",
    "check_seeds",
    "is_fixed",
    "key",
    "name",
    "parents",
]
