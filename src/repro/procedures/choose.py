"""What a `ChooseRun` does: one policy of paper C (section 3, Table 1) on ImageNet's 1,000 classes, and what it kept.

Nothing is trained: the models whose accuracy is read were trained on all classes, so a ticket is measured by how hard
its classes are to them and whether they rank on it as on all. What a ticket is for, ranking models trained on it, is
the question of the paper's Table 2. Records hold class ids and means over a ticket, never the accuracy in one class.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from repro.config import ChooseRun
from repro.data import classes, embeddings, wordnet
from repro.data.memory import remember
from repro.procedures import Procedure
from repro.procedures.subsets import CLASSES_FILE
from repro.published import read_ticket
from repro.tickets.classes import Ticket, consistent_classes, order_models, rank_classes, reduce_images, sample_classes
from repro.tickets.clusters import cluster_classes
from repro.tickets.hierarchy import Groups, merge_deepest, merge_smallest, stand_ins
from repro.training.checkpoint import save_tensors
from repro.training.cost import timing

STRONGEST = "ViT"  # the supervised model that PD sorts by; the paper's is EfficientNet-L2
VALIDATION_IMAGES = 50  # of each class, that NiR draws from here


def choose(run: ChooseRun, seed: int, folder: Path, folder_of: Any) -> dict[str, Any]:
    """Choose classes, and measure how hard, how alike and how like the whole they are."""
    start = time.monotonic()
    data = classes.clarity() if run.difficulty == "raters" else classes.read_pool().accuracies  # or none: at once
    ticket, more = keep(run, seed)
    kept = np.array(sorted(ticket), np.int64)
    metrics = {"classes": len(kept), "siblings": sibling_share(kept), "clarity": classes.clarity()[kept].mean()}
    if run.difficulty == "ImageNet-X":
        metrics |= measure(kept, classes.read_pool())
    if run.draws:
        metrics |= compare_with_random(kept, run.draws, seed)
    return {
        "metrics": {name: float(value) for name, value in metrics.items()},
        "kept": kept.tolist(),
        "tickets": save_tensors(folder / CLASSES_FILE, {"ids": torch.from_numpy(kept)}),
        **more,
        "timing": timing(time.monotonic() - start, len(kept), torch.device("cpu")),
        "data": classes.checksum(data),
        "precision": "none",
    }


def keep(run: ChooseRun, seed: int) -> tuple[Ticket, dict[str, Any]]:
    """The ticket of a run, and what else its record shows: groups, tree, or what classes were embedded by."""
    number = {wnid: place for place, wnid in enumerate(classes.class_ids())}
    if run.policy == "printed":
        return {number[wnid]: "printed in paper C" for wnid in read_ticket(run.variant)}, {}
    if run.policy == "RS":
        return sample_classes(classes.CLASSES, run.count, seed), {}
    if run.policy == "ERC":
        pool = classes.read_pool().accuracies
        return consistent_classes(pool, strict=not run.variant, seed=seed), {}
    if run.policy == "WNH":
        return keep_by_tree(run)
    if run.policy in ("WEC", "SEC"):
        return keep_by_clusters(run, seed)
    if run.policy == "NiR":
        return keep_images(seed)
    if run.policy == "all":
        return dict.fromkeys(range(classes.CLASSES), "every class"), {"tree": tree()}
    scores = classes.clarity() if run.difficulty == "raters" else classes.read_pool().of((STRONGEST,))[0]
    return rank_classes(scores, run.policy.removeprefix("PD-").lower(), run.count), {}  # type: ignore[arg-type]


def keep_by_tree(run: ChooseRun) -> tuple[Ticket, dict[str, Any]]:
    """WNH: coarse classes by name and size, and one class of each."""
    paths = [wordnet.ancestry(wnid) for wnid in classes.class_ids()]
    groups: Groups = (merge_smallest if run.variant else merge_deepest)(paths, run.count)
    sizes = sorted(((len(c), wordnet.read_snapshot()[node].word) for node, c in groups.items()), reverse=True)
    return stand_ins(groups), {"groups": sizes}


def keep_by_clusters(run: ChooseRun, seed: int) -> tuple[Ticket, dict[str, Any]]:
    """WEC on labels, SEC on features of images."""
    if run.policy == "WEC":
        vectors, name = embedded_labels()
    elif run.features == "file":
        vectors, name = classes.read_features(), classes.FEATURE_FILE
    else:
        vectors, name = classes.rater_means(), "what raters saw in a class's images"
    method = "k-means" if run.variant else "k-medoids"
    return cluster_classes(vectors, run.count, seed, method), {"embedding": name}  # type: ignore[arg-type]


@remember(embeddings.files)
def embedded_labels() -> tuple[np.ndarray, str]:
    """Vectors (1000, dim) of ImageNet's labels, and what they were embedded by."""
    words, glosses = classes.lemmas(), classes.glosses()
    labels = [words[wnid].partition(",")[0] for wnid in classes.class_ids()]
    return embeddings.embed_labels(labels, [glosses[wnid] for wnid in classes.class_ids()])


def keep_images(seed: int) -> tuple[Ticket, dict[str, Any]]:
    """NiR on the 50 validation images of each class; every class stays."""
    labels = np.repeat(np.arange(classes.CLASSES), VALIDATION_IMAGES)
    images = Counter(labels[reduce_images(labels, seed=seed)].tolist())
    return {c: f"{n} of {VALIDATION_IMAGES} images" for c, n in sorted(images.items())}, {"images": images.total()}


def tree() -> dict[str, list]:
    """The hypernyms of all classes for a drawing: words and parents (-1: none) of nodes; node and id of each class."""
    nouns = wordnet.read_snapshot()
    nodes = sorted({above for wnid in classes.class_ids() for above in wordnet.ancestry(wnid)})
    place = {wnid: number for number, wnid in enumerate(nodes)}
    return {
        "words": [nouns[wnid].word for wnid in nodes],
        "parents": [place.get(nouns[wnid].parent, -1) for wnid in nodes],
        "classes": [place[wnid] for wnid in classes.class_ids()],
        "ids": list(classes.class_ids()),
    }


def sibling_share(kept: np.ndarray) -> float:
    """Share of the kept classes that have the same WordNet parent as another kept class."""
    parents = [wordnet.ancestry(classes.class_ids()[c])[-2] for c in kept]
    common = Counter(parents)
    return sum(common[parent] > 1 for parent in parents) / len(parents)


def measure(kept: np.ndarray, pool: classes.Pool) -> dict[str, float]:
    """Accuracy of each model on the kept classes; how much easier they are; the smallest lead of a model on the next.

    Both differences come with a 95 % interval over classes: Welch's against the other classes, and a paired one for the
    two models that are closest.
    """
    ordered = pool.accuracies[order_models(pool.accuracies)][:, kept]
    leads = ordered[:-1] - ordered[1:]
    closest = leads[leads.mean(axis=1).argmin()]
    mean = pool.accuracies.mean(axis=0)
    others = np.delete(mean, kept)
    found = {f"accuracy_{model}": row[kept].mean() for model, row in zip(pool.models, pool.accuracies, strict=True)}
    found |= interval("lead", closest.mean(), stats.ttest_1samp(closest, 0))
    if len(others):
        found |= interval(
            "easier", mean[kept].mean() - others.mean(), stats.ttest_ind(mean[kept], others, equal_var=False)
        )
    return found


def interval(name: str, value: float, test: Any) -> dict[str, float]:
    """A metric with the 95 % interval of its test."""
    found = test.confidence_interval(0.95)
    return {name: value, f"{name}_low": found.low, f"{name}_high": found.high}


def compare_with_random(kept: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    """How random tickets as large rank the models: share with the order of all classes, and with as large a lead.

    A ticket's lead is the smallest of a model over the next.
    """
    pool = classes.read_pool().accuracies
    ordered, rng = pool[order_models(pool)], np.random.default_rng([seed, draws])
    drawn = (rng.choice(classes.CLASSES, len(kept), replace=False) for _ in range(draws))
    leads = np.array([smallest_lead(ordered[:, ticket]) for ticket in drawn])
    reached = (leads >= smallest_lead(ordered[:, kept])).mean()
    return {"draws": draws, "order_kept_at_random": (leads > 0).mean(), "lead_reached_at_random": reached}


def smallest_lead(ordered: np.ndarray) -> float:
    """The smallest lead of a model over the next, of accuracies (models, classes) from the best model to the worst."""
    return float(-np.diff(ordered.mean(axis=1)).max())


PROCEDURE = Procedure(ChooseRun, choose, lambda run: [CLASSES_FILE])
