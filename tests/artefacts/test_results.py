"""Results from made-up records, so that every number of a page can be checked by hand."""

import math
from dataclasses import replace

import pytest

from repro import config, paths
from repro.artefacts import audit, base, figure3, subsets_figure3, table1, table2
from repro.artefacts.subsets_theory import LEARNERS
from repro.procedures import entry
from repro.published import read_claims
from repro.report import footer, tables, weight_figures, weight_tables
from repro.report.tables import first_training
from repro.runs import freshness, store
from repro.runs.provenance import provenance
from repro.runs.record import of_run, write
from repro.stats.verdicts import NotFinite


def fake_history(run, accuracy):
    """A run that is tested on its way starts a tenth below its end and gets there by half of its epochs."""
    if not getattr(run, "curve", False):
        return []
    last = run.training.epochs
    points = {0: accuracy - 0.1, last / 2: accuracy, last: accuracy}
    return [{"epoch": epoch, "accuracy": value, "seconds": 10.0 * epoch} for epoch, value in points.items()]


def fake_record(run, seed, accuracy, sparsity=0.0, **more):
    result = {
        "metrics": {"accuracy": accuracy, "loss": 1.0, "sparsity": sparsity, "sparsity_over_model": sparsity} | more,
        "history": fake_history(run, accuracy),
        "timing": {"seconds": 60.0},
        "data": "d",
        "precision": "bf16",
    }
    return of_run(run, seed, result, provenance(entry(run.procedure)))


def metrics(arm):
    """Other metrics: sparse evaluation is a tenth above dense for LT and below for RC.

    Of texts C1 to C4 are .8, .7, .6 and .75; a perceptron's learners err by .1 to .5, in theory by .01 more.
    """
    if "policy" in arm.labels and isinstance(arm.run, config.TextRun):
        return {f"accuracy_C{i}": value for i, value in enumerate((0.8, 0.7, 0.6, 0.75), start=1)}
    if "probe_angle" in arm.labels:
        errors = {name: (i + 1) / 10 for i, name in enumerate(LEARNERS)}
        predicted = {f"theory_{name}": value + 0.01 for name, value in errors.items()}
        return {f"error_{name}": value for name, value in errors.items()} | predicted
    ticket, patches = (getattr(arm.run, name, None) for name in ("ticket", "patches"))
    found = {"sparsity": getattr(ticket, "sparsity", 0.5) if ticket else 0.0}
    if patches:
        kept = patches.source.keep_rate ** (1 if patches.source.score else 3)
        sparse = 0.6 if arm.labels.get("arm") == "LT" else 0.4
        found |= {"accuracy_sparse": sparse, "accuracy_random": 0.3, "patch_sparsity": 1 - kept}
    return found


def fake_results(artefact, accuracy_of, seeds=(0, 1, 2), preset="pocket", **options):
    found = []
    for seed in seeds:
        for arm in artefact.grid(preset, **options):
            found.append((arm, seed, fake_record(arm.run, seed, accuracy_of(arm.labels, seed), **metrics(arm))))
    return base.assemble(artefact, preset, found)


def paper_like(labels, seed):
    """Dense .9; LTH .88 without rewinding and .895 with it; RR .85; seeds .001 apart."""
    if labels["round"] == 0:
        return 0.9 + seed / 1000
    lth = 0.895 if labels["rewound"] or labels["round"] == 8 else 0.88
    return (lth if labels["arm"] == "LTH" else 0.85) + seed / 1000


def rounded(values):
    return {name: value.round(6).tolist() for name, value in values.items()}


def test_claims_are_tested_on_the_values_they_name():
    """LTH − RR is .045 at the first sparsity and with rewinding, .03 elsewhere; rewinding brings .015."""
    values = table2.claim_values(fake_results(table2.ARTEFACT, paper_like).frame)
    assert rounded(values) == {
        "table2-matches": [0.005] * 3,
        "table2-gap": [pytest.approx((0.045 + 3 * 0.03) / 4, abs=1e-6)] * 3,
        "table2-rewound-gap": [0.045] * 3,
        "table2-rewinding": [0.015] * 3,
        "table2-gap-round-8": [0.045] * 3,
        **{f"table2-gap-round-{rounds}": [0.03] * 3 for rounds in (11, 13, 14)},
        **{f"table2-rewinding-round-{rounds}": [0.015] * 3 for rounds in (11, 13)},
    }


def test_table_1_claims():
    """Dense .8; RR .7; LTH above it by a hundredth of its sparsity, and at 71 % by .02 less with rewinding."""

    def accuracy(labels, seed):
        if labels["scope"] == "none":
            return 0.8
        if labels["arm"] == "RR":
            return 0.7
        hurt = 0.02 if labels["rewound"] and labels["nominal_sparsity"] == 0.71 else 0
        return 0.7 + 0.01 * labels["nominal_sparsity"] - hurt

    assert rounded(table1.claim_values(fake_results(table1.ARTEFACT, accuracy).frame)) == {
        "table1-no-gap": [pytest.approx(0.01 * (0.12 + 0.44 + 0.53 + 0.71) / 4)] * 3,
        "table1-low-matches": [pytest.approx(0.1 - 0.0012)] * 3,
        "table1-below": [pytest.approx(0.01 * (0.44 + 0.53 + 0.71) / 3)] * 3,
        "table1-rewound-plain": [-0.02] * 3,
        "table1-rewound-mean": [pytest.approx(-0.02 / 3, abs=1e-6)] * 3,
        "table1-short": [pytest.approx(0.1 - 0.0071 + 0.02)] * 3,
    }


def test_rewinding_that_hurts_does_not_meet_the_claim_that_it_raises_tickets():
    """A rewound ticket above RR and below the same ticket without rewinding: LTH .75, rewound .72, RR .7."""

    def accuracy(labels, seed):
        return {"RR": 0.7, "LTH": 0.72 if labels["rewound"] else 0.75}[labels["arm"]]

    values = table1.claim_values(fake_results(table1.ARTEFACT, accuracy).frame)
    assert (values["table1-rewound-plain"] < 0).all()
    assert (values["table1-rewound-mean"] < 0).all()


def test_the_comparison_puts_the_papers_number_beside_ours():
    table = weight_tables.compare_tickets(fake_results(table2.ARTEFACT, paper_like), table2.INDEX).frame
    row = table[(table["round"] == "14") & (table["rewound"] == "yes")].iloc[0]
    assert row["paper: LTH"] == "88.9"
    assert row["LTH − RR"] == "+5.6", "the slip is not copied"
    assert row["here, ResNet-20, width 16: LTH"] == "89.6"
    assert row["LTH − RR\u00a0"] == "+4.5 [+4.5, +4.5]"
    assert row["n"] == "3"
    unprinted = table[(table["round"] == "8") & (table["rewound"] == "yes")].iloc[0]
    assert unprinted["paper: LTH"] == "–"


def test_one_seed_has_no_interval_and_says_so():
    results = fake_results(table2.ARTEFACT, paper_like, seeds=(0,))
    assert "n = 1" in str(tables.banner(results))
    (matches,), (gap,) = (lines_of("table2", claim, results) for claim in ("table2-matches", "table2-gap"))
    assert (matches["verdict"], matches["here"]) == ("undecided", "+0.5 points, n = 1")
    assert (gap["verdict"], gap["here"]) == ("leans towards", "+3.4 points, n = 1")


def lines_of(artefact, claim, results):
    """The lines of a page's table of verdicts that a claim has, one a preset."""
    claims = read_claims(artefact)["id"].tolist()
    rows = tables.verdicts(results).frame.to_dict("records")
    each = len(rows) // len(claims)
    return rows[each * claims.index(claim) :][:each]


def test_a_claim_whose_value_is_no_number_is_an_error_that_names_it():
    def accuracy(labels, seed):
        return math.nan if labels["round"] == 14 and labels["rewound"] and seed == 1 else paper_like(labels, seed)

    with pytest.raises(NotFinite, match=r"claim table2-rewinding at pocket: .* got 0\.015, nan, 0\.015"):
        tables.verdicts(fake_results(table2.ARTEFACT, accuracy))


def test_demo_says_that_it_is_no_evidence():
    assert "not evidence" in str(tables.banner(fake_results(table2.ARTEFACT, paper_like, preset="demo")))


def commit(results):
    file = paths.recorded(results.artefact.id, results.preset)
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(write(r) + "\n" for r in results.records))


def keep_own(record):
    file = paths.run_folder(record.name, record.seed) / store.RECORD_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(write(record))


@pytest.mark.parametrize("artefact", [figure3.ARTEFACT, table1.ARTEFACT], ids=lambda artefact: artefact.id)
def test_a_run_that_two_artefacts_share_comes_from_the_records_of_the_page(artefact, monkeypatch):
    monkeypatch.setenv("REPRO_TRAIN", "never")
    accuracies = {"figure3": 0.5, "table1": 0.6}
    for other in (figure3.ARTEFACT, table1.ARTEFACT):
        commit(fake_results(other, lambda labels, seed, a=accuracies[other.id]: a, seeds=(0,)))
    shared = first_training(base.recorded(figure3.ARTEFACT, "pocket"))
    assert shared == first_training(base.recorded(table1.ARTEFACT, "pocket"))
    for found in (base.recorded(artefact, "pocket"), base.collect(artefact, "pocket")):
        assert set(found.frame["accuracy"]) == {accuracies[artefact.id]}
        assert found.find(shared, 0).metrics["accuracy"] == accuracies[artefact.id]


def test_own_records_and_committed_ones_are_not_mixed_on_a_page(monkeypatch):
    monkeypatch.setenv("REPRO_TRAIN", "never")
    commit(fake_results(table1.ARTEFACT, lambda labels, seed: 0.6, seeds=(0,)))
    own = fake_results(table1.ARTEFACT, lambda labels, seed: 0.5, seeds=(0,))
    for record in own.records[:-1]:
        keep_own(record)
    shared = first_training(own)
    found = base.collect(table1.ARTEFACT, "pocket", [0])
    assert set(found.frame["accuracy"]) == {0.6}, "own records of some runs stay off a page that has all from elsewhere"
    assert found.find(shared, 0).metrics["accuracy"] == 0.6
    keep_own(own.records[-1])
    found = base.collect(table1.ARTEFACT, "pocket", [0])
    assert set(found.frame["accuracy"]) == {0.5}
    assert found.find(shared, 0).metrics["accuracy"] == 0.5


def test_recorded_results_stand_beside_those_of_the_page(tmp_path):
    commit(fake_results(table2.ARTEFACT, paper_like))
    assert base.best_recorded(table2.ARTEFACT).preset == "pocket"
    assert base.recorded(table2.ARTEFACT, "pocket").seeds == (0, 1, 2)
    assert base.recorded(table2.ARTEFACT, "demo") is None
    lines = lines_of("table2", "table2-gap", fake_results(table2.ARTEFACT, paper_like, preset="demo"))
    assert lines[1]["claim"] == "the same, recorded at preset pocket"
    assert [line["here"] for line in lines] == ["+3.4 [+3.4, +3.4] points, n = 3"] * 2
    assert [line["verdict"] for line in lines] == ["holds (demo: no evidence)", "holds"]
    assert [line["after Holm"] for line in lines] == ["–", "yes"]


def test_the_footer_counts_runs_and_says_when_the_code_has_changed(monkeypatch):
    results = fake_results(table2.ARTEFACT, paper_like, seeds=(0,))
    rows = dict(footer.provenance(results).frame.values)
    assert rows["runs"] == "17 over seeds 0, 17.0 minutes of computing"
    assert rows["code"] == "fresh"
    assert rows["command"] == "make reproduce-table2 PRESET=pocket SEEDS=0"
    unsaid = replace(results, records=[replace(r, precision="not recorded") for r in results.records])
    assert dict(footer.provenance(unsaid).frame.values)["precision"] == "not recorded"
    foreign = replace(results, records=[replace(r, origin="other") for r in results.records])
    assert dict(footer.provenance(foreign).frame.values)["data (checksum)"] == "d, NOT the published data"
    monkeypatch.setattr(freshness, "code_digest", lambda entry: "other")
    assert dict(footer.provenance(results).frame.values)["code"] == (
        "made by another version of the code; `make refresh-table2 PRESET=pocket` recomputes them"
    )


@pytest.mark.parametrize(
    ("artefact", "larger"),
    [(table2, ["pocket", "gpu", "paper", None]), (subsets_figure3, ["pocket", None, None, None]), (audit, [None] * 4)],
)
def test_the_footer_leads_to_the_next_preset_that_asks_for_other_runs(artefact, larger):
    assert [footer.next_preset(artefact.ARTEFACT, preset) for preset in config.PRESETS] == larger


def test_the_figure_draws_every_point():
    results = fake_results(table2.ARTEFACT, paper_like)
    from repro.published import read_table

    figure = weight_figures.plot_tickets(results, read_table("table2"), "sparsity")
    assert figure.get_suptitle() == "here: ResNet-20, width 16"
    left, right = figure.axes
    assert left.get_title() == "without rewinding"
    dots = [line for line in right.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in dots] == [12, 12]  # four sparsities of three seeds, LTH and RR
    assert max(max(line.get_ydata()) for line in dots) == pytest.approx(89.7)
    assert min(min(line.get_xdata()) for line in dots) == pytest.approx(100 * 0.8**14)


def test_the_settings_say_how_the_ticket_was_found():
    rows = {tuple(row[:2]): row[2] for row in tables.settings(fake_results(table2.ARTEFACT, paper_like)).frame.values}
    assert rows["training", "epochs"] == "4"
    assert rows["ticket", "prunings before the last mask"] == "5"
    assert rows["ticket", "rewound to epoch"] == "1"
    assert ("model", "heads") not in rows


def test_the_settings_say_what_zero_means_and_leave_out_what_changes_nothing():
    table1_rows, table2_rows = (
        {tuple(row[:2]): row[2] for row in tables.settings(fake_results(artefact, lambda *_: 0.9)).frame.values}
        for artefact in (table1.ARTEFACT, table2.ARTEFACT)
    )
    assert table2_rows["data", "train images"] == table2_rows["data", "test images"] == "all"
    assert table2_rows["data", "skipped images"] == "none"
    assert table2_rows["training", "clip norm"] == "off"
    assert table2_rows["training", "mixup"] == "0"
    assert table1_rows["training", "decay all"] == "False"
    assert not {("data", "one in"), ("data", "draw")} & table2_rows.keys(), "all images are kept"
    assert table2_rows["training", "milestones"] == "0.5, 0.75"
    assert ("training", "milestones") not in table1_rows, "a cosine has none"


def test_tables_show_as_html_latex_and_text():
    table = weight_tables.list_slips(fake_results(table2.ARTEFACT, paper_like))
    assert '<th scope="col">' in table._repr_html_()
    assert "row 8" in table._repr_latex_()
    assert "+5.6" in repr(table)
