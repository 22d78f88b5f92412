"""What a notebook shows: tables, figures and the footer. No torch here, and no training.

Numbers become percent here and nowhere else.
"""

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
from repro.report.sample_figures import plot_errors, plot_subsets
from repro.report.sample_tables import (
    check_table13,
    compare_learners,
    compare_policies,
    describe_consistency,
    describe_deviation,
    describe_four,
    list_configurations,
    list_perceptron,
    list_selections,
)
from repro.report.tables import banner, compare_tickets, describe_dense, list_slips, settings, verdicts

__all__ = [
    "banner",
    "check_criterion",
    "check_table13",
    "compare_columns",
    "compare_controls",
    "compare_learners",
    "compare_lines",
    "compare_policies",
    "compare_tickets",
    "describe_consistency",
    "describe_dense",
    "describe_deviation",
    "describe_four",
    "describe_price",
    "describe_stand_ins",
    "describe_turn",
    "explore_paths",
    "footer",
    "list_agreement",
    "list_configurations",
    "list_perceptron",
    "list_selections",
    "list_slips",
    "plot_adjustments",
    "plot_columns",
    "plot_errors",
    "plot_lines",
    "plot_paths",
    "plot_subsets",
    "plot_tickets",
    "settings",
    "verdicts",
]
