"""Tables of class tickets: what each policy keeps, the printed lists, chains of models and tests of transfer."""

from typing import Any

import pandas as pd

from repro import published
from repro.artefacts.base import Results
from repro.artefacts.subsets_policies import DRAWN, tickets
from repro.report.tables import Note, Table, percent, with_interval
from repro.runs.record import Record
from repro.stats.verdicts import ALPHA, holm

PAPER_WINNING = {3: 367, 4: 155}  # C, section 3.1: classes of 1,000 under chains of three and four models


def measures(frame: pd.DataFrame) -> dict[str, str]:
    """Columns that say how hard a ticket's classes are, by what the page calls them; the best model first."""
    columns = frame.filter(regex="^accuracy_").mean().sort_values(ascending=False).index
    return {column.removeprefix("accuracy_"): column for column in columns} or {"plain to raters": "clarity"}


def list_tickets(results: Results) -> Table:
    """One line a policy: how many classes, how alike they are, how hard they are, and what the policy went by."""
    frame, records = results.frame, tickets(results)
    rows = []
    for policy, group in frame.groupby("policy", sort=False):
        row = {"policy": str(policy), "classes": f"{group['classes'].iloc[0]:.0f}"}
        row["with a sibling, %"] = with_interval(group["siblings"] if policy in DRAWN else group["siblings"][:1])
        row |= {f"{label}, %": percent(group[column].mean()) for label, column in measures(frame).items()}
        if "lead" in frame:
            row["smallest lead"] = percent(group["lead"].mean(), signed=True)
        rows.append(row | {"by": described(records[str(policy)])})
    return Table(rows)


def described(record: Record) -> str:
    """What a policy went by, or what it made, where its record says more than the classes."""
    if "groups" in record.details:
        size, word = record.details["groups"][0]
        alone = sum(n == 1 for n, _ in record.details["groups"])
        return f"largest group {word}, {size} classes; {alone} groups of one"
    if "images" in record.details:
        return f"{record.details['images']:,} of {50 * len(record.details['kept']):,} validation images"
    return str(record.details.get("embedding", ""))


def check_printed(results: Results) -> Table:
    """The printed lists against ImageNet's classes: how many ids, distinct, known, in order, and shared."""
    known = tickets(results)["all classes"].details["tree"]["ids"]
    lists = {name: published.read_ticket(name) for name in ("PD-Bottom", "ERC")}
    shared = set(lists["PD-Bottom"]) & set(lists["ERC"])
    expected = len(lists["PD-Bottom"]) * len(lists["ERC"]) / len(known)
    return Table(
        {
            "printed list": name,
            "ids": str(len(ids)),
            "distinct": str(len(set(ids))),
            "unknown to ImageNet-1K": str(len(set(ids) - set(known))),
            "sorted": "yes" if ids == sorted(ids) else "no",
            "in both": f"{len(shared)} (chance: {expected:.1f})",
        }
        for name, ids in lists.items()
    )


def describe_order(results: Results) -> Note:
    """How often a random ticket ranks the models as all classes do, and which policies do not."""
    frame = results.frame
    if "order_kept_at_random" not in frame:
        return Note("Whether the models keep their order was not measured here: `demo` has no accuracies of models.")
    share = frame[frame["policy"] == "RS"]["order_kept_at_random"]
    draws = int(frame["draws"].max())
    mean = frame.groupby("policy", sort=False)["lead"].mean()
    turned = ", ".join(mean.index[mean <= 0]) or "none"
    return Note(
        f"Of {draws:,} random tickets of RS's size (for each of {len(share)} seeds), {with_interval(share)} % rank "
        f"the four models as all classes do. Policies on which two models change places (mean over seeds): {turned}."
    )


def list_chains(results: Results) -> Table:
    """One line a chain of models: the share of classes that rank it as all classes do, strictly and with ties."""
    by_name = {r.name: r for r in results.records}
    rows = []
    for row in results.frame[results.frame["kind"] == "chain"].itertuples():
        record = by_name[row.run]
        paper = PAPER_WINNING.get(len(record.details["order"]))
        ties = ", ".join(percent(share) for share in record.details["tied"])
        rows.append(
            {
                "models, best first": " > ".join(record.details["order"]),
                "over all, %": ", ".join(percent(share) for share in record.details["overall"]),
                "consistent, %": spread_of(row, ("consistent", "consistent_low", "consistent_high")),
                "paper's pool of that length, %": percent(paper / 1000) if paper else "–",
                "ties allowed, %": percent(row.consistent_with_ties),
                "tied neighbours, %": ties,
                "random order, %": percent(row.by_chance),
                "would win again, %": percent(row.retest),
            }
        )
    return Table(rows)


def list_transfers(results: Results) -> Table:
    """One line a test: classes consistent in both ways, what chance gives, and p without and with difficulty held."""
    return Table(
        {
            "consistent under": f"{row.first} ({row.picked_first:.0f})",
            "and under": f"{row.chain} ({row.picked_second:.0f})",
            "both": f"{row.both:.0f}",
            "chance (95 % of it)": by_chance(row),
            "p": p_value(row.p_more),
            "chance, difficulty held": by_chance(row, "_alike"),
            "p\u00a0": p_value(row.p_more_alike),  # column names must differ
            "difference of shares, points": spread_of(row, ("difference", "low", "high"), signed=True),
        }
        for row in tests(results)
    )


def tests(results: Results) -> list[Any]:
    """Rows of the frame that are tests of transfer."""
    return list(results.frame[results.frame["kind"] != "chain"].itertuples())


def by_chance(row: Any, kind: str = "") -> str:
    """What the null gives: its mean, and what 95 % of it lie within."""
    mean, low, high = (getattr(row, f"{name}{kind}") for name in ("expected", "null_low", "null_high"))
    return f"{mean:.1f} ({low:.0f} to {high:.0f})"


def spread_of(row: Any, names: tuple[str, str, str], signed: bool = False) -> str:
    """A share with its interval, in percent."""
    value, low, high = (percent(getattr(row, name), signed) for name in names)
    return f"{value} [{low}, {high}]"


def p_value(p: float) -> str:
    """A p-value with three decimals."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def describe_transfers(results: Results) -> Note:
    """How many of the tests pass after a correction for their number (Holm), without and with difficulty held."""
    rows = tests(results)
    said = []
    for column, words in (("p_more", "as they stand"), ("p_more_alike", "with difficulty held")):
        found = [getattr(row, column) for row in rows]
        said.append(f"{words} {passing(found)} have p ≤ {ALPHA}, {passing(holm(found))} after Holm's correction")
    return Note(f"Of {len(rows)} tests, {'; '.join(said)}. The smallest p is {p_value(min(r.p_more for r in rows))}.")


def passing(p_values: list[float]) -> int:
    """How many of several p-values are small enough."""
    return sum(p <= ALPHA for p in p_values)
