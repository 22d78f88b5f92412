"""Audit of paper C's printed class lists, its counts of classes, and settings that stand in two places.

Known classes are the 1,000 ids that timm ships; the file is read, timm is not imported, since that would load torch.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from repro.audit.rows import AGREES, DIFFERS, Row, quote, quoted, statement, unprinted
from repro.published import read_digits

CLASSES = 1000  # of ImageNet-1K
FIGURE_LISTS = ("c-pool-1", "c-pool-2", "c-pool-3")


class ClassListMissing(RuntimeError):
    """The file of ImageNet's class ids that comes with timm is not there."""


@cache
def known_classes() -> frozenset[str]:
    """WordNet ids of ImageNet-1K's classes. Raises ClassListMissing."""
    spec = find_spec("timm")
    folders = spec.submodule_search_locations if spec else None
    file = Path(*(folders or [""])[:1], "data", "_info", "imagenet_synsets.txt")
    if not file.is_file():
        raise ClassListMissing("timm's imagenet_synsets.txt is not installed; `make setup` installs timm as pinned")
    return frozenset(file.read_text().split())


def tickets() -> dict[str, list[str]]:
    """The two printed lists of class ids, in their printed order."""
    table = read_digits("subsets-tickets")
    return {str(name): list(group["wnid"]) for name, group in table.groupby("subset", sort=False)}


def printed_lists() -> Iterator[Row]:
    """Whether each list holds distinct, sorted ids of ImageNet-1K."""
    where = read_digits("subsets-tickets").drop_duplicates("subset").set_index("subset")["locator"]
    for name, ids in tickets().items():
        yield list_row(f"C, {where[name]}", f"{name}: ids of ImageNet-1K", ids, sum(i in known_classes() for i in ids))
        yield list_row(f"C, {where[name]}", f"{name}: distinct ids", ids, len(set(ids)))
        in_order = 1 + sum(a < b for a, b in pairwise(ids))
        yield list_row(f"C, {where[name]}", f"{name}: ids in ascending order", ids, in_order)


def list_row(where: str, about: str, ids: list[str], good: int) -> Row:
    """A property that every id of a list should have."""
    verdict = AGREES if good == len(ids) else DIFFERS
    return Row(where, about, f"{len(ids)} ids", "counted", f"{good} of {len(ids)}", verdict)


def savings() -> Iterator[Row]:
    """The factor that a ticket saves, counted in classes."""
    for name, ids in tickets().items():
        note = (
            f"Counted in classes. A ticket of {len(ids)} saves less than one of 100." if len(ids) > CLASSES / 10 else ""
        )
        yield quoted("c-saving", f"{name}: {CLASSES} / {len(ids)} classes", CLASSES / len(ids), note=note)


def pools() -> Iterator[Row]:
    """The numbers of consistent classes: each longer chain of models can only lose classes; long lists are cut."""
    counts = [quote(name).printed for name in FIGURE_LISTS]
    threshold, target = (quote(name).printed for name in ("c-threshold", "c-target"))
    erc = len(tickets()["ERC"])
    yield quoted("c-pool-2", "ids printed in appendix D.2", erc)
    for name, larger, smaller in zip(FIGURE_LISTS[1:], counts, counts[1:], strict=False):
        chain = "a chain with one more model is a part of the chain without it"
        yield statement(name, smaller <= larger, f"{chain}: {smaller} ≤ {larger}", f"{larger - smaller} fewer")
    expected = [target if count > threshold else count for count in counts]
    named = sorted(
        {int(n.removeprefix("ERC-")) for n in read_digits("subsets-table3")["subset"] if n.startswith("ERC-")}
    )
    formula = (
        f"{', '.join(map(str, counts))} with those above {threshold} cut to {target}: {', '.join(map(str, expected))}"
    )
    yield statement(
        "c-target", set(named) <= set(expected), formula, f"Table 3 names ERC-{' and ERC-'.join(map(str, named))}"
    )
    yield quoted("c-lists", "lists of consistent classes in appendix D", len(set(tickets()) - {"PD-Bottom"}))
    poodle = quote("c-poodle")
    inside = poodle.text in tickets()["ERC"]
    yield statement(
        "c-poodle", not inside, f"{poodle.text} looked for in appendix D.2", "there" if inside else "not there"
    )


def setting(table: int, name: str, column: str) -> str:
    """One cell of the tables of settings. Raises KeyError where there is none."""
    found = read_digits("subsets-settings").set_index(["locator", "setting", "column"])["value"]
    return str(found.loc[(f"Table {table}", name, column)]).replace(",", "")


def repeated_settings() -> Iterator[Row]:
    """Settings that the text and a table both print."""
    twice = {
        "c-epochs-base": (5, "epochs", "vit_base"),
        "c-epochs-small": (5, "epochs", "vit_small"),
        "c-epochs-moco-1": (7, "epochs", "C1"),
        "c-epochs-moco-2": (7, "epochs", "C3"),
        "c-batch": (9, "batch_size", "vit_base"),
        "c-drop-path": (5, "drop_path_rate", "vit_small"),
    }
    for name, (table, row, column) in twice.items():
        yield quoted(name, f"Table {table}, {row}, {column}", float(setting(table, row, column)))
    yield unprinted("c-epochs-mae", "Table 9, epochs", "Table 9 lists no number of epochs.")


def moco_versions() -> Iterator[Row]:
    """What else than augmentation tells the columns C1 (MoCo v1) and C2 (MoCo v2) of Table 7 apart."""
    settings = read_digits("subsets-settings")
    names = settings[settings["locator"] == "Table 7"]["setting"].unique()
    changed = [n for n in names if setting(7, n, "C1") != setting(7, n, "C2")]
    values = ", ".join(f"{n} {setting(7, n, 'C1')} / {setting(7, n, 'C2')}" for n in changed)
    note = (
        "" if changed == ["aug_plus"] else "So what these two show of augmentation they show of the other settings too."
    )
    yield statement(
        "c-v1-v2", changed == ["aug_plus"], "columns C1 and C2 of Table 7", f"they differ in {values}", note=note
    )


def text() -> Iterator[Row]:
    """Sentences about the paper itself, and totals that nothing printed adds up to."""
    news = read_digits("subsets-table13")
    older = "" if news.empty else "The sentence seems to be older than appendix I."
    shown = f"{len(news)} rows of text classification"
    yield statement("c-vision-only", news.empty, "Table 13", shown, note=older, harmless=not news.empty)
    yield cross_reference()
    models, hours = quote("c-models").printed, quote("c-hours").printed
    yield unprinted("c-models", "subsets × configurations × runs", "The subsets and ablations are not listed whole.")
    rest = f"{hours / 1000000} million hours over {models:,} models are {hours / models:.0f} GPU hours a model."
    yield unprinted("c-hours", "models × hours a model", rest)
    seeds = {setting(5, "seed", column) for column in ("vit_small", "vit_base")}
    yield unprinted(
        "c-runs", "spread over runs", f"No spread is printed, and Table 5 has one seed, {', '.join(seeds)}."
    )


def cross_reference() -> Row:
    """Where the correlations of appendix E stand."""
    found = quote("c-appendix-e")
    held = sorted({loc.partition(",")[0] for loc in read_digits("subsets-table2")["locator"]} - {"Table 2"})
    right = held == [f"Figure {found.text}"]
    verdict, note = (AGREES, "") if right else (DIFFERS, f"{held[0]} is meant.")
    return Row(
        found.where,
        found.about,
        f"Figure {found.text}",
        "where they stand",
        held[0],
        verdict,
        note=note,
        harmless=not right,
    )


CHECKS = (printed_lists, savings, pools, repeated_settings, moco_versions, text)
