"""The artefacts of the book, one module each: the grid of runs, and the frame those make.

A module that holds an `ARTEFACT` is one; it stands in no list but the book's table of contents, whose order is theirs.
"""

import importlib
import pkgutil
import re

from repro import paths
from repro.artefacts.base import Artefact
from repro.config import PRESETS, ConfigError, Run, name, parents


def discover() -> dict[str, Artefact]:
    """Every artefact by its id, in the order of the table of contents; those that it lacks come last, by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = {module.ARTEFACT.id: module.ARTEFACT for module in modules if hasattr(module, "ARTEFACT")}
    contents = paths.BOOK / "_toc.yml"
    pages = re.findall(rf"{paths.PAGES.name}/([\w-]+)", contents.read_text()) if contents.exists() else []
    places = {name: place for place, name in enumerate(pages)}
    return {name: found[name] for name in sorted(found, key=lambda name: (places.get(name, len(places)), name))}


REGISTRY = discover()


def find_artefact(name: str) -> Artefact:
    """The artefact with this id. Raises ConfigError where there is none."""
    if name not in REGISTRY:
        raise ConfigError(f"unknown artefact {name!r}: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]


def all_runs() -> dict[str, Run]:
    """The runs of every artefact and preset at its own options, and those they need, by name."""
    waiting = [arm.run for artefact in REGISTRY.values() for preset in PRESETS for arm in artefact.grid(preset)]
    found: dict[str, Run] = {}
    while waiting:
        run = waiting.pop()
        if (known := name(run)) not in found:
            found[known] = run
            waiting += parents(run)
    return found


def find_run(wanted: str) -> Run:
    """The run of this name among all. Raises ConfigError where there is none: a notebook's option may have made it."""
    if run := all_runs().get(wanted):
        return run
    raise ConfigError(f"no artefact has a run {wanted!r} at its own options; `repro status` lists those in your store")
