"""The claim atlas of the home page: an answer a paper, counts, and a row a claim with its drawing.

All of it is written from the records; by hand are only the frame of a sentence and what each paper is about.
"""

from collections import Counter
from html import escape

from repro import paths
from repro.artefacts import REGISTRY
from repro.disk import write_bytes
from repro.report import claims
from repro.report.claims import Judged
from repro.report.drawing import LEGEND, MARKS, draw
from repro.stats.verdicts import MIN_SEEDS, VERDICTS, Exact

ABOUT = {  # what each paper claims; what became of it follows from the records
    "A": "Weight tickets fail in DeiT and work in ResNet-20; patch tickets win in vision transformers.",
    "B": "Attention finds the patches that matter, and a vision transformer can be pruned at once.",
    "C": "A few classes of a data set rank training methods as the whole does.",
}
NO_PAGE = "no page yet"
NOT_RUN = "not run"


def write_atlas() -> None:
    """Write `book/atlas.md`."""
    write_bytes(paths.BOOK / "atlas.md", atlas().encode())


def atlas() -> str:
    """Answers, counts, filters, the rows of claims that were tested, and folded those that were not."""
    judged = {paper: claims.judge_paper(paper) for paper in ABOUT}
    survives = {name: word for found in judged.values() for name, word in claims.after_holm(found).items()}
    everything = [one for found in judged.values() for one in found]
    run = [row(one, survives[one.claim.id]) for one in everything if one.word != NOT_RUN]
    rest = [row(one, survives[one.claim.id]) for one in everything if one.word == NOT_RUN]
    parts = [
        '<div class="atlas">',
        *(answer(paper, found) for paper, found in judged.items()),
        filters(everything),
        f'<p class="legend">{LEGEND}</p>',
        f'<div class="rows">{"".join(run)}</div>',
        f"<details><summary>{len(rest)} claims that were not run</summary>"
        f'<div class="rows">{"".join(rest)}</div></details>',
        "</div>",
    ]
    return "```{raw} html\n" + "\n".join(parts) + "\n```\n"


def answer(paper: str, found: list[Judged]) -> str:
    """What became of a paper's claims, in two sentences after what it is about."""
    counts = Counter(one.word for one in found)
    tested = [one for one in found if one.word != NOT_RUN]
    scales = " and ".join(dict.fromkeys(map(scale_of, tested))) or "no scale"
    alone = sum(not isinstance(one.values, Exact) and len(one.values) < MIN_SEEDS for one in tested)
    return (
        f'<p class="answer" data-paper="{paper}"><strong>{paper}.</strong> <em>{ABOUT[paper]}</em> '
        f"Of its {len(found)} claims {len(tested)} were tested, at {scales}: {counts['holds']} hold and "
        f"{counts['leans towards']} lean towards that, {counts['contradicted']} are contradicted and "
        f"{counts['leans against']} lean against, {counts['undecided']} are undecided. "
        f"{alone} of the {len(tested)} have fewer than {MIN_SEEDS} seeds, which decides nothing.</p>"
    )


def scale_of(one: Judged) -> str:
    """At which scale a claim was tested: the preset, or without any where nothing is trained."""
    if one.results is None or one.word == NOT_RUN:
        return NOT_RUN
    return "no scale of its own" if claims.is_same_everywhere(one.results.artefact) else f"preset {one.results.preset}"


def filters(everything: list[Judged]) -> str:
    """Three choices, which do nothing without the script `atlas.js`, and so are hidden without it."""
    choices = {
        "paper": list(ABOUT),
        "verdict": [word for word in VERDICTS if word != NOT_RUN],
        "scale": sorted({scale_of(one) for one in everything} - {NOT_RUN}),
    }
    selects = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        f"{''.join(f'<option>{value}</option>' for value in values)}</select></label>"
        for name, values in choices.items()
    )
    return f'<form class="filters" hidden>{selects}<output></output></form>'


def row(one: Judged, survives: str) -> str:
    """One claim: verdict, words, drawing, value and what was run."""
    claim, artefact = one.claim, REGISTRY.get(one.claim.artefact)
    page = f'<a href="reproductions/{artefact.id}.html">{escape(artefact.title)}</a>' if artefact else NO_PAGE
    holm = "" if survives == claims.NONE else f"; after Holm: {survives}"
    ran = f'<p class="run">{escape(one.run)}</p>' if one.word != NOT_RUN else ""
    return (
        f'<article class="claim" data-id="{claim.id}" data-paper="{one.paper}" data-verdict="{one.word}" '
        f'data-scale="{scale_of(one)}">'
        f'<p class="verdict"><span aria-hidden="true">{MARKS[one.word]}</span> {one.word}</p>'
        f'<div class="said"><p>{escape(claim.statement)} <small>({escape(claim.locator)})</small> {page}</p>{ran}</div>'
        f'<div class="drawn">{draw(one)}'
        f'<p class="value">paper {claims.printed(claim)}<br>here {escape(one.here)}{holm}</p></div></article>\n'
    )
