"""Audit of paper B (LOTUS), of which only a summary was to be had: a slip found here may be the summary's."""

from collections.abc import Iterator
from decimal import Decimal

from repro.audit.rows import Row, quote, quoted, unprinted

PATCHES = 196  # of a ViT with patches of 16 at 224 pixels; the summary does not name the network


def patches() -> Iterator[Row]:
    """The share of patches removed, which must be a whole number of patches."""
    share = quote("b-patches").printed
    dropped = round(share * PATCHES / 100)
    value = 100 * Decimal(dropped) / PATCHES
    yield quoted("b-patches", f"{dropped} of {PATCHES} patches, if the network is a ViT with patches of 16", value)


def accuracies() -> Iterator[Row]:
    """Accuracies without what they are to be held against."""
    pruned, drop, accuracy = (quote(name).printed for name in ("b-pruned", "b-drop", "b-accuracy"))
    baseline = "the accuracy of the dense network"
    yield unprinted("b-pruned", "a run", "Nothing printed bears on it.")
    yield unprinted("b-high", f"{baseline} − {pruned}", "Without the dense network's accuracy nobody can say.")
    both = (
        f"The summary has ISSP lose about {drop} and says that about {accuracy} was seen where pruning is aggressive. "
        f"Of one run both hold only for a start near {drop + accuracy} %; from the {pruned} % of one-shot pruning "
        f"{pruned - accuracy} points go."
    )
    yield unprinted("b-drop", f"{baseline} − {accuracy}", both)
    yield unprinted("b-accuracy", f"{baseline} − {drop}", both)
    yield unprinted("b-epoch", "accuracy by epoch", "Neither the curve nor the best known accuracy is printed.")


CHECKS = (patches, accuracies)
