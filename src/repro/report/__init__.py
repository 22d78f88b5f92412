"""What a notebook shows: tables, figures and the footer. No torch here, and no training.

Numbers become percent here and nowhere else.
"""

from repro.report.audit_figures import plot_deviations, plot_ranges
from repro.report.audit_tables import compare_fitted, count_checks, describe_limits, list_checks
from repro.report.figures import plot_tickets
from repro.report.footer import footer
from repro.report.patch_figures import explore_paths, plot_adjustments, plot_columns, plot_lines, plot_paths
from repro.report.patch_tables import (
    check_criterion,
    compare_columns,
    compare_controls,
    compare_lines,
    describe_price,
    describe_stand_ins,
    describe_turn,
    list_agreement,
)
from repro.report.tables import banner, compare_tickets, describe_dense, list_slips, settings, verdicts

__all__ = [
    "banner",
    "check_criterion",
    "compare_columns",
    "compare_controls",
    "compare_fitted",
    "compare_lines",
    "compare_tickets",
    "count_checks",
    "describe_dense",
    "describe_limits",
    "describe_price",
    "describe_stand_ins",
    "describe_turn",
    "explore_paths",
    "footer",
    "list_agreement",
    "list_checks",
    "list_slips",
    "plot_adjustments",
    "plot_columns",
    "plot_deviations",
    "plot_lines",
    "plot_paths",
    "plot_ranges",
    "plot_tickets",
    "settings",
    "verdicts",
]
