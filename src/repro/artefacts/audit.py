"""The audit: every published number of the three papers that can be recomputed from others, recomputed.

One run a paper, the same at every preset: the papers' own numbers are all it needs, so its record is evidence at each.
"""

from typing import get_args

from repro.artefacts.base import Arm, Artefact
from repro.config import AuditRun, Paper


def grid(preset: str) -> list[Arm]:
    """One run a paper, whatever the preset."""
    return [Arm({"paper": paper}, AuditRun(paper)) for paper in get_args(Paper)]


ARTEFACT = Artefact("audit", "The published numbers, recomputed", "papers A, B and C", grid, exact=True)
