"""The noise that the method page states is that of the records it names."""

import json
import re
import subprocess
from statistics import mean, stdev

import pytest

from repro import paths
from repro.stats import verdicts

METHOD = (paths.CHECKOUT / "book" / "method.md").read_text()
RECORDS = "4599249"  # the commit that the page names
LINES = {
    line.split("|")[1].strip(): line for line in METHOD.splitlines() if line.startswith("| ") and line.count("|") == 4
}


def records(name):
    """The records of a file as they were then."""
    command = ["git", "show", f"{RECORDS}:book/results/{name}.pocket.jsonl"]
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"commit {RECORDS} is not in this checkout's history")
    return [json.loads(line) for line in done.stdout.splitlines()]


def accuracy(file, name):
    found = next(r for r in records(file) if (r["name"], r["seed"]) == (name, 0))
    return found["provenance"]["device"].split("(")[0].split()[0], 100 * found["metrics"]["accuracy"]


def test_the_page_states_the_noise_that_verdicts_use():
    assert f"(records of commit {RECORDS})" in METHOD
    units = {
        "points of accuracy": "points",
        "hundredths of a correlation": "hundredths",
        "percent of the epochs": "percent",
    }
    stated = {units[words]: float(line.split("|")[2]) / 100 for words, line in LINES.items() if words in units}
    assert stated == pytest.approx(verdicts.NOISE)


def test_the_same_run_on_two_processors():
    line = LINES["points of accuracy"]
    assert accuracy("table1", "train-16bedd4f5537") == ("AMD", pytest.approx(56.96))
    assert accuracy("figure3", "train-16bedd4f5537") == ("Intel", pytest.approx(57.39))
    other_code = {
        r["provenance"]["code"] for name in ("figure1", "table1") for r in records(name) if "train" in r["name"]
    }
    assert accuracy("figure1", "train-16bedd4f5537") == ("AMD", pytest.approx(56.96))
    assert len(other_code) == 2, "two versions of the code alike"
    assert all(text in line for text in ("56.96 % on an AMD", "57.39 % on an Intel", "0.43 points"))
    apart = accuracy("table4", "train-e68289c528fb")[1] - accuracy("figure2", "train-e68289c528fb")[1]
    assert f"differs by {apart:.2f}" in line


def pearson(x, y):
    dx, dy = ([v - mean(values) for v in values] for values in (x, y))
    return sum(a * b for a, b in zip(dx, dy, strict=True)) / (sum(a * a for a in dx) * sum(b * b for b in dy)) ** 0.5


def test_all_texts_against_themselves_and_random_subsets():
    found = records("subsets-table13")
    row = {(r["name"], r["seed"]): [r["metrics"][f"accuracy_C{i}"] for i in range(1, 5)] for r in found}
    ticket = {r["name"]: r["config"].get("ticket") for r in found if "half" not in r["config"]}
    full = next(name for name, cut in ticket.items() if cut is None)
    seeds = sorted({seed for _, seed in row})
    assert len(seeds) == 10
    own = []
    for seed in seeds:
        others = [mean(column) for column in zip(*(row[full, s] for s in seeds if s != seed), strict=True)]
        own.append(pearson(others, row[full, seed]))
    random = [name for name, cut in ticket.items() if cut and cut["choice"] == "random"]
    drawn = mean(stdev(pearson(row[full, seed], row[name, seed]) for name in random) for seed in seeds)
    line = LINES["hundredths of a correlation"]
    assert f"standard deviation of {100 * stdev(own):.0f} hundredths" in line
    assert f"of one seed has {100 * drawn:.0f}" in line


def reached(curve, goal):
    """Epochs until a curve, tested after every epoch, first reaches a goal; linear between tests."""
    for epoch in range(1, len(curve)):
        if curve[epoch] >= goal:
            return epoch - 1 + (goal - curve[epoch - 1]) / (curve[epoch] - curve[epoch - 1])
    return len(curve) - 1


def test_epochs_saved_where_one_curve_moves_by_the_noise():
    found = [r for r in records("lotus-convergence") if r["config"].get("curve") and "ticket" not in r["config"]]
    selections = {r["name"]: r["config"] for r in records("lotus-convergence") if r["name"].startswith("select")}
    whole = next(r for r in found if "patches" not in r["config"])
    (lt,) = (
        r
        for r in found
        if r["config"].get("patches", {}).keys() == {"source"}
        and (cut := selections[r["config"]["patches"]["source"]])["keep_rate"] == 0.9
        and cut["score"] == {}
    )
    everything, tickets = ([p["accuracy"] for p in r["history"]] for r in (whole, lt))

    def saved(of_all, of_lt):
        goal = everything[-1] + of_all - 0.01
        return 100 * (reached([a + of_all for a in everything], goal) - reached([a + of_lt for a in tickets], goal)) / 8

    moved = [abs(saved(*shift) - saved(0, 0)) for d in (-0.0043, 0.0043) for shift in ((d, 0), (0, d))]
    assert f"by up to {max(moved):.1f} percent" in LINES["percent of the epochs"]
    assert re.search(r"one of the two curves is moved by 0.43 points", LINES["percent of the epochs"])
