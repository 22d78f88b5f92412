"""Which claims are worth more seeds: what each lacks for a decision, what that costs, and decisions an hour."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from repro import published
from repro.artefacts.base import Results
from repro.report.claims import Judged, judge_paper, signed
from repro.report.tables import Table
from repro.runs.store import with_parents
from repro.stats.power import MOST, seeds_needed
from repro.stats.verdicts import MIN_SEEDS, Exact, depth

DECIDED = ("holds", "contradicted")


@dataclass(frozen=True)
class Need:
    """A claim that is not decided, and what would decide it."""

    judged: Judged
    mean: float
    sd: float  # over seeds; not a number for one seed
    seeds: int | None  # needed in all; None for more than a hundred
    seconds: float  # of one core, for the artefact and one seed

    @property
    def more(self) -> int:
        """Seeds that are lacking."""
        return MOST if self.seeds is None else max(1, self.seeds - len(self.judged.values))  # type: ignore[arg-type]

    @property
    def hours(self) -> float:
        """Core hours that those take."""
        return self.more * self.seconds / 3600


def find_needs() -> list[Need]:
    """Every claim that was run and is not decided, those first that give most decisions an hour."""
    found = [need(one) for paper in papers() for one in judge_paper(paper) if is_open(one)]
    return sorted(found, key=lambda one: (-decisions_an_hour(one, found), one.hours))


def papers() -> list[str]:
    """The letters of the papers that make claims."""
    return sorted({locator[0] for locator in published.read_table("claims")["locator"]})


def is_open(one: Judged) -> bool:
    """Whether more seeds could decide a claim."""
    return one.results is not None and one.word not in (*DECIDED, "not run") and not isinstance(one.values, Exact)


def need(one: Judged) -> Need:
    """What one claim needs. With one seed nothing is known of the spread, so it needs what every decision does."""
    assert one.results is not None
    values = np.array(one.values)
    mean, sd = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    seeds = seeds_needed(abs(depth(mean, one.claim.kind, one.claim.margin)), sd) if len(values) > 1 else MIN_SEEDS
    return Need(one, mean, sd, seeds, seconds_a_seed(one.results))


def seconds_a_seed(results: Results) -> float:
    """Core seconds that all runs of an artefact and what they need took, for its first seed."""
    tasks = with_parents((arm.run, results.seeds[0]) for arm in results.arms)
    records = [results.find(run, seed) for run, seed in tasks]
    return sum(record.timing["seconds"] for record in records if record)


def decided_together(one: Need, found: list[Need]) -> int:
    """How many open claims of the same artefact as many seeds would decide; none where a hundred do not decide it."""
    if one.seeds is None:
        return 0
    same = [other for other in found if other.judged.claim.artefact == one.judged.claim.artefact]
    return sum(other.seeds is not None and other.seeds <= one.seeds for other in same)


def decisions_an_hour(one: Need, found: list[Need]) -> float:
    """Decisions an hour of one core, of its artefact's runs with the seeds that it needs."""
    return decided_together(one, found) / max(one.hours, 1e-9)


def table() -> Table:
    """One line a claim that is open."""
    return Table(lines(find_needs()))


def lines(found: list[Need]) -> Iterator[dict[str, str]]:
    """The lines of that table."""
    for one in found:
        claim = one.judged.claim
        yield {
            "claim": claim.id,
            "verdict": one.judged.word,
            "mean": f"{signed(one.mean)} {claim.unit}",
            "sd": "unknown" if np.isnan(one.sd) else f"{100 * one.sd:.1f}",
            "seeds here": str(len(one.judged.values)),  # type: ignore[arg-type]
            "needed": f"more than {MOST}"
            if one.seeds is None
            else f"{one.seeds}" + (" or more" if np.isnan(one.sd) else ""),
            "core seconds a seed": f"{one.seconds:,.0f}",
            "decided together": str(decided_together(one, found)),
            "decisions an hour": f"{decisions_an_hour(one, found):.2g}",
        }
