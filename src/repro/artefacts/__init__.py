"""The artefacts of the book, one module each: the grid of runs, and the frame those make."""

from repro.artefacts import table1, table2
from repro.artefacts.base import Artefact
from repro.config import ConfigError

REGISTRY: dict[str, Artefact] = {a.id: a for a in (table1.ARTEFACT, table2.ARTEFACT)}


def find_artefact(name: str) -> Artefact:
    """The artefact with this id. Raises ConfigError where there is none."""
    if name not in REGISTRY:
        raise ConfigError(f"unknown artefact {name!r}: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]
