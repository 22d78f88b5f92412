"""Tables of weight tickets: LTH and RR of a published table beside ours, and the slips of that table."""

from typing import Any

import pandas as pd

from repro import published
from repro.artefacts.base import Results
from repro.artefacts.shared.weights import paired
from repro.report.networks import name_model
from repro.report.tables import Table, first_training, percent, with_interval


def compare_tickets(results: Results, index: list[str]) -> Table:
    """One line for each row of a weight-ticket table: the paper's LTH and RR, ours, and whether LTH beats RR."""
    ours = paired(results.frame, index)
    sparsities = results.frame.groupby(index)["sparsity"].mean()
    paper = published.read_table(results.artefact.id)
    rows, network = [], name_model(first_training(results).model)
    for values, group in ours.groupby(index, sort=False):
        row = dict(zip(index, values, strict=True))
        cells = _ticket_row(row, _paper_row(paper, row), sparsities.loc[values])
        rows.append(cells | _our_cells(network, group))
    return Table(rows)


def _ticket_row(row: dict[str, Any], paper: pd.DataFrame, sparsity: float) -> dict[str, str]:
    cells = {name.replace("_", " "): _cell(value) for name, value in row.items() if name != "rewound"}
    cells["rewound"] = "yes" if row["rewound"] else "no"
    cells["pruned, %"] = percent(sparsity)
    printed = {name: percent(paper[name].iloc[0]) if len(paper) else "–" for name in ("lth", "rr")}
    gap = percent(paper["lth"].iloc[0] - paper["rr"].iloc[0], signed=True) if len(paper) else "–"
    return cells | {"paper: LTH": printed["lth"], "RR": printed["rr"], "LTH − RR": gap}


def _our_cells(network: str, ours: pd.DataFrame) -> dict[str, str]:
    # Column names must differ from those of the paper's cells, so they carry a no-break space.
    cells = {f"here, {network}: LTH": percent(ours["LTH"].mean()), "RR\u00a0": percent(ours["RR"].mean())}
    return cells | {"LTH − RR\u00a0": with_interval(ours["difference"], signed=True), "n": str(len(ours))}


def _paper_row(paper: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    found = paper
    for name, value in row.items():
        if name in paper.columns:
            found = found[found[name] == value]
    return found


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def list_slips(results: Results) -> Table:
    """Rows of the published table whose difference is not what its own accuracies give."""
    found = published.slips(published.read_table(results.artefact.id))
    return Table(
        {
            "where": row.locator,
            "LTH": percent(row.lth),
            "RR": percent(row.rr),
            "difference printed": percent(row.difference, signed=True),
            "LTH − RR": percent(row.recomputed, signed=True),
        }
        for row in found.itertuples()
    )
