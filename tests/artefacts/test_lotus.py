"""Paper B: what is asked of every preset, and what is made of the answers."""

import itertools
import math

import pandas as pd
import pytest

from repro import config
from repro.artefacts import lotus_convergence, lotus_soup, lotus_sparsity
from repro.artefacts.shared import lotus
from repro.config import ConfigError, MergedTicket, Pretrained, Published
from repro.report import lotus_figures, lotus_tables
from tests.artefacts.test_results import fake_results

MODULES = (lotus_sparsity, lotus_convergence, lotus_soup)


@pytest.mark.parametrize("preset", config.PRESETS)
def test_fine_tuning_sees_none_of_the_images_of_the_pretraining(preset):
    size = lotus.SIZES[preset]
    assert size.data.skipped_images == size.pretrained.data.train_images > 0
    assert isinstance(size.pretrained.start, Published) == (preset == "paper")
    for module in MODULES:
        for arm in module.grid(preset):
            assert arm.run.data == size.data
            assert isinstance(arm.run.start, Pretrained)


@pytest.mark.parametrize("preset", config.PRESETS)
def test_soups_and_what_they_are_compared_with_take_as_many_epochs(preset):
    size = lotus.SIZES[preset]
    for arm in lotus_soup.grid(preset):
        spent = lotus_soup.epochs_spent(arm.run, size)
        if arm.labels["arm"] in ("unpruned", "one-shot", "IMP", "ISP", "ISP, intersection"):
            assert spent == pytest.approx(size.soup_epochs)
        if arm.labels["arm"] == "ISP, denoisers on all images":
            extra = lotus_soup.ROUNDS * size.denoisers * (1 - size.share)
            assert spent == pytest.approx(size.soup_epochs + extra)


def test_a_round_of_soup_is_weak_trainings_of_the_network_in_orders_of_their_own():
    size = lotus.with_epochs("gpu", 20)
    steps = lotus_soup.steps_of(lotus_soup.cook(size, 0.3, lotus_soup.Soup()), size.pretrained)
    assert len(steps) == lotus_soup.ROUNDS + 2
    for before, after in itertools.pairwise(steps[:4]):
        assert isinstance(after.ticket, MergedTicket)
        weak = [part.source for part in after.ticket.parts]
        assert len({run.order for run in weak}) == size.denoisers == 5
        assert all(run.start == Pretrained(before) and run.ticket == before.ticket for run in weak)
    assert 1 - (1 - lotus_soup.prune_rate(0.3)) ** 3 == pytest.approx(0.3, abs=1e-5)


def test_a_budget_that_no_soup_can_keep_is_refused():
    with pytest.raises(ConfigError, match=r"takes 2.9 epochs .* budget=2"):
        lotus_soup.grid("pocket", budget=2)


def test_epochs_to_a_target_by_hand():
    history = [{"epoch": e, "accuracy": a} for e, a in ((0, 0.4), (1, 0.5), (2, 0.48), (3, 0.6))]
    assert lotus_convergence.epochs_to(history, 0.4) == 0
    assert lotus_convergence.epochs_to(history, 0.45) == pytest.approx(0.5)
    assert lotus_convergence.epochs_to(history, 0.54) == pytest.approx(2.5)  # half of the way from .48 to .6
    assert math.isnan(lotus_convergence.epochs_to(history, 0.61))


def curve(accuracies, seed=0):
    """Runs at 0, 10, 20 ... % pruned with these accuracies, all a tenth worse before fine-tuning."""
    return pd.DataFrame(
        {"pruned": round(0.1 * i, 1), "seed": seed, "accuracy": a, "history": [{"epoch": 0, "accuracy": a - 0.1}]}
        for i, a in enumerate(accuracies)
    )


@pytest.mark.parametrize(
    ("accuracies", "essential"),
    [
        ((0.6, 0.595, 0.59, 0.5), 0.2),  # at most one point each at 10 and 20 %
        ((0.6, 0.58, 0.6, 0.6), 0.0),  # a dip at 10 % ends it, whatever comes after
        ((0.6, 0.62, 0.61, 0.6), 0.3),  # none costs anything
    ],
)
def test_essential_sparsity_by_hand(accuracies, essential):
    assert lotus_sparsity.essential_sparsity(curve(accuracies), "after").tolist() == [essential]


def test_what_pruning_costs_is_counted_against_the_same_seed():
    frame = pd.concat([curve((0.6, 0.5), seed=0), curve((0.8, 0.75), seed=1)], ignore_index=True)
    rows = lotus_sparsity.losses(frame)
    assert rows[rows["pruned"] == 0.1]["after"].tolist() == pytest.approx([0.1, 0.05])


def accuracy_of(labels, seed):
    """Tickets .8, all else .7; seeds .001 apart."""
    return (0.8 if labels.get("arm") == "LT" else 0.7) + seed / 1000


def test_convergence_counts_epochs_to_the_run_on_all_patches():
    # Runs rise from a tenth below their end to it by half of 8 epochs. Near is .69: for all patches nine tenths of that
    # rise, 3.6 epochs; tickets start at .70, above it.
    results = fake_results(lotus_convergence.ARTEFACT, accuracy_of)
    rows = lotus_convergence.convergence(results.frame).set_index(["arm", "dropped"])
    assert rows.loc[("all patches", 0.0), "epochs"].tolist() == pytest.approx([3.6] * 3)
    assert rows.loc[("LT", 0.1), "epochs"].tolist() == [0, 0, 0]
    values = lotus_convergence.claim_values(results.frame)
    assert values["lotus-convergence-faster"].tolist() == pytest.approx([3.6 / 8] * 3)
    assert values["lotus-convergence-gap"].tolist() == pytest.approx([0.1] * 3)
    assert values["lotus-convergence-sink"].tolist() == pytest.approx([0.1] * 3)
    assert values["lotus-convergence-both"].tolist() == pytest.approx([0.0] * 3)
    scoring = results.frame[results.frame["arm"] == "LT"]["scoring"].iloc[0]
    assert scoring > 0
    assert values["lotus-convergence-cost"].tolist() == pytest.approx([3.6 / 8 - scoring] * 3)


def test_the_cost_until_near_counts_shorter_steps_and_the_scoring():
    """Tickets start below the target, so they take epochs of their own: 58 of 64 patches and the class token a step."""
    results = fake_results(lotus_convergence.ARTEFACT, lambda labels, seed: 0.7)
    row = results.frame[(results.frame["arm"] == "LT") & (results.frame["dropped"] == 0.1)].iloc[0]
    assert row["step"] == pytest.approx(59 / 65, abs=0.01)
    assert results.frame[results.frame["arm"] == "RC"]["scoring"].eq(0).all()
    saved = 3.6 / 8 - row["step"] * 3.6 / 8 - row["scoring"]  # all get near at 3.6 of 8 epochs
    assert lotus_convergence.claim_values(results.frame)["lotus-convergence-cost"].tolist() == pytest.approx(
        [saved] * 3
    )


def test_levels_are_the_distance_from_the_papers_number():
    """After fine-tuning .76 at 30 % pruned; unpruned .95, ISSP .48 and so a drop of .47."""
    sparsity = fake_results(lotus_sparsity.ARTEFACT, lambda labels, seed: 0.76 if labels["pruned"] == 0.3 else 0.8)
    values = lotus_sparsity.claim_values(sparsity.frame)
    assert values["lotus-sparsity-level"].tolist() == pytest.approx([-0.03] * 3)
    ends = {"unpruned": 0.95, "ISSP, intersection, denoised on a tenth": 0.48}
    soup = fake_results(lotus_soup.ARTEFACT, lambda labels, seed: ends.get(labels["arm"], 0.5))
    values = lotus_soup.claim_values(soup.frame)
    assert values["lotus-soup-level"].tolist() == pytest.approx([-0.02] * 3)
    assert values["lotus-soup-drop"].tolist() == pytest.approx([-0.03] * 3)


def test_the_tables_of_paper_b_hold_a_line_for_every_arm():
    shown = {
        lotus_sparsity: (lotus_tables.compare_sparsities, lotus_figures.plot_sparsities),
        lotus_convergence: (lotus_tables.compare_convergence, lotus_figures.plot_convergence),
    }
    for module, (table, plot) in shown.items():
        results = fake_results(module.ARTEFACT, accuracy_of)
        assert len(table(results).frame) == len(results.arms)
        assert plot(results).axes
        assert "37,500 training images of CIFAR-10" in repr(lotus_tables.describe_pretrained(results))


SECONDS = "all epochs, measured seconds"


def test_convergence_is_drawn_by_epoch_and_by_token_and_never_by_second():
    figure = lotus_figures.plot_convergence(fake_results(lotus_convergence.ARTEFACT, accuracy_of))
    assert [axis.get_xlabel() for axis in figure.axes] == ["epochs", "million tokens"]


def test_seconds_are_left_out_where_speeds_differ():
    results = fake_results(lotus_convergence.ARTEFACT, accuracy_of, seeds=(0,))
    even = {"seconds": 60.0, "images_per_second": 100.0}
    for record in results.records:
        record.timing.update(even)
    # Half of the patches cost a little less than half of the FLOPs, so at one speed in images the factor is 1 / .48.
    assert "factor of 2.1" in lotus_tables.describe_load(results).text
    assert SECONDS not in lotus_tables.compare_costs(results).frame
    for arm, record in zip(results.arms, results.records, strict=True):
        record.timing["images_per_second"] = 100.0 / lotus_tables.step_macs(arm.run)
    assert "factor of 1.0" in lotus_tables.describe_load(results).text
    assert "cannot be compared" not in lotus_tables.describe_load(results).text
    assert SECONDS in lotus_tables.compare_costs(results).frame
    results.records[0].timing["images_per_second"] /= 2
    assert "cannot be compared" in lotus_tables.describe_load(results).text


def test_costs_are_multiples_of_the_run_on_all_patches():
    results = fake_results(lotus_convergence.ARTEFACT, accuracy_of)
    for record in results.records:
        record.timing["images_per_second"] = 100.0
    rows = lotus_tables.compare_costs(results).frame.set_index(["trained on", "dropped, %"])
    assert rows.loc[("all patches", "0.0"), "a step, FLOPs"] == "1.00"
    assert rows.loc[("RC", "10.0"), "scoring, FLOPs"] == "0.000"
    lt, pruned = (rows.loc[(arm, "10.0")] for arm in ("LT", "LT on pruned weights"))
    assert float(lt["a step, FLOPs"]) == pytest.approx(
        59 / 65, abs=0.01
    )  # tokens: 58 of 64 patches and the class token
    assert lt["all epochs with scoring, FLOPs"] == pruned["all epochs with scoring, FLOPs"]
    assert lt["until near, FLOPs"] == lt["scoring, FLOPs"].rstrip("0") or float(lt["until near, FLOPs"]) < 0.1
