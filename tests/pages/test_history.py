"""The part of the method page on when each claim was written."""

import pandas as pd
import pytest

from repro import paths
from repro.pages.history import claim_history, write_claim_history

CLAIMS = [
    ("table1-a", "table1", "One is above two", "A, Table 1", "2026-11-20", "2026-11-21", "no", ""),
    ("table1-b", "table1", "Two is above one", "A, Table 1", "2026-11-24", "2026-11-21", "yes", "Seen first."),
    ("lotus-c", "lotus-soup", "Three is enough", "B, summary", "2026-11-21", "2026-11-21", "in part", ""),
    ("later-d", "subsets-table2", "Four is more", "C, Table 2", "2026-11-24", "", "no", ""),
]
RETIRED = [
    ("table1-old", "Two is above three", "it is not", "table1-a;table1-b"),
    ("table1-a", "1 > 2", "wording: spelled out", "table1-a"),
]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Four claims and two that were retired, one of them for its words alone."""
    columns = ["id", "artefact", "statement", "locator", "written", "first_record", "known", "note"]
    pd.DataFrame(CLAIMS, columns=columns).to_csv(tmp_path / "claims.csv", index=False)
    rows = [(name, said, "2026-11-20", "2026-11-24", why, by) for name, said, why, by in RETIRED]
    columns = ["id", "statement", "written", "retired", "why", "replaced_by"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "claims-retired.csv", index=False)
    monkeypatch.setattr(paths, "PUBLISHED", tmp_path)
    monkeypatch.setattr(paths, "BOOK", tmp_path)
    write_claim_history()
    return (tmp_path / "claim-history.md").read_text()


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_claims_are_counted_by_what_was_known_of_them(written):
    header, _, *rows = map(cells, written.split("\n\n")[0].splitlines())
    assert header[1:] == ["claims", "no record yet", *(f"known before: {word}" for word in ("no", "in part", "yes"))]
    assert rows == [
        ["A", "2", "0", "1", "0", "1"],
        ["B", "1", "0", "0", "1", "0"],
        ["C", "1", "1", "0", "0", "0"],
        ["all", "4", "1", "1", "1", "1"],
    ]


def test_every_claim_has_a_line_with_its_dates(written):
    lines = {cells(line)[0]: cells(line)[1:] for line in written.splitlines() if line.startswith("| `")}
    assert lines["`table1-b`: Two is above one"] == ["2026-11-24", "2026-11-21", "yes", "Seen first."]
    assert lines["`later-d`: Four is more"] == ["2026-11-24", "no record yet", "–", ""]


def test_what_was_retired_is_told_with_its_reason_and_what_stands_instead(written):
    part = written.partition("**Retired claims**")[2]
    expected = ["`table1-old`: Two is above three", "2026-11-20", "2026-11-24", "it is not", "`table1-a`, `table1-b`"]
    assert [cells(line) for line in part.splitlines() if line.startswith("| `")] == [expected]
    assert "1 more were worded anew" in part


def test_the_committed_part_is_what_the_claims_give():
    committed = (paths.BOOK / "claim-history.md").read_text()
    assert committed == claim_history(), "the claims have changed since; `repro publish` writes this part anew"
