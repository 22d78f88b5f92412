"""Every number that the three papers print and that others give, recomputed: rows with a verdict each.

No training and no torch: arithmetic on `published`. One or more modules a paper, with a
list of checks each; a check yields rows. What cannot be recomputed is listed as such and not left out.
"""

from repro.audit import (
    paper_a_patches,
    paper_a_weights,
    paper_b,
    paper_c_lists,
    paper_c_news,
    paper_c_ranks,
    paper_c_supervised,
)
from repro.audit.rows import VERDICTS, Row

CHECKS = {
    "A": (*paper_a_weights.CHECKS, *paper_a_patches.CHECKS),
    "B": paper_b.CHECKS,
    "C": (*paper_c_ranks.CHECKS, *paper_c_supervised.CHECKS, *paper_c_news.CHECKS, *paper_c_lists.CHECKS),
}

TABLES = (  # what the checks read of `published`
    "quotes",
    "subsets-settings",
    "subsets-table13",
    "subsets-table2",
    "subsets-table3",
    "subsets-table3-torchvision",
    "subsets-tickets",
    "table1",
    "table2",
    "table4",
)

__all__ = ["CHECKS", "TABLES", "VERDICTS", "Row", "check_paper", "count_verdicts"]


def check_paper(paper: str) -> list[Row]:
    """Every row of a paper, in the order of its checks. Raises KeyError for no paper of ours."""
    return [row for check in CHECKS[paper] for row in check()]


def count_verdicts(rows: list[Row]) -> dict[str, int]:
    """How many rows bear each verdict, all verdicts named."""
    return {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
