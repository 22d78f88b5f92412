"""What an `AuditRun` does: recompute a paper's printed numbers. Nothing is trained and nothing is drawn at random."""

import dataclasses
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from repro import paths
from repro.audit import TABLES, Row, check_paper, count_verdicts
from repro.audit.limits import limits
from repro.audit.paper_c_supervised import details
from repro.config import AuditRun
from repro.procedures import Procedure
from repro.training.cost import timing

METRICS = {  # of a record, in the order of the verdicts
    "agrees": "agree",
    "agrees within rounding": "agree_within_rounding",
    "differs": "differ",
    "impossible": "impossible",
    "cannot be recomputed": "not_recomputable",
}


def audit(run: AuditRun, seed: int, folder: Path, folder_of: Callable[[Any], Path]) -> dict[str, Any]:
    """Every row of a paper's audit with its verdict; for paper C also what a table of correlations can show at all.

    The speed of the record is rows a second. The checksum of the data is that of the published numbers.
    """
    start = time.monotonic()
    rows = check_paper(run.paper)
    more = {"fitted": details(), "limits": limits()} if run.paper == "C" else {}
    return {
        "metrics": count(rows),
        "rows": [dataclasses.asdict(row) for row in rows],
        **more,
        "timing": timing(time.monotonic() - start, len(rows), torch.device("cpu")),
        "data": published_checksum(),
        "precision": "none",
    }


def count(rows: list[Row]) -> dict[str, float]:
    """How many numbers were checked, how many bear each verdict, and how many slips are harmless."""
    verdicts = {METRICS[verdict]: float(n) for verdict, n in count_verdicts(rows).items()}
    return {"checked": float(len(rows)), **verdicts, "harmless": float(sum(row.harmless for row in rows))}


def published_checksum() -> str:
    """First 12 hex digits of the SHA-256 over the published tables that the audit reads."""
    digest = hashlib.sha256()
    for table in TABLES:
        digest.update(table.encode() + (paths.PUBLISHED / f"{table}.csv").read_bytes())
    return digest.hexdigest()[:12]


PROCEDURE = Procedure(AuditRun, audit)
