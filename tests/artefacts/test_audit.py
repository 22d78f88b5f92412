"""The audit as an artefact: one record for every preset, its tables and figures."""

from collections import Counter
from dataclasses import replace

import pytest

from repro import config, paths
from repro.artefacts import REGISTRY, audit, base
from repro.config import AuditRun, ConfigError
from repro.procedures import entry
from repro.procedures.audit import METRICS
from repro.procedures.audit import audit as carry_out
from repro.report import audit_figures, audit_tables, tables
from repro.runs import schedule
from repro.runs.provenance import provenance
from repro.runs.record import of_run, read

pytestmark = pytest.mark.slow  # a whole audit takes seconds


@pytest.fixture(scope="module")
def results():
    found = []
    for arm in audit.grid("demo"):
        found.append((arm, 0, of_run(arm.run, 0, carry_out(arm.run, 0, None, None), provenance(entry("audit")))))
    return base.assemble(audit.ARTEFACT, "demo", found)


def test_it_is_the_same_at_every_preset_as_an_artefact_that_trains_is_not():
    assert len({tuple(config.name(arm.run) for arm in audit.grid(preset)) for preset in config.PRESETS}) == 1
    assert base.is_same_everywhere(audit.ARTEFACT)
    assert not base.is_same_everywhere(REGISTRY["table2"])
    assert not base.is_same_everywhere(REGISTRY["subsets-figure3"])


def test_it_is_published_at_the_smallest_preset(results, monkeypatch):
    monkeypatch.setattr(base, "recorded", lambda artefact, preset: replace(results, preset=preset))
    assert base.best_recorded(audit.ARTEFACT).preset == "demo"
    assert base.best_recorded(REGISTRY["table2"]).preset == "paper"


def test_one_seed_is_enough():
    assert [(arm.labels["paper"], seed) for arm, seed in base.plan(audit.ARTEFACT, "gpu")] == [
        ("A", 0),
        ("B", 0),
        ("C", 0),
    ]


def test_there_are_three_papers():
    with pytest.raises(ConfigError, match=r"paper must be one of A, B, C; got 'D'"):
        AuditRun("D")


def test_a_run_through_the_store_keeps_rows_and_counts():
    record = schedule.get_or_compute([(AuditRun("B"), 0)])[0]
    verdicts = Counter(row["verdict"] for row in record.details["rows"])
    assert record.metrics["checked"] == len(record.details["rows"]) == 6
    assert {METRICS[v]: n for v, n in verdicts.items()} == {
        k: v for k, v in record.metrics.items() if k in METRICS.values() and v
    }
    assert (record.precision, record.name) == ("none", config.name(AuditRun("B")))
    assert record.provenance.code


def test_the_committed_records_are_of_the_numbers_as_they_stand(results):
    for preset in ("demo", "pocket"):
        lines = (paths.BOOK / "results" / f"audit.{preset}.jsonl").read_text().splitlines()
        found = {r.name: r for r in map(read, lines)}
        for record in results.records:
            assert found[record.name].data == record.data, "renew them: make refresh-audit, then repro record"
            assert found[record.name].metrics == record.metrics


def test_the_banner_calls_it_evidence_at_any_preset(results):
    said = str(tables.banner(results))
    assert "The same at every preset" in said
    assert "not evidence" not in said


def test_the_count_adds_up(results):
    table = audit_tables.count_checks(results).frame.set_index("paper").astype(int)
    assert table.index.tolist() == ["A", "B", "C", "all"]
    verdicts = [c for c in table.columns if c not in ("checked", "harmless among them")]
    assert (table[verdicts].sum(axis=1) == table["checked"]).all()
    assert (table.loc[["A", "B", "C"]].sum() == table.loc["all"]).all()
    assert table.loc["all", "checked"] == results.frame["checked"].sum()


def test_every_check_is_listed_with_the_right_ones(results):
    table = audit_tables.list_checks(results, "A", "B").frame
    assert len(table) == results.frame["checked"][:2].sum()
    row = table[table["where and what"] == "A, Table 1, row 6: LTH − RR, 53 %, rewound"].iloc[0]
    assert (row["printed"], row["recomputed from"]) == ("-0.2", "78.6 − 76.8")
    assert (row["gives [rounding allows]"], row["verdict"]) == ("1.80 [1.70 to 1.90]", "differs")
    assert "agrees" in set(table["verdict"])
    assert "impossible, harmless" in set(table["verdict"])


def test_the_fitted_row_shows_what_is_off(results):
    table = audit_tables.compare_fitted(results).frame.set_index("subset")
    assert table.loc["PD-Mid", "off by"] == "-0.343"
    assert [name for name, off in table["off by"].items() if off] == ["NiR", "PD-Mid", "PD-Uniform"]


def test_limits_say_what_cannot_be_shown(results):
    table = audit_tables.describe_limits(results).frame.set_index("table")
    assert table.loc["Table 13", "do"] == "0 of 7"
    assert table.loc["Table 13", "|ρ_s| must reach"] == "cannot"
    assert table.loc["Tables 2 and 4", "|ρ_p| must reach"] == "0.754"


def test_the_figure_has_a_dot_for_every_number_and_a_name_for_every_slip(results):
    figure = audit_figures.plot_deviations(results)
    rows = [row for record in results.records for row in record.details["rows"] if row["numbers"]]
    dots = [
        line for axis in figure.axes for line in axis.lines if line.get_label() in ("agrees", "differs", "impossible")
    ]
    assert len(dots) == len(rows)
    slips = [row for row in rows if row["verdict"] in ("differs", "impossible")]
    assert sorted(text.get_text() for axis in figure.axes for text in axis.texts) == sorted(
        row["where"].partition(", ")[2] for row in slips
    )
    outside = [line for line in dots if abs(line.get_ydata()[0]) > 0.5 + 1e-6]
    assert len(outside) == len(slips)


def test_the_ranges_are_those_of_table_13(results):
    axis = audit_figures.plot_ranges(results).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [*(f"RS-{n}" for n in range(5)), "LT-0", "LT-1"]
    assert axis.lines[0].get_xdata()[0] == pytest.approx(0.764)
    assert "0.950" in axis.get_legend().texts[0].get_text()
