"""The runs of artefacts that stand among the committed records."""

from collections.abc import Iterable
from itertools import product

from repro import config, paths
from repro.artefacts import REGISTRY, find_artefact
from repro.runs import committed
from repro.runs.record import Record
from repro.runs.store import with_parents


def recorded_runs(artefacts: Iterable[str], presets: Iterable[str]) -> list[tuple[config.Run, Record]]:
    """Every run of the grids, and those they need, with its committed record, each once. Raises ConfigError."""
    found: dict[tuple[str, int], tuple[config.Run, Record]] = {}
    for artefact, preset in product(artefacts, presets):
        known = committed.read_file(paths.recorded(find_artefact(artefact).id, preset))
        seeds = sorted({seed for _, seed in known})
        tasks = with_parents((arm.run, seed) for arm in REGISTRY[artefact].grid(preset) for seed in seeds)
        found |= {key: (run, known[key]) for run, s in tasks if (key := (config.name(run), s)) in known}
    return list(found.values())
