"""Claims with their verdicts: the paper's value, ours with its interval, Holm's correction and what was run.

The pages and the scoreboard show the same lines. Holm's correction is over all claims of a paper that have a p-value,
each at the largest preset that is evidence; on a page the claims of its own runs stand in for the recorded ones.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from repro import config, published
from repro.artefacts import REGISTRY
from repro.artefacts.base import Artefact, Results, is_same_everywhere, recorded
from repro.report.evidence import what_was_run
from repro.stats.verdicts import ALPHA, Exact, NotFinite, estimate, holm, p_value, verdict

NONE = "–"


@dataclass(frozen=True)
class Judged:
    """A claim and what became of it."""

    claim: Any  # a row of claims.csv
    results: Results | None = None  # that it was judged by; None where nothing is recorded
    values: Sequence[float] | Exact = ()  # one a seed
    word: str = "not run"
    p: float = math.nan  # of Student's t; not a number where nothing was tested

    @property
    def paper(self) -> str:
        """The letter of its paper."""
        return str(self.claim.locator[0])

    @property
    def here(self) -> str:
        """Our value with its interval and the number of seeds, or with what was counted."""
        if isinstance(self.values, Exact):
            return f"{signed(self.values.value)} {self.claim.unit}, exact: {self.values.said}"
        if not len(self.values):
            return NONE
        found = estimate(self.values)
        ends = f" [{signed(found.low)}, {signed(found.high)}]" if found.n > 1 else ""
        return f"{signed(found.mean)}{ends} {self.claim.unit}, n = {found.n}"

    @property
    def run(self) -> str:
        """What was run; for a claim that was not, nothing."""
        if self.results is None or self.word == "not run":
            return NONE
        return what_was_run(self.results, networks_of(self.claim))


def networks_of(claim: Any) -> list[str]:
    """The networks of the paper that a claim concerns; none for all of its artefact."""
    return claim.networks.split(";") if isinstance(claim.networks, str) else []


def signed(value: float, digits: int = 1) -> str:
    """A value of a claim times a hundred, with its sign; what rounds to zero is +0."""
    return f"{round(100 * value, digits) + 0.0:+.{digits}f}"


def printed(claim: Any) -> str:
    """The paper's value of a claim; some claims stand in words only."""
    return "in words" if math.isnan(claim.value) else f"{signed(claim.value, 2)} {claim.unit}"


def judge(results: Results) -> list[Judged]:
    """Every claim of an artefact, judged by its runs. Raises NotFinite, naming the claim."""
    values = results.artefact.claim_values(results.frame)
    claims = published.read_claims(results.artefact.id).itertuples()
    return [judge_claim(results, claim, values[claim.id]) for claim in claims]


def judge_claim(results: Results, claim: Any, values: Any) -> Judged:
    """One claim by its values: one a seed, or an exact one."""
    values = values if isinstance(values, Exact) else list(values)
    try:
        word = verdict(values, claim.kind, claim.margin, claim.unit)
        return Judged(claim, results, values, word, p_value(values, claim.kind, claim.margin))
    except NotFinite as error:
        raise NotFinite(f"claim {claim.id} at {results.preset}: {error}") from error


def judge_paper(paper: str, own: Results | None = None) -> list[Judged]:
    """Every claim of a paper by the recorded evidence; those of one artefact by its `own` results where they are given.

    A claim of an artefact that is not there yet is not run.
    """
    claims = [claim for claim in published.read_table("claims").itertuples() if claim.locator.startswith(paper)]
    known: dict[str, Judged] = {}
    for name in dict.fromkeys(claim.artefact for claim in claims):
        results = own if own and own.artefact.id == name else best_evidence(REGISTRY.get(name))
        known |= {judged.claim.id: judged for judged in (judge(results) if results else ())}
    return [known.get(claim.id, Judged(claim)) for claim in claims]


def best_evidence(artefact: Artefact | None) -> Results | None:
    """What is recorded of an artefact at the largest preset that is evidence."""
    return next(evidence(artefact), None) if artefact else None


def evidence(artefact: Artefact) -> Iterator[Results]:
    """What is recorded of an artefact at the presets that are evidence, the largest first."""
    for preset in reversed(config.PRESETS):
        if preset != "demo" and (found := recorded(artefact, preset)):
            yield found


def after_holm(judged: list[Judged]) -> dict[str, str]:
    """Whether each claim that is decided stays so after Holm's correction over all of these that were tested."""
    tested = [one for one in judged if not math.isnan(one.p)]
    adjusted = dict(zip((one.claim.id for one in tested), holm([one.p for one in tested]), strict=True))
    return {
        one.claim.id: ("yes" if adjusted[one.claim.id] <= ALPHA else "no")
        if one.word in ("holds", "contradicted") and one.claim.id in adjusted
        else NONE
        for one in judged
    }


def rows(results: Results) -> Iterator[dict[str, str]]:
    """One line a claim of a page, and one for each other preset that is recorded as evidence."""
    sources = [results, *(r for r in evidence(results.artefact) if r.preset != results.preset)]
    found = [judge_with_holm(source) for source in sources]
    for lines in zip(*found, strict=True):
        for source, (one, survives) in zip(sources, lines, strict=True):
            is_own = source is results
            yield {
                "claim": one.claim.statement if is_own else f"the same, recorded at preset {source.preset}",
                "where": one.claim.locator if is_own else "",
                "paper": printed(one.claim),
                "here": one.here,
                "verdict": one.word + ("" if is_evidence(source) else " (demo: no evidence)"),
                "after Holm": survives,
                "what was run": one.run,
            }


def judge_with_holm(results: Results) -> list[tuple[Judged, str]]:
    """The claims of an artefact, each with what Holm's correction over its paper makes of it; nothing in a demo."""
    own = judge(results)
    survives: dict[str, str] = {}
    for paper in dict.fromkeys(one.paper for one in own) if is_evidence(results) else ():
        survives |= after_holm(judge_paper(paper, results))
    return [(one, survives.get(one.claim.id, NONE)) for one in own]


def is_evidence(results: Results) -> bool:
    """Whether results say anything of a claim: those of a demo do not, unless every preset asks for the same runs."""
    return results.preset != "demo" or is_same_everywhere(results.artefact)
