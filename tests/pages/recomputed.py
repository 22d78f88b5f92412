"""Values of claims from the JSON lines of `book/results` alone, by code that shares nothing with the package's.

Runs are told apart by the fields of their configs; fields at their default stand in no record. A seed counts where it
has as many records as any other of its file.
"""

import json
from collections import Counter, defaultdict
from math import log
from statistics import fmean

from repro import paths

EVIDENCE = ("paper", "gpu", "pocket")
RESULTS = paths.CHECKOUT / "book" / "results"


def seeds_of(artefact):
    """Records of each complete seed by name, at the largest preset that is evidence; nothing where none is recorded."""
    files = [RESULTS / f"{artefact}.{preset}.jsonl" for preset in EVIDENCE]
    file = next((file for file in files if file.exists()), None)
    by_seed = defaultdict(dict)
    for line in file.read_text().splitlines() if file else ():
        record = json.loads(line)
        by_seed[record["seed"]][record["name"]] = record
    most = max(map(len, by_seed.values()), default=0)
    return {seed: records for seed, records in sorted(by_seed.items()) if len(records) == most}


def accuracy(record, kind="accuracy"):
    return record["metrics"][kind]


def only(found):
    (record,) = found
    return record


def trainings(records, **fields):
    """Trainings whose config has these fields as they are given; None stands for a field that is not there."""
    found = [r for r in records.values() if r["name"].startswith("train-")]
    return [r for r in found if all(r["config"].get(field) == value for field, value in fields.items())]


def is_from_pretrained(record):
    return record["config"].get("start", {}).get("type") == "Pretrained"


def table1(records):
    dense = accuracy(only(trainings(records, ticket=None)))
    plain, rewound, random = {}, {}, {}
    for record in trainings(records):
        config = record["config"]
        if "ticket" in config:
            kind = random if "start" not in config else rewound if config["start"].get("epoch") else plain
            kind[config["ticket"]["sparsity"]] = accuracy(record)
    later = (0.44, 0.53, 0.71)
    return {
        "no-gap": fmean(plain[s] - random[s] for s in (0.12, *later)),
        "low-matches": dense - plain[0.12],
        "below": fmean(plain[s] - random[s] for s in later),
        "rewound-plain": rewound[0.71] - plain[0.71],
        "rewound-mean": fmean(rewound[s] - plain[s] for s in later),
        "short": dense - rewound[0.71],
    }


def table2(records):
    """Of several learning rates that of 0.1, which is the default; RR is told by the mask that it shares with LTH."""
    first = {n: r for n, r in records.items() if "learning_rate" not in r["config"].get("training", {})}
    dense = accuracy(only(trainings(first, ticket=None)))
    lth, masks = {}, {}
    for record in trainings(first):
        config = record["config"]
        if "start" in config:
            key = round(log(1 - config["ticket"]["sparsity"]) / log(0.8)), bool(config["start"].get("epoch"))
            lth[key], masks[json.dumps(config["ticket"])] = accuracy(record), key
    random = {masks[json.dumps(r["config"]["ticket"])]: accuracy(r) for r in trainings(first, draw=1)}
    found = {
        "matches": dense - lth[8, False],
        "gap": fmean(lth[n, False] - random[n, False] for n in (8, 11, 13, 14)),
        "rewound-gap": fmean(lth[n, True] - random[n, True] for n in (11, 13, 14)),
        "rewinding": lth[14, True] - lth[14, False],
    }
    found |= {f"gap-round-{n}": lth[n, False] - random[n, False] for n in (8, 11, 13, 14)}
    return found | {f"rewinding-round-{n}": lth[n, True] - lth[n, False] for n in (11, 13)}


def pairs(records):
    """(model as text, keep rate) -> LT, RC and the dense run of the same network; no control among them."""
    found = defaultdict(dict)
    for record in trainings(records):
        config = record["config"]
        if "patches" not in config:
            continue
        ticket = dict(config["patches"])
        selection = records[ticket.pop("source")]["config"]
        arm = {"{}": "LT", '{"choice": "random", "fixed": false}': "RC"}.get(json.dumps(ticket, sort_keys=True))
        dense = only(
            r
            for r in trainings(records, patches=None, model=config.get("model"))
            if r["config"].get("annotator") == config.get("annotator")
        )
        same_length = dense["config"]["training"].get("epochs") == config["training"].get("epochs")
        if arm and same_length and isinstance(selection["selector"], str):
            key = json.dumps(config.get("model")), selection["keep_rate"]
            found[key] |= {"dense": dense, arm: record}
            found[key].setdefault("selectors", {})[arm, selection["selector"]] = record
    return found


def figure3(records):
    """Each network selects for itself; the networks of the paper, smaller first, are told by their width."""
    rows = {}
    for (model, rate), found in pairs(records).items():
        own = {arm: r for (arm, selector), r in found["selectors"].items() if selector == found["dense"]["name"]}
        rows[model, rate] = {
            "dense": accuracy(found["dense"]),
            "LT dense": accuracy(own["LT"]),
            "RC dense": accuracy(own["RC"]),
            "LT sparse": accuracy(own["LT"], "accuracy_sparse"),
            "RC sparse": accuracy(own["RC"], "accuracy_sparse"),
            "RC random": accuracy(own["RC"], "accuracy_random"),
        }
    by_width = sorted({model for model, _ in rows}, key=lambda model: json.loads(model)["width"])
    tiny, small = (*by_width, None)[:2]

    def over(value, *rates, models=tuple(by_width)):
        return fmean(value(rows[model, rate]) for model in models for rate in rates)

    def sparse(row):
        return row["LT sparse"] - row["RC sparse"]

    def whole(row):
        return row["LT dense"] - row["RC dense"]

    def lost(row):
        return row["dense"] - row["LT sparse"]

    every = (0.9, 0.85, 0.8, 0.75)
    found = {
        "tiny-near": over(lost, 0.9, 0.85, models=[tiny]),
        "sparse-gap": over(sparse, *every),
        "own-gap": over(lambda row: row["LT sparse"] - row["RC random"], *every),
        "above": over(lambda r: min(r["LT dense"], r["LT sparse"]) - max(r["RC dense"], r["RC sparse"]), *every),
        "advantage": over(lambda r: r["LT sparse"] - max(r["LT dense"], r["RC dense"], r["RC sparse"]), 0.75),
        "sparse-trend": over(sparse, 0.75) - over(sparse, 0.9),
        "dense-trend": over(whole, 0.75) - over(whole, 0.9),
    }
    if small:
        found |= {"small-matches": over(lost, 0.9, models=[small]), "small-near": over(lost, 0.85, models=[small])}
    return found | {f"dense-gap-{100 * rate:.0f}": over(whole, rate) for rate in every}


def table4(records):
    names = {("swin", 0.9): "swin", ("swin", 0.8): "swin-half", ("lvvit", 0.85): "lvvit"}
    names |= {("vit", 0.95): "deit-m", (None, 0.9): "resnet"}  # resnet20 is the default
    columns = {}
    for (model, rate), found in pairs(records).items():
        columns[names[(json.loads(model) or {}).get("name"), rate]] = found
    gap = {name: accuracy(found["LT"]) - accuracy(found["RC"]) for name, found in columns.items()}
    lost = {name: accuracy(found["dense"]) - accuracy(found["LT"]) for name, found in columns.items()}
    sparse = {
        name: accuracy(columns[name]["LT"], "accuracy_sparse") - accuracy(columns[name]["RC"], "accuracy_sparse")
        for name in ("lvvit", "deit-m")
    }
    transformers = ("swin", "swin-half", "lvvit", "deit-m")
    mean = fmean(gap[name] for name in transformers)
    found = {"gap": mean, "contrast-gap": mean - gap["resnet"], "contrast-short": lost["resnet"] - lost["swin"]}
    found |= {f"{name}-matches": lost[name] for name in transformers}
    return found | {f"{name}-gap": gap[name] for name in transformers} | {"sparse-gap": fmean(sparse.values())}


def lotus_sparsity(records):
    runs = {r["config"].get("ticket", {}).get("sparsity", 0): r for r in trainings(records) if is_from_pretrained(r)}
    before = {sparsity: r["history"][0]["accuracy"] for sparsity, r in runs.items()}
    after = {sparsity: accuracy(r) for sparsity, r in runs.items()}
    return {
        "quoted": after[0] - after[0.3],
        "untrained": before[0] - before[0.3],
        "beyond-half": after[0] - after[0.6],
        "level": after[0.3] - 0.79,
    }


def epochs_until(record, goal):
    """When accuracy first reaches a goal, linear between tests; the last epoch where it never does."""
    before = record["history"][0]
    if before["accuracy"] >= goal:
        return 0.0
    for after in record["history"][1:]:
        if after["accuracy"] >= goal:
            share = (goal - before["accuracy"]) / (after["accuracy"] - before["accuracy"])
            return before["epoch"] + share * (after["epoch"] - before["epoch"])
        before = after
    return record["history"][-1]["epoch"]


def lotus_convergence(records):
    found = {}
    for record in trainings(records, curve=True):
        config = record["config"]
        cut = dict(config.get("patches", {}))
        selection = records[cut.pop("source")]["config"] if cut else {"keep_rate": 1.0, "score": {}}
        name = "random" if cut else "pruned" if "ticket" in config else json.dumps(selection["score"])
        found[name, selection["keep_rate"]] = record
    whole, lt, random, sink, both = (
        found[key]
        for key in (("{}", 1.0), ("{}", 0.9), ("random", 0.9), ('{"mend_sink": false}', 0.9), ("pruned", 0.9))
    )
    goal, last = accuracy(whole) - 0.01, whole["history"][-1]["epoch"]
    until = {"whole": epochs_until(whole, goal), "lt": epochs_until(lt, goal)}
    step, scoring = lotus_costs(whole["config"]["model"], last)
    return {
        "faster": (until["whole"] - until["lt"]) / last,
        "cost": (until["whole"] - step * until["lt"]) / last - scoring,
        "epoch-5": accuracy(whole) - next((p for p in lt["history"] if p["epoch"] >= 5), lt["history"][-1])["accuracy"],
        "ticket": accuracy(whole) - accuracy(lt),
        "gap": accuracy(lt) - accuracy(random),
        "sink": accuracy(lt) - accuracy(sink),
        "both": accuracy(whole) - accuracy(both),
    }


def lotus_costs(model, epochs):
    """A step on nine tenths of the patches (rounded up), and one scoring of all images, against all patches.

    A block takes 12 N D² + 2 N² D multiply-accumulates; a training step costs three forward passes. An attention map
    takes the keys of all tokens, the query of one, and their products.
    """
    width, depth, size = model["width"], model.get("depth", 12), model.get("patch_size", 4)
    patches = (model.get("image_size", 32) // size) ** 2

    def block(tokens):
        return 12 * tokens * width**2 + 2 * tokens**2 * width

    def forward(kept):
        return kept * 3 * size**2 * width + depth * block(kept + 1) + 10 * width

    tokens = patches + 1
    maps = depth * ((tokens + 1) * width**2 + tokens * width)
    scoring = patches * 3 * size**2 * width + (depth - 1) * block(tokens) + maps
    return forward(-(-9 * patches // 10)) / forward(patches), scoring / (3 * forward(patches) * epochs)


def lotus_soup(records):
    """ISSP merges the masks of two networks at five sparsities; the second network may have seen a tenth or all."""
    issp = {}
    for record in trainings(records, curve=True):
        ticket = record["config"].get("ticket", {})
        sources = Counter(part["source"] for part in ticket.get("parts", ()))
        if sorted(sources.values()) == [5, 5]:
            seen = {records[name]["config"]["data"]["train_images"] for name in sources}
            left = record["config"]["data"]["train_images"]
            issp[ticket.get("merge", "union"), "tenth" if round(left / 10) in seen else "all"] = record
    whole = only(r for r in trainings(records, curve=True, ticket=None) if is_from_pretrained(r))
    collapsed = issp["intersection", "tenth"]
    lost = accuracy(whole) - accuracy(collapsed)
    return {
        "collapse": lost,
        "collapse-untrained": whole["history"][0]["accuracy"] - collapsed["history"][0]["accuracy"],
        "collapse-union": accuracy(whole) - accuracy(issp["union", "tenth"]),
        "tenth": accuracy(issp["intersection", "all"]) - accuracy(collapsed),
        "level": accuracy(collapsed) - 0.5,
        "drop": lost - 0.5,
    }


ARTEFACTS = {
    "table1": table1,
    "table2": table2,
    "figure3": figure3,
    "table4": table4,
    "lotus-sparsity": lotus_sparsity,
    "lotus-convergence": lotus_convergence,
    "lotus-soup": lotus_soup,
}


def recomputed(artefact):
    """One value a seed of each claim of an artefact that its records have runs for."""
    found = defaultdict(list)
    for records in seeds_of(artefact).values():
        for name, value in ARTEFACTS[artefact](records).items():
            found[f"{artefact}-{name}"].append(value)
    return found
