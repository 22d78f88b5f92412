"""A claim as a small drawing: the claimed region shaded, the paper's value, our interval, all on one line.

It is SVG, which takes its colours from the page and tells everything by shape too. The decision a reader may doubt:
every drawing has a scale of its own, since a claim in points and one in hundredths of a correlation share none.
"""

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from repro.report.claims import Judged
from repro.stats.verdicts import Exact, claimed_region, estimate

WIDTH, HEIGHT, MIDDLE, EDGE = 240, 37, 13, 12  # of a drawing; where its line lies; free on both sides
MARKS = {  # tells a verdict without colour
    "holds": "●",
    "leans towards": "◐",
    "undecided": "○",
    "leans against": "◇",
    "contradicted": "◆",
    "not run": "·",
}
LEGEND = (
    f"{', '.join(f'{mark} {word}' for word, mark in MARKS.items())}. In a drawing the shaded part is where the claim "
    "says the value lies, the hollow triangle the paper's value, the dot ours and the line through it its 95 % "
    "interval over seeds (none for one seed); a square is an exact value, a count in which nothing is drawn at random. "
    "The dashed line is zero. Each drawing has its own scale, with its two ends below it."
)


@dataclass(frozen=True)
class Strip:
    """The numbers of a drawing, in hundredths as the pages print them; what there is none of is not a number."""

    low: float  # of the claimed region; infinite where it has no end
    high: float
    paper: float
    ours: float
    ours_low: float
    ours_high: float
    n: int  # seeds; 0 for an exact value and for none
    exact: bool

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest number shown, zero among them, and some room on both sides."""
        shown = [0.0, self.low, self.high, self.paper, self.ours, self.ours_low, self.ours_high]
        finite = [number for number in shown if math.isfinite(number)]
        least, most = min(finite), max(finite)
        room = 0.15 * (most - least) or 1.0
        return least - room, most + room

    def place(self, number: float) -> float:
        """Where a number is drawn; an infinite one at the edge."""
        least, most = self.ends
        share = (min(max(number, least), most) - least) / (most - least)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)


def strip_of(one: Judged) -> Strip:
    """The numbers of a claim."""
    claim, values = one.claim, one.values
    low, high = (100 * end for end in claimed_region(claim.kind, claim.margin))
    if isinstance(values, Exact):
        return Strip(low, high, 100 * claim.value, 100 * values.value, math.nan, math.nan, 0, True)
    found = estimate(list(values))
    mean, least, most = 100 * found.mean, 100 * found.low, 100 * found.high
    return Strip(low, high, 100 * claim.value, mean, least, most, found.n, False)


def draw(one: Judged) -> str:
    """A claim as SVG; its data attributes hold the numbers that are drawn."""
    strip = strip_of(one)
    parts = [draw_region(strip), draw_paper(strip), draw_ours(strip), draw_ends(strip, one.claim.unit)]
    said = escape(describe(one, strip), quote=True)
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" {attributes(one, strip)}>'
        f"{''.join(parts)}</svg>"
    )


def attributes(one: Judged, strip: Strip) -> str:
    """What is drawn, for a program; only the numbers that there are."""
    numbers: dict[str, Any] = {
        "low": strip.low,
        "high": strip.high,
        "paper": strip.paper,
        "ours": strip.ours,
        "ours-low": strip.ours_low,
        "ours-high": strip.ours_high,
    }
    said = {"claim": one.claim.id, "verdict": one.word, "n": strip.n}
    said |= {name: f"{number:.6g}" for name, number in numbers.items() if math.isfinite(number)}
    return " ".join(f'data-{name}="{value}"' for name, value in said.items())


def describe(one: Judged, strip: Strip) -> str:
    """The drawing in words."""
    region = {"above": f"above {strip.low:g}", "below": f"below {strip.high:g}", "within": f"within ±{strip.high:g}"}
    paper = "in words" if math.isnan(strip.paper) else f"{strip.paper:+.2f}"
    return f"Claimed {region[one.claim.kind]} {one.claim.unit}; paper {paper}; here {one.here}; {one.word}"


def draw_region(strip: Strip) -> str:
    """The claimed region, its borders, the line and zero."""
    left, right = strip.place(strip.low), strip.place(strip.high)
    left, right = (EDGE if math.isinf(strip.low) else left), (WIDTH - EDGE if math.isinf(strip.high) else right)
    borders = "".join(
        f'<path class="border" d="M{place} {MIDDLE - 11}V{MIDDLE + 9}"/>'
        for place, end in ((left, strip.low), (right, strip.high))
        if math.isfinite(end)
    )
    zero = strip.place(0.0)
    return (
        f'<rect class="region" x="{left}" y="{MIDDLE - 11}" width="{right - left:.1f}" height="20"/>{borders}'
        f'<path class="zero" d="M{zero} {MIDDLE - 11}V{MIDDLE + 9}"/>'
        f'<path class="axis" d="M{EDGE} {MIDDLE + 9}H{WIDTH - EDGE}"/>'
    )


def draw_paper(strip: Strip) -> str:
    """The paper's value, a hollow triangle; nothing for a claim in words."""
    if math.isnan(strip.paper):
        return ""
    place = strip.place(strip.paper)
    return f'<path class="paper" d="M{place} {MIDDLE + 1}l-4.5 7.5h9z"/>'


def draw_ours(strip: Strip) -> str:
    """Our mean and its interval, or an exact value as a square; nothing where nothing was run."""
    if math.isnan(strip.ours):
        return ""
    place, middle = strip.place(strip.ours), MIDDLE - 4
    if strip.exact:
        return f'<rect class="ours" x="{place - 3.5}" y="{middle - 3.5}" width="7" height="7"/>'
    dot = f'<circle class="ours" cx="{place}" cy="{middle}" r="3.5"/>'
    if math.isnan(strip.ours_low):
        return dot
    low, high = strip.place(strip.ours_low), strip.place(strip.ours_high)
    return f'<path class="interval" d="M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"/>{dot}'


def draw_ends(strip: Strip, unit: str) -> str:
    """The scale: its two ends, and the unit between them."""
    least, most = (f"{end:+.3g}" for end in strip.ends)
    below = HEIGHT - 2
    return (
        f'<text x="{EDGE}" y="{below}">{least}</text>'
        f'<text x="{WIDTH / 2:g}" y="{below}" text-anchor="middle">{unit}</text>'
        f'<text x="{WIDTH - EDGE}" y="{below}" text-anchor="end">{most}</text>'
    )
