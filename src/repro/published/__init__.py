"""The papers' numbers as data: one CSV a table with the row each number stands in, and the claims tested here.

Accuracies are in [0, 1]. Numbers are what is printed, slips included; `slips` finds those that contradict each other.
`quotes.csv` holds what the papers say outside their tables, in our words, with the number where one is printed.
"""

import pandas as pd

from repro import paths


def read_table(artefact: str) -> pd.DataFrame:
    """The published table of an artefact, as printed."""
    return pd.read_csv(paths.PUBLISHED / f"{artefact}.csv")


def read_digits(table: str) -> pd.DataFrame:
    """A published table as text, so that trailing zeros stay; nothing printed is an empty text."""
    return pd.read_csv(paths.PUBLISHED / f"{table}.csv", dtype=str, keep_default_na=False)


def read_claims(artefact: str) -> pd.DataFrame:
    """The claims tested on an artefact: id, statement, the paper's value, kind and margin of the test, locator."""
    claims = pd.read_csv(paths.PUBLISHED / "claims.csv")
    return claims[claims["artefact"] == artefact].reset_index(drop=True)


def read_ticket(name: str) -> list[str]:
    """WordNet ids of a class ticket that paper C prints, PD-Bottom or ERC, in the order printed."""
    tickets = read_table("subsets-tickets")
    return tickets[tickets["subset"] == name]["wnid"].tolist()


def slips(table: pd.DataFrame) -> pd.DataFrame:
    """Rows whose printed difference is not LTH − RR, with the difference that is (`recomputed`)."""
    recomputed = (table["lth"] - table["rr"]).round(4)
    return table.assign(recomputed=recomputed)[(recomputed - table["difference"]).abs() > 5e-4]
