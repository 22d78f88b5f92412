"""What was run is said by the records: every number in the text is theirs, and the text follows them."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from repro import config, paths
from repro.artefacts import REGISTRY, weights_turn
from repro.artefacts.base import best_recorded, is_same_everywhere, recorded
from repro.report.evidence import describe_images, filled, what_was_run
from repro.report.networks import describe_model, headings, name_model
from repro.runs.record import write
from tests.artefacts.test_results import fake_results

KINDS = (config.Model, config.Data, config.Training, config.TextTraining, config.PerceptronRun)  # with sizes
NUMBER = re.compile(r"(?<![\w-])\d[\d,]*(?:\.\d+)?(?![\w-])")  # not the 20 of ResNet-20


@pytest.fixture(autouse=True)
def committed_records(monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", paths.CHECKOUT / "book" / "results")


def recorded_results(name):
    found = recorded(REGISTRY[name], "pocket") or best_recorded(REGISTRY[name])
    return found or pytest.skip(f"{name} has no complete records")


def changed(results, **changes):
    """The same results with every record changed: whole fields, or entries of a field that is a mapping."""

    def change(record):
        found = {}
        for field, value in changes.items():
            old = getattr(record, field)
            found[field] = merged(old, value) if isinstance(value, Mapping) else value
        return replace(record, **found)

    return replace(results, records=[change(record) for record in results.records])


def merged(old, new):
    if dataclasses.is_dataclass(old):
        return replace(old, **new)
    return old | {k: merged(old.get(k, {}), v) if isinstance(v, Mapping) else v for k, v in new.items()}


def all_numbers(value):
    """Every number in nested JSON, those in texts too."""
    if isinstance(value, dict):
        return {n for item in value.values() for n in all_numbers(item)}
    if isinstance(value, list):
        return {n for item in value for n in all_numbers(item)}
    if isinstance(value, str):
        return {float(n) for n in re.findall(r"\d+(?:\.\d+)?", value)}
    return {float(value)} if isinstance(value, int | float) else set()


def parents_of(results):
    waiting = [(arm.run, seed) for arm in results.arms for seed in results.seeds]
    while waiting:
        run, seed = waiting.pop()
        for parent in config.parents(run):
            if record := results.find(parent, seed):
                yield record
                waiting.append((parent, seed))


@pytest.mark.parametrize("name", REGISTRY)
def test_every_number_in_the_text_is_in_its_records(name):
    results = recorded_results(name)
    lines = {write(r) for r in (*results.records, *parents_of(results))}
    known = {n for line in lines for n in all_numbers(json.loads(line))}
    known |= {
        float(f.default) for kind in KINDS for f in dataclasses.fields(kind) if isinstance(f.default, int | float)
    }
    metrics = [metric for metric in results.frame if metric.startswith("accuracy")]
    means = results.frame.groupby("run")[metrics].mean().to_numpy().ravel()
    if "show" in results.records[0].name:
        means = [r.metrics["accuracy"] for r in parents_of(results) if "accuracy" in r.metrics]
    known |= {round(100 * mean, 1) for mean in means}
    said = {float(n.replace(",", "")) for n in NUMBER.findall(what_was_run(results))}
    assert said - known == set()
    assert said or name.startswith("subsets")


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("table1", {"config": {"model": {"width": 41}}}, "width 41"),
        ("table1", {"config": {"model": {"depth": 7}}}, "7 blocks"),
        ("table1", {"config": {"model": {"patch_size": 2}}}, "patches of 2 pixels"),
        ("table1", {"config": {"model": {"name": "resnet20"}}}, "ResNet-20, width 96;"),
        ("table1", {"config": {"training": {"epochs": 31.0}}}, "31 epochs on"),
        ("table1", {"config": {"data": {"name": "cifar100"}}}, "all training images of CIFAR-100"),
        ("table1", {"config": {"data": {"train_images": 1234}}}, "1,234 training images of CIFAR-10"),
        ("table1", {"metrics": {"accuracy": 0.4321}}, "the dense network reaches 43.2 %"),
        ("table1", {"provenance": {"device": "NVIDIA H100"}}, "Preset pocket, NVIDIA H100, "),
        ("table2", {"config": {"model": {"width": 64}}}, "ResNet-20, width 64"),
        ("lotus-sparsity", {"config": {"training": {"epochs": 31.0}}}, "training images of CIFAR-10, then 31 epochs"),
        ("table4", {"config": {"training": {"epochs": 31.0}}}, "31 epochs"),
        ("subsets-table13", {"config": {"texts": {"name": "glosses"}}}, "texts of ImageNet-21k's glosses"),
        ("subsets-table13", {"metrics": {"accuracy_C2": 0.99}}, "to 99.0 %"),
        ("subsets-theory", {"config": {"dimensions": 17}}, "17 weights"),
        ("subsets-policies", {"metrics": {"accuracy_CLIP": 0.5}}, "CLIP"),
        ("subsets-figure3", {"config": {"models": ["CLIP"]}}, "CLIP"),
        ("audit", {"metrics": {"checked": 7.0}}, "7 of paper A"),
    ],
)
def test_the_text_follows_the_records(name, changes, words):
    results = recorded_results(name)
    assert words not in what_was_run(results)
    assert words in what_was_run(changed(results, **changes))


def test_records_of_other_code_are_called_stale():
    fresh = recorded_results("subsets-theory")
    assert what_was_run(fresh).endswith(", fresh.")
    assert what_was_run(changed(fresh, provenance={"code": "other"})).endswith(", stale.")
    half = replace(fresh, records=[*changed(fresh, provenance={"code": "other"}).records[:5], *fresh.records[5:]])
    assert f", 5 of {len(fresh.records)} runs stale." in what_was_run(half)


def test_accuracy_is_the_mean_over_seeds():
    results = recorded_results("figure3")
    dense = results.frame[results.frame["arm"] == "dense"]["accuracy"]
    assert len(dense) > 1
    assert f"the dense network reaches {100 * sum(dense) / len(dense):.1f} %" in what_was_run(results)


def test_a_claim_names_the_networks_it_is_about_and_no_others():
    results = recorded_results("table4")
    said = what_was_run(results, ["Swin-T", "DeiT-M"])
    assert said.startswith("In place of Swin-T: Swin, width 48, 6 blocks, patches of 4 pixels; 3 epochs on all")
    assert "In place of DeiT-M: ViT, width 144" in said
    assert "LV-ViT" not in said
    assert what_was_run(results, ["DeiT-S"]) == ""


def test_a_claim_of_an_artefact_with_networks_of_its_own_names_the_one_it_is_about():
    results = fake_results(weights_turn.ARTEFACT, lambda labels, seed: 0.5)
    said = what_was_run(results, ["ViT"])
    assert said.startswith(
        "ViT, width 96, 4 blocks, patches of 4 pixels; 4 and 8 epochs on all training images of CIFAR"
    )
    assert "ResNet" not in said
    assert "; ResNet" not in what_was_run(results), "one sentence a network"


def test_what_is_the_same_at_every_preset_says_so():
    results = recorded_results("audit")
    assert is_same_everywhere(results.artefact)
    assert "The same at every preset, " in what_was_run(results)


def test_networks_are_called_by_what_they_are():
    small = config.Model("vit", width=96, depth=4, patch_size=4)
    assert describe_model(small) == "ViT, width 96, 4 blocks, patches of 4 pixels"
    assert name_model(small) == "ViT, width 96, 4 blocks"
    assert describe_model(config.Model()) == "ResNet-20, width 16"
    assert describe_model(config.Model("resnet50")) == "resnet50 of timm"


def test_only_the_preset_of_the_paper_runs_the_papers_network():
    results = recorded_results("figure3")
    assert headings(results)["DeiT-T"] == "in place of DeiT-T: ViT, width 96, 4 blocks"
    paper = replace(results, preset="paper", arms=results.artefact.grid("paper"))
    assert headings(paper) == {
        "DeiT-T": "DeiT-T: ViT, width 192, 12 blocks",
        "DeiT-S": "DeiT-S: ViT, width 384, 12 blocks",
    }


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"classes": [1, 2]}, "all training images of some classes of CIFAR-10"),
        ({"one_in": 10}, "one training image in 10 of CIFAR-10"),
        ({"train_images": 500, "skipped_images": 20}, "500 other training images of CIFAR-10"),
    ],
)
def test_parts_of_the_data_are_named(said, words):
    assert describe_images(filled(config.Data, said)) == words
