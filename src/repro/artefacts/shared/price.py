"""What a patch ticket really costs: pretraining, selecting and training the student, against the dense training alone.

In multiply-accumulates by formula, and in seconds as the runs measured them. Seconds are of runs that shared a machine
with each other, so only their ratios mean something, and those roughly.
"""

import pandas as pd

from repro import config
from repro.artefacts.base import Results
from repro.artefacts.shared.flops import TRAINING, count_patches, selector_macs, vit_macs
from repro.config import Rewind, SelectRun, TrainRun
from repro.runs import store
from repro.tickets.stages import stage_counts


def ticket_price(results: Results) -> pd.DataFrame:
    """One row an LT run on stored tickets: its price as multiples of the dense run, by formula and as measured.

    `step`: the student's step. `whole`: dense run, fine-tuning if any, selection and student. `inference`: selecting
    and classifying an image.
    """
    rows = []
    for arm in results.arms:
        run = arm.run
        if arm.labels["arm"] == "LT" and isinstance(run, TrainRun) and run.patches and run.patches.fixed:
            rows += [arm.labels | {"seed": seed} | price(results, run, seed) for seed in results.seeds]
    return pd.DataFrame(rows)


def price(results: Results, run: TrainRun, seed: int) -> dict[str, float]:
    """The price of one student, in multiples of its selector's dense run."""
    assert run.patches is not None
    selection = run.patches.source
    found = selection.selector
    tuned = found.source if isinstance(found, Rewind) else found
    dense = next((p for p in config.parents(tuned) if isinstance(p, TrainRun)), tuned)
    chain: list[TrainRun | SelectRun] = list(dict.fromkeys([dense, tuned, selection, run]))
    timings = [find_timing(results, step, seed) for step in chain]
    macs = [spent(step, timing) for step, timing in zip(chain, timings, strict=True)]
    seconds = [timing["seconds"] for timing in timings]
    inference = selector_macs(tuned.model, selection.keep_rate) + student_macs(run)
    return {
        "step_flops": student_macs(run) / vit_macs(dense.model),
        "step_seconds": timings[0]["images_per_second"] / timings[-1]["images_per_second"],
        "whole_flops": sum(macs) / macs[0],
        "whole_seconds": sum(seconds) / seconds[0],
        "inference_flops": inference / vit_macs(dense.model),
    }


def student_macs(run: TrainRun) -> float:
    """A forward pass of a run's network on what it sees."""
    if run.patches:
        return vit_macs(run.model, stage_counts(count_patches(run.model), run.patches.source.keep_rate)[-1])
    return (
        vit_macs(run.model)
        if run.model.keep_rate == 1
        else selector_macs(run.model, run.model.keep_rate, to_the_end=True)
    )


def spent(run: TrainRun | SelectRun, timing: dict[str, float]) -> float:
    """Multiply-accumulates of a run; images that it went through again count again."""
    images = timing["seconds"] * timing["images_per_second"]
    if isinstance(run, SelectRun):
        source = run.selector.source if isinstance(run.selector, Rewind) else run.selector
        return images * selector_macs(source.model, run.keep_rate)
    return TRAINING * images * student_macs(run)


def find_timing(results: Results, run: TrainRun | SelectRun, seed: int) -> dict[str, float]:
    """What the record of a run says of its speed. Raises RunMissing."""
    record = results.find(run, seed)
    if record is None:
        raise store.RunMissing(f"{config.name(run)} seed {seed} has no record; carry it out with `repro run`")
    return record.timing
