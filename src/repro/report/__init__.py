"""What a notebook shows: tables, figures and the footer. No torch here, and no training.

Numbers become percent here and nowhere else.
"""

from repro.report.figures import plot_tickets
from repro.report.footer import footer
from repro.report.tables import banner, compare_tickets, describe_dense, list_slips, settings, verdicts

__all__ = [
    "banner",
    "compare_tickets",
    "describe_dense",
    "footer",
    "list_slips",
    "plot_tickets",
    "settings",
    "verdicts",
]
