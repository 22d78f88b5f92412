"""What a notebook shows: tables, figures and the footer. No torch here, and no training.

Numbers become percent here and nowhere else.
"""

from repro.report.audit_figures import plot_deviations, plot_ranges
from repro.report.audit_tables import compare_fitted, count_checks, describe_limits, list_checks
from repro.report.class_figures import plot_difficulty, plot_overlaps, plot_places, plot_trees, plot_winning
from repro.report.class_tables import (
    check_printed,
    describe_order,
    describe_transfers,
    list_chains,
    list_tickets,
    list_transfers,
)
from repro.report.figures import plot_tickets
from repro.report.footer import footer
from repro.report.lotus_figures import plot_convergence, plot_dropped, plot_soups, plot_sparsities
from repro.report.lotus_tables import (
    compare_convergence,
    compare_costs,
    compare_soups,
    compare_sparsities,
    describe_load,
    describe_pretrained,
    list_essential,
)
from repro.report.patch_figures import (
    explore_paths,
    plot_adjustments,
    plot_columns,
    plot_conditions,
    plot_lines,
    plot_paths,
)
from repro.report.patch_tables import (
    check_criterion,
    compare_columns,
    compare_conditions,
    compare_controls,
    compare_lines,
    describe_price,
    describe_stand_ins,
    describe_turn,
    judge_reasons,
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
    "check_printed",
    "check_table13",
    "compare_columns",
    "compare_conditions",
    "compare_controls",
    "compare_convergence",
    "compare_costs",
    "compare_fitted",
    "compare_learners",
    "compare_lines",
    "compare_policies",
    "compare_soups",
    "compare_sparsities",
    "compare_tickets",
    "count_checks",
    "describe_consistency",
    "describe_dense",
    "describe_deviation",
    "describe_four",
    "describe_limits",
    "describe_load",
    "describe_order",
    "describe_pretrained",
    "describe_price",
    "describe_stand_ins",
    "describe_transfers",
    "describe_turn",
    "explore_paths",
    "footer",
    "judge_reasons",
    "list_agreement",
    "list_chains",
    "list_checks",
    "list_configurations",
    "list_essential",
    "list_perceptron",
    "list_selections",
    "list_slips",
    "list_tickets",
    "list_transfers",
    "plot_adjustments",
    "plot_columns",
    "plot_conditions",
    "plot_convergence",
    "plot_deviations",
    "plot_difficulty",
    "plot_dropped",
    "plot_errors",
    "plot_lines",
    "plot_overlaps",
    "plot_paths",
    "plot_places",
    "plot_ranges",
    "plot_soups",
    "plot_sparsities",
    "plot_subsets",
    "plot_tickets",
    "plot_trees",
    "plot_winning",
    "settings",
    "verdicts",
]
