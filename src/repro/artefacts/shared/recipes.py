"""Training recipes that artefacts share: the published ones in full, and one for small data and short trainings.

Sources: Touvron et al. 2021 (DeiT, section 6 and table 9), Liang et al. 2022 (EViT's fine-tuning), Liu et al. 2021
(Swin, appendix A2), Jiang et al. 2021 (LV-ViT), and paper A's released scripts, which follow them.
"""

from dataclasses import replace

from repro.config import ConfigError, Training

# DeiT's recipe less what a small data set and a short training cannot use.
SMALL = Training(
    epochs=4,
    batch_size=32,
    optimizer="adamw",
    learning_rate=1.5e-3,
    schedule="cosine",
    warmup_epochs=0.5,
    weight_decay=0.05,
    decay_all=False,
    clip_norm=1.0,
    augment="none",
)
DEIT = Training(
    epochs=300,
    batch_size=1024,
    optimizer="adamw",
    learning_rate=1e-3,
    min_learning_rate=1e-5,
    schedule="cosine",
    warmup_epochs=5,
    weight_decay=0.05,
    decay_all=False,
    label_smoothing=0.1,
    mixup=0.8,
    cutmix=1.0,
    augment="deit",
)
SWIN = replace(DEIT, warmup_epochs=20, clip_norm=5.0, augment="deit-once")
LVVIT = replace(
    DEIT, learning_rate=1.6e-3, mixup=0.0, cutmix=0.0, ema_decay=0.99992, augment="deit-once"
)  # mix-token stands for mixup
RESNET50 = Training(
    epochs=90,
    batch_size=1024,
    optimizer="nesterov",
    learning_rate=0.2048,
    min_learning_rate=1e-6,
    schedule="cosine",
    warmup_epochs=3,
    weight_decay=2e-5,
    decay_all=False,
    label_smoothing=0.1,
    augment="inception",
)


def lasting(training: Training, epochs: float | None) -> Training:
    """The recipe for a number of epochs, its own for None. Raises ConfigError where that would train nothing."""
    if epochs is None:
        return training
    if epochs <= 0:
        raise ConfigError(f"epochs must be above 0; got {epochs:g}")
    return replace(training, epochs=epochs)


def finetuning(training: Training, epochs: float) -> Training:
    """The recipe that fine-tunes a selector with its dropping on: EViT's rates relative to DeiT's, hardly any decay."""
    return replace(
        training,
        epochs=epochs,
        learning_rate=0.08 * training.learning_rate,
        min_learning_rate=0.002 * training.learning_rate,
        warmup_epochs=0.0,
        weight_decay=1e-6,
        snapshot_epochs=(),
    )
