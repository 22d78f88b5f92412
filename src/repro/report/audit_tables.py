"""Tables of the audit: how many numbers agree, every check of a paper, and what few points can show."""

from typing import Any

from repro.artefacts.base import Results
from repro.audit import VERDICTS
from repro.report.tables import Table
from repro.runs.record import Record


def record_of(results: Results, paper: str) -> Record:
    """The record of a paper's audit."""
    return next(r for r in results.records if r.config["paper"] == paper)


def checks(results: Results) -> list[dict[str, Any]]:
    """The rows of every paper, each with its paper, in their order."""
    return [{"paper": r.config["paper"], **row} for r in results.records for row in r.details["rows"]]


def count_checks(results: Results) -> Table:
    """One line a paper and one for all: how many checks, how many of each verdict, and how many slips are harmless."""
    rows, papers = checks(results), [r.config["paper"] for r in results.records]
    groups = {paper: [row for row in rows if row["paper"] == paper] for paper in papers} | {"all": rows}
    return Table(count_group(name, group) for name, group in groups.items())


def count_group(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """One line of the count."""
    counts = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in VERDICTS}
    slips = sum(row["harmless"] for row in rows)
    return (
        {"paper": name, "checked": str(len(rows))}
        | {v: str(n) for v, n in counts.items()}
        | {"harmless among them": str(slips)}
    )


def list_checks(results: Results, *papers: str) -> Table:
    """Every check of some papers: place, printed, formula, recomputed with what rounding allows, verdict."""
    return Table(
        {
            "where and what": f"{row['where']}: {row['about']}",
            "printed": row["printed"],
            "recomputed from": row["formula"],
            "gives [rounding allows]": f"{row['recomputed']} [{row['allowed']}]"
            if row["allowed"]
            else row["recomputed"],
            "verdict": row["verdict"] + (", harmless" if row["harmless"] else ""),
            "note": row["note"],
        }
        for paper in papers
        for row in record_of(results, paper).details["rows"]
    )


def compare_fitted(results: Results) -> Table:
    """Printed coefficients of Table 3 of paper C beside those of the full rows that come nearest to them."""
    return Table(
        {
            "subset": row["subset"],
            "ρ_s printed": f"{row['rho_s']:.3f}",
            "ρ_s, best order": f"{row['rho_s_fitted']:.3f}",
            "off by": off(row["rho_s"], row["rho_s_fitted"]),
            "ρ_p printed": f"{row['rho_p']:.3f}",
            "ρ_p, best row": f"{row['rho_p_fitted']:.3f}",
            "off by\u00a0": off(row["rho_p"], row["rho_p_fitted"]),  # column names must differ
        }
        for row in record_of(results, "C").details["fitted"]
    )


def off(printed: float, fitted: float) -> str:
    """How far a coefficient is off, nothing where it rounds to what is printed."""
    return f"{fitted - printed:+.3f}" if abs(fitted - printed) > 5e-4 else ""


def describe_limits(results: Results) -> Table:
    """What the number of configurations allows a correlation to show, one line a table of paper C."""
    return Table(
        {
            "table": row["table"],
            "n": str(row["n"]),
            "|ρ_p| must reach": f"{row['critical_rho_p']:.3f}",
            "do": f"{row['rho_p_reaching']} of {row['rho_p']}",
            "|ρ_s| must reach": f"{row['critical_rho_s']:.3f}" if row["critical_rho_s"] else "cannot",
            "do\u00a0": f"{row['rho_s_reaching']} of {row['rho_s']}" if row["rho_s"] else "none printed",
            "least ρ_p": interval(row["least"]),
            "greatest ρ_p": interval(row["most"]),
        }
        for row in record_of(results, "C").details["limits"]
    )


def interval(values: list[float]) -> str:
    """A correlation and its interval."""
    return f"{values[0]:.3f} [{values[1]:.2f}, {values[2]:.2f}]"
