"""The pages of class tickets from made-up records, so that every number can be checked by hand."""

import math
import re

import pytest

from repro import published
from repro.artefacts import base, subsets_figure3, subsets_policies
from repro.config import ChooseRun, ConfigError, ConsistencyRun, TransferRun
from repro.procedures import choose as policies
from repro.procedures import entry
from repro.procedures import rank as consistency
from repro.report import class_figures, class_tables, tables
from repro.report.class_figures import cut, end_label, grow_tree, outline
from repro.runs.provenance import provenance
from repro.runs.record import of_run
from repro.stats.verdicts import Exact

# entity > (animal > (cat, dog), tool > box > saw); classes 0 cat, 1 dog, 2 saw
TREE = {
    "words": ["entity", "animal", "tool", "cat", "dog", "box", "saw"],
    "parents": [-1, 0, 0, 1, 1, 2, 5],
    "classes": [3, 4, 6],
    "ids": ["n01484850", "n02123045", "n04589890"],
}


def made_up(artefact, preset, record_of, seeds=(0, 1)):
    found = []
    for seed in seeds:
        for arm in artefact.grid(preset):
            about = {"data": "d", "precision": "none", "timing": {"seconds": 1.0}}
            record = of_run(arm.run, seed, record_of(arm, seed) | about, provenance(entry(arm.run.procedure)))
            found.append((arm, seed, record))
    return base.assemble(artefact, preset, found)


def policy_record(arm, seed):
    """Each policy keeps classes 0 and 1 but RS, which keeps 1 and 2; all 3 are there in all."""
    policy = arm.labels["policy"]
    kept = {"all classes": [0, 1, 2], "NiR": [0, 1, 2], "RS": [1, 2]}.get(policy, [0, 1])
    metrics = {"classes": len(kept), "siblings": {"RS": 0.5, "WEC": 0.2}.get(policy, 1.0) + seed / 100}
    metrics |= {f"accuracy_{m}": 0.8 - 0.1 * n for n, m in enumerate(("ViT", "DINO"))}
    metrics |= {"lead": 0.03, "lead_low": -0.01, "lead_high": 0.07}
    metrics |= {"easier": -0.3, "easier_low": -0.4, "easier_high": -0.2}
    if policy in subsets_policies.COMPARED:
        kept_at_random = 0.7 + seed / 10 if policy == "RS" else 0.75
        metrics |= {"draws": 200, "order_kept_at_random": kept_at_random, "lead_reached_at_random": 0.4}
    return {"metrics": metrics, "kept": kept, "tree": TREE}


@pytest.fixture
def chosen():
    return made_up(subsets_policies.ARTEFACT, "pocket", policy_record)


def test_claims_about_printed_tickets_are_exact_and_those_about_drawn_ones_have_a_value_a_seed(chosen):
    """The two models have .8 and .7 on the kept classes, so .75, and .3 more on the others."""
    values = subsets_policies.claim_values(chosen.frame)
    assert values["subsets-policies-hard"] == Exact(-0.3, "75.0 % on 2 classes, 105.0 % on the others")
    tried = Exact(0.4, "80 of 200 random tickets; 75 % keep the order at all")
    assert values["subsets-policies-bottom-chance"] == values["subsets-policies-erc-chance"] == tried
    assert values["subsets-policies-unlike"].tolist() == pytest.approx([-0.3, -0.3])  # WEC .2, RS .5
    table = tables.verdicts(chosen).frame
    assert table["here"][0] == "-30.0 points, exact: 75.0 % on 2 classes, 105.0 % on the others"
    assert table["verdict"].tolist()[:2] == ["holds", "contradicted"]
    assert table["here"][3].startswith("-30.0 [")


def test_what_was_not_measured_was_not_run():
    def without_models(arm, seed):
        record = policy_record(arm, seed)
        kept = {k: v for k, v in record["metrics"].items() if k in ("classes", "siblings")}
        return record | {"metrics": kept | {"clarity": 0.6}}

    results = made_up(subsets_policies.ARTEFACT, "demo", without_models)
    values = subsets_policies.claim_values(results.frame)
    assert all(values[f"subsets-policies-{name}"].empty for name in ("hard", "bottom-chance", "erc-chance"))
    assert tables.verdicts(results).frame["verdict"].tolist()[:3] == ["not run (demo: no evidence)"] * 3
    assert "plain to raters, %" in class_tables.list_tickets(results).frame
    assert "not measured" in str(class_tables.describe_order(results))
    assert class_figures.plot_difficulty(results).axes[0].lines[0].get_label() == "plain to raters"


def test_overlap_is_counted_against_chance(chosen):
    """Two of three classes each: chance is 2 * 2 / 3. PD-Top and PD-Mid share both, RS and PD-Top one."""
    found = subsets_policies.overlaps(chosen)
    assert found.loc["PD-Top", "PD-Mid"] == pytest.approx(2 / (4 / 3))
    assert found.loc["RS", "PD-Top"] == pytest.approx(1 / (4 / 3))
    assert math.isnan(found.loc["RS", "RS"])
    assert not set(subsets_policies.WHOLE) & set(found.columns)
    assert len(class_figures.plot_overlaps(chosen).axes[0].texts) == len(found) * (len(found) - 1)


def test_only_policies_that_draw_have_an_interval(chosen):
    table = class_tables.list_tickets(chosen).frame.set_index("policy")["with a sibling, %"]
    assert table["PD-Top"] == "100.0"
    assert table["RS"].startswith("50.5 [")


def test_the_printed_lists_are_compared_with_the_known_ids(chosen):
    """Of the three known ids the shark is on ERC's list, tabby on PD-Bottom's, and the window screen on both."""
    table = class_tables.check_printed(chosen).frame.set_index("printed list")
    assert table.loc["PD-Bottom", ["ids", "distinct", "unknown to ImageNet-1K"]].tolist() == ["100", "100", "98"]
    assert table.loc["ERC", ["ids", "unknown to ImageNet-1K", "sorted"]].tolist() == ["155", "153", "yes"]


def test_the_order_on_random_tickets_is_told(chosen):
    said = str(class_tables.describe_order(chosen))
    assert "75.0 [" in said
    assert "for each of 2 seeds" in said, "the printed tickets are tried as well, and are not RS"
    assert "change places (mean over seeds): none" in str(class_tables.describe_order(chosen))


def test_a_tree_drops_what_was_not_kept_and_nodes_with_one_child():
    root = grow_tree(TREE, {0, 1, 2})
    assert (root.name, root.classes) == ("entity", [0, 1, 2])
    assert [child.name for child in root.children] == ["animal", "saw"]
    assert grow_tree(TREE, {0, 1}).name == "animal"
    assert [node.name for node in cut(root, 2)] == ["animal", "saw"]
    lines = [(depth, node.name, ends) for depth, node, ends in outline(root, 2)]
    assert lines == [(0, "entity", False), (1, "animal", True), (1, "saw", True)]
    assert end_label(root.children[0], ["cat", "dog", "saw"]) == "animal (cat, dog)"


def test_the_figures_of_tickets_show_every_policy(chosen):
    rows = [label.get_text() for label in class_figures.plot_places(chosen).axes[1].get_yticklabels()]
    assert rows == [p for p, _ in subsets_policies.POLICIES if p not in subsets_policies.WHOLE]
    figure = class_figures.plot_trees(chosen, ["PD-Bottom, printed", "RS"], most=1)
    assert figure.axes[0].get_title(loc="left") == "PD-Bottom, printed: 2 classes"
    assert "cat" in {text.get_text() for text in figure.axes[0].texts}


def chain_record(arm, seed):
    if isinstance(arm.run, TransferRun):
        names = ("expected", "null_low", "null_high")
        metrics = {"both": 21, "picked_first": 155, "picked_second": 118, "p_more": 0.03, "p_more_alike": 0.2}
        metrics |= {f"{n}{kind}": 18.0 for n in names for kind in ("", "_alike")}
        return {"metrics": metrics | {"difference": 0.02, "low": -0.03, "high": 0.08}}
    shares = {"consistent": 0.36, "consistent_low": 0.33, "consistent_high": 0.39, "consistent_with_ties": 0.5}
    return {
        "metrics": shares | {"retest": 0.6, "by_chance": 1 / 6},
        "order": list(arm.run.models),
        "overall": [0.8] * len(arm.run.models),
        "tied": [0.1] * (len(arm.run.models) - 1),
        "winning": [0, 5],
        "winning_with_ties": [7],
        "classes": 1000,
        "bins": [[0.5] * 50] * len(arm.run.models),
    }


@pytest.fixture
def ranked():
    return made_up(subsets_figure3.ARTEFACT, "pocket", chain_record, seeds=(0,))


def test_claims_of_figure_3_are_counts_over_all_classes_and_agreement_against_chance(ranked):
    values = subsets_figure3.claim_values(ranked.frame)
    assert values["subsets-figure3-minority"] == Exact(0.36, "360 of 1,000 classes")
    assert values["subsets-figure3-transfer-chance"] == Exact(
        0.2, "21 classes in both, where exchanging marks gives 18.0"
    )
    assert values["subsets-figure3-fifth"].empty, "nobody publishes the accuracy of a fifth model in each class"
    table = tables.verdicts(ranked).frame
    assert table["here"][0] == "+36.0 points, exact: 360 of 1,000 classes"
    assert table["verdict"].tolist()[:2] == ["holds", "contradicted"]


def test_the_printed_ticket_is_not_tested_on_digits():
    results = made_up(subsets_figure3.ARTEFACT, "demo", chain_record, seeds=(0,))
    values = subsets_figure3.claim_values(results.frame)
    assert values["subsets-figure3-transfer-chance"].empty
    assert values["subsets-figure3-minority"] == Exact(0.36, "36 of 100 classes")


def test_chains_stand_beside_the_papers_counts(ranked):
    table = class_tables.list_chains(ranked).frame
    assert table["paper's pool of that length, %"].tolist() == ["36.7", "15.5", "–"]
    assert table["consistent, %"][0] == "36.0 [33.0, 39.0]"
    assert "2 win, 1 more with ties" in class_figures.plot_winning(ranked).axes[0].get_title()


def test_tests_of_transfer_are_listed_and_counted(ranked):
    row = class_tables.list_transfers(ranked).frame.iloc[-1]
    assert row["consistent under"] == "printed ERC (155)"
    assert row["chance (95 % of it)"] == "18.0 (18 to 18)"
    assert row["difference of shares, points"] == "+2.0 [-3.0, +8.0]"
    said = str(class_tables.describe_transfers(ranked))
    assert "Of 6 tests, as they stand 6 have p ≤ 0.05, 0 after Holm's correction" in said


def test_the_same_records_are_no_evidence_of_another_preset(ranked, tmp_path):
    from repro import paths
    from repro.runs.record import write

    file = paths.recorded("subsets-figure3", "pocket")
    file.parent.mkdir()
    file.write_text("".join(write(r) + "\n" for r in ranked.records))
    assert base.best_recorded(subsets_figure3.ARTEFACT).preset == "pocket"


def test_the_printed_tickets_are_what_the_paper_says():
    assert [len(published.read_ticket(name)) for name in ("PD-Bottom", "ERC")] == [100, 155]
    assert set(published.read_ticket("PD-Bottom")) & set(published.read_ticket("ERC")) == {"n04589890"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ChooseRun("best"), "policy must be one of all, printed, RS"),
        (lambda: ChooseRun("ERC"), "need difficulty = 'ImageNet-X'"),
        (lambda: ChooseRun("RS", count=1001), "count must lie in 1 to 1000"),
        (lambda: TransferRun("digit pairs", ("a", "b"), ("b", "c")), "without a common model"),
        (lambda: ConsistencyRun("words", ("a", "b")), "source must be one of digit pairs, ImageNet-X"),
    ],
)
def test_runs_that_make_no_sense_are_refused(make, said):
    with pytest.raises(ConfigError, match=said):
        make()


def test_an_unknown_model_is_named():
    with pytest.raises(ConfigError, match=r"no model 'ViT' in the pool; it has naive Bayes"):
        consistency.rank(ConsistencyRun("digit pairs", ("ViT", "naive Bayes")), 0, None, None)


def test_a_chain_of_digit_classifiers_is_ranked_and_recorded():
    run = subsets_figure3.grid("demo")[1].run
    found = consistency.rank(run, 0, None, None)
    assert found["metrics"]["consistent"] == len(found["winning"]) / 100
    assert found["metrics"]["consistent_with_ties"] == (len(found["winning"]) + len(found["winning_with_ties"])) / 100
    assert found["overall"] == sorted(found["overall"], reverse=True)


def test_a_policy_is_carried_out_on_the_real_classes_without_a_file(tmp_path):
    found = policies.choose(ChooseRun("printed", "ERC"), 0, tmp_path, None)
    assert len(found["kept"]) == found["metrics"]["classes"] == 155
    assert 0 < found["metrics"]["siblings"] < 1
    hardest, easiest = (policies.choose(ChooseRun(p), 0, tmp_path, None)["metrics"] for p in ("PD-Bottom", "PD-Top"))
    assert hardest["clarity"] < found["metrics"]["clarity"] < easiest["clarity"]


def test_records_hold_no_accuracy_of_a_model_in_one_class(tmp_path, monkeypatch):
    """With accuracies of six decimals, which no mean that is recorded has by chance, none stands in a record."""
    import numpy as np

    from repro import paths
    from repro.data import classes
    from tests.data.test_classes import write_pool

    rng = np.random.default_rng(0)
    secret = {m: (10 * rng.integers(10_000, 99_999, 1000) + 1) / 1e6 for m in classes.MODELS}
    write_pool(paths.data() / "imagenet" / classes.ACCURACY_FILE, **secret)
    runs = [a.run for a in subsets_policies.grid("pocket") if a.run.policy in ("ERC", "PD-Top", "RS")]
    texts = [str(policies.choose(run, 0, tmp_path, None)) for run in runs]
    texts.append(str(consistency.rank(subsets_figure3.grid("pocket")[1].run, 0, None, None)))
    recorded = {float(number) for text in texts for number in re.findall(r"\d+\.\d+", text)}
    assert len(recorded) > 50
    assert not recorded & {float(v) for values in secret.values() for v in values}
