"""What recorded runs reached on the machines they ran on: images, operations and texts a second."""

from collections import defaultdict
from functools import cache
from statistics import median

from repro import config
from repro.artefacts import REGISTRY
from repro.artefacts.shared.flops import TRAINING
from repro.artefacts.shared.work import IMAGES, forward_macs, needs_gpu, step_macs, work_of
from repro.config import TextRun, TrainRun
from repro.pages.site import as_table
from repro.report.recorded import recorded_runs
from repro.runs.record import Record

HOUR = 3600.0
DEIT_B = config.Model("vit", classes=1000, width=768, heads=12, patch_size=16, image_size=224)
DEIT_B_HOURS, DEIT_B_EPOCHS, V100 = 8 * 53, 300, 125e12  # of GPUs, by its authors; operations a second of one at most
DIGITS = 3


def number(value: float) -> str:
    """A number with three digits that count, at most."""
    if not value:
        return "0"
    rounded = float(f"{value:.{DIGITS}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:,.{DIGITS}g}"


def between(low: float, high: float) -> str:
    """A range."""
    return number(low) if number(low) == number(high) else f"{number(low)} to {number(high)}"


@cache
def evidence() -> list[tuple[config.Run, Record]]:
    """Recorded runs of every preset that is evidence."""
    return recorded_runs(REGISTRY, config.PRESETS[1:])


def measured() -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Images a second and operations a second of recorded trainings, by device and network."""
    found = defaultdict(list)
    for run, record in evidence():
        if isinstance(run, TrainRun) and "images_per_second" in record.timing and work_of(run):
            rate = record.timing["images_per_second"]
            found[record.provenance.device, run.model.name].append((rate, 2 * rate * step_macs(run)))
    return found


def rates() -> str:
    """What trainings on record reached, and what DeiT's authors did."""
    rows = [
        {
            "device": device,
            "network": name,
            "trainings": str(len(speeds)),
            "images/s, median": number(median(images for images, _ in speeds)),
            "billion operations/s, median": number(median(operations for _, operations in speeds) / 1e9),
        }
        for (device, name), speeds in sorted(measured().items())
    ]
    images = DEIT_B_EPOCHS * IMAGES["imagenet"][0]
    share = 2 * TRAINING * images * forward_macs(DEIT_B) / (DEIT_B_HOURS * HOUR * V100)
    said = (
        f"For comparison: {DEIT_B_EPOCHS} epochs of DeiT-B took its authors 53 hours on 8 GPUs; if those were V100s, "
        f"{share:.0%} of their peak."
    )
    return f"{as_table(rows)}\n\n{said}"


def core_rate() -> float:
    """Operations a second of one process on a CPU, the median over all recorded trainings."""
    return median(operations for speeds in measured().values() for _, operations in speeds)


def cpu_seconds() -> dict[str, float]:
    """Seconds of a run of each kind that needs no GPU, the median over what is on record; for texts, of one text."""
    found = defaultdict(list)
    for run, record in evidence():
        if not needs_gpu(run) and "seconds" in record.timing:
            per_text = 1 / record.timing["images_per_second"] if isinstance(run, TextRun) else record.timing["seconds"]
            found[run.procedure].append(per_text)
    return {kind: median(seconds) for kind, seconds in found.items()}
