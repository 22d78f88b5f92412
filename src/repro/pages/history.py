"""When each claim was written and whether its result was known by then: a part of the method page.

It is written from `claims.csv` and `claims-retired.csv`, whose dates were read off the history of the first and off the
records.
"""

from typing import Any

import pandas as pd

from repro import paths, published
from repro.disk import write_bytes
from repro.pages.site import PAPERS, as_table

KNOWN = ("no", "in part", "yes")
NEVER = "no record yet"
WORDING = "wording"  # how the reason begins where nothing but words changed


def write_claim_history() -> None:
    """Write `book/claim-history.md`."""
    write_bytes(paths.BOOK / "claim-history.md", claim_history().encode())


def claim_history() -> str:
    """How many claims of each paper were written before their results, when each was, and those that were retired."""
    claims, retired = (published.read_table(name).fillna("") for name in ("claims", "claims-retired"))
    by_paper = {paper: claims[claims["locator"].str.startswith(f"{paper}, ")] for paper in PAPERS}
    parts = [as_table([count(paper, found) for paper, found in (by_paper | {"all": claims}).items()])]
    for paper, found in by_paper.items():
        parts.append(f"**Paper {paper}**")
        parts.append(as_table([as_row(claim) for claim in found.itertuples()]))
    return "\n\n".join([*parts, "**Retired claims**", describe_retired(retired)]) + "\n"


def count(paper: str, claims: pd.DataFrame) -> dict[str, str]:
    """How many claims have records, and of how many of these the result was known before they were written."""
    recorded = claims[claims["first_record"] != ""]
    found = {"paper": paper, "claims": str(len(claims)), NEVER: str(len(claims) - len(recorded))}
    return found | {f"known before: {word}": str((recorded["known"] == word).sum()) for word in KNOWN}


def as_row(claim: Any) -> dict[str, str]:
    """One line of the table of claims."""
    return {
        "claim": f"`{claim.id}`: {claim.statement}",
        "written": claim.written,
        "first record": claim.first_record or NEVER,
        "known before": claim.known if claim.first_record else "–",
        "note": claim.note,
    }


def describe_retired(retired: pd.DataFrame) -> str:
    """The claims that were replaced by others, and how many changed in their words alone."""
    words = retired["why"].str.startswith(WORDING)
    rows = [
        {
            "claim as it was": f"`{claim.id}`: {claim.statement}",
            "written": claim.written,
            "retired": claim.retired,
            "why": claim.why,
            "now": ", ".join(f"`{name}`" for name in claim.replaced_by.split(";")),
        }
        for claim in retired[~words].itertuples()
    ]
    said = (
        f"{words.sum()} more were worded anew and measure what they did; their older words stand in "
        "`src/repro/published/claims-retired.csv`."
    )
    return f"{as_table(rows)}\n\n{said}"
