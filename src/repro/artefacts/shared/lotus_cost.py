"""What a fine-tuning of paper B costs, in multiply-accumulates by formula, beside the one on all patches.

The paper prints no cost. Seconds depend on what else a machine had to do, so formulas are what a claim can rest on.
"""

from repro.artefacts.shared.flops import TRAINING, count_patches, scoring_macs, vit_macs
from repro.config import SelectRun, TrainRun
from repro.tickets.stages import round_up


def kept_patches(run: TrainRun) -> int:
    """Patches of an image that a fine-tuning sees; a ticket of paper B is cut once."""
    patches = count_patches(run.model)
    return round_up(run.patches.source.keep_rate * patches) if run.patches else patches


def step_macs(run: TrainRun) -> float:
    """A forward pass of a fine-tuning on what it sees; zeros are multiplied as anything else is."""
    return vit_macs(run.model, kept_patches(run))


def scoring_share(run: TrainRun, whole: TrainRun) -> float:
    """Scoring every training image once, in multiples of the whole fine-tuning on all patches."""
    if not run.patches or run.patches.choice != "ticket":
        return 0.0
    source: SelectRun = run.patches.source
    assert source.score is not None
    return scoring_macs(run.model, source.score) / (TRAINING * vit_macs(whole.model) * whole.training.epochs)
