"""The artefacts of the book, one module each: the grid of runs, and the frame those make."""

from repro.artefacts import (
    audit,
    figure1,
    figure2,
    figure3,
    figure3_turn,
    lotus_convergence,
    lotus_soup,
    lotus_sparsity,
    subsets_figure3,
    subsets_policies,
    subsets_table13,
    subsets_theory,
    table1,
    table2,
    table4,
)
from repro.artefacts.base import Artefact
from repro.config import PRESETS, ConfigError, Run, name, parents

MODULES = (
    table1,
    table2,
    figure1,
    figure2,
    figure3,
    figure3_turn,
    table4,
    lotus_sparsity,
    lotus_convergence,
    lotus_soup,
    subsets_policies,
    subsets_figure3,
    subsets_table13,
    subsets_theory,
    audit,
)
REGISTRY: dict[str, Artefact] = {m.ARTEFACT.id: m.ARTEFACT for m in MODULES}


def find_artefact(name: str) -> Artefact:
    """The artefact with this id. Raises ConfigError where there is none."""
    if name not in REGISTRY:
        raise ConfigError(f"unknown artefact {name!r}: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]


def find_run(wanted: str) -> Run:
    """The run of this name, among those of every artefact and preset and those they need.

    Raises ConfigError where there is none: an option of a notebook may have made it.
    """
    waiting = [arm.run for artefact in REGISTRY.values() for preset in PRESETS for arm in artefact.grid(preset)]
    seen: set[Run] = set()
    while waiting:
        run = waiting.pop()
        if run not in seen:
            if name(run) == wanted:
                return run
            seen.add(run)
            waiting += parents(run)
    raise ConfigError(f"no artefact has a run {wanted!r} at its own options; `repro status` lists those in your store")
