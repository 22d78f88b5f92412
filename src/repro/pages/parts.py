"""The parts of the book that are written from data and included by its pages."""

from repro.pages.atlas import write_atlas
from repro.pages.history import write_claim_history
from repro.pages.site import write_power, write_scoreboard, write_speed


def write_parts() -> None:
    """Write all of them anew."""
    write_atlas()
    write_scoreboard()
    write_power()
    write_speed()
    write_claim_history()
