"""The artefacts of the book, one module each: the grid of runs, and the frame those make."""

from repro.artefacts import figure1, figure2, figure3, table1, table2, table4
from repro.artefacts.base import Artefact
from repro.config import ConfigError

REGISTRY: dict[str, Artefact] = {m.ARTEFACT.id: m.ARTEFACT for m in (table1, table2, figure1, figure2, figure3, table4)}


def find_artefact(name: str) -> Artefact:
    """The artefact with this id. Raises ConfigError where there is none."""
    if name not in REGISTRY:
        raise ConfigError(f"unknown artefact {name!r}: choose one of {', '.join(REGISTRY)}")
    return REGISTRY[name]
