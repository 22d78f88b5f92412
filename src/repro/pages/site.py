"""The book as a site: assembled from what is committed, or from your own pages, and built by Jupyter Book.

The published book is built from `book` as it stands. The site of a preset is the same book with your own pages in
place of the published ones, as far as you have made them.
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from repro import config, paths
from repro.artefacts import REGISTRY
from repro.disk import write_bytes
from repro.report import claims, power
from repro.stats.verdicts import VERDICTS, Exact

PAPERS = {"A": "shen2023data", "B": "upadhyay2024lotus", "C": "anonymous2023dataset"}  # and where the book cites them
LEGEND = (
    "A claim says what the paper ran, the last column what was run here. n is the number of seeds, in brackets is the "
    "95 % interval over them. *After Holm*: whether a decided claim survives a correction for the number of claims. "
    "*Stale* runs were made by an earlier version of the code. [](#sec-method) explains every word."
)


class BookFailed(RuntimeError):
    """Jupyter Book found something wrong; warnings count."""


def build_site(preset: str | None = None) -> Path:
    """Build the published book, or the site of a preset; returns its first page. Raises BookFailed."""
    source = assemble(preset) if preset else paths.BOOK
    output = paths.BUILD / (preset or "published")
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(source), "-W", "-n", "--keep-going"]
    done = subprocess.run([*command, "--path-output", str(output)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BookFailed(f"jupyter-book build failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return output / "_build" / "html" / "index.html"


def assemble(preset: str) -> Path:
    """Copy the book into `build/<preset>/book` with your own pages over the published ones; returns that folder."""
    pages = [p for a in REGISTRY if (p := paths.page(a, preset)).exists()]
    if not pages:
        raise config.ConfigError(f"no page of preset {preset} yet; make one with `make reproduce PRESET={preset}`")
    target = paths.BUILD / preset / "book"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(paths.BOOK, target)
    for page in pages:
        shutil.copy(page, target / paths.PAGES.name)
    return target


def write_speed() -> None:
    """Write `book/speed.md`: what `repro bench` measured last on each processor, from `book/results/bench.json`."""
    measured = json.loads((paths.RESULTS / "bench.json").read_text())
    columns: dict[str, dict[str, dict[str, Any]]] = {}
    for processor, results in measured.items():
        for way in ("as trained", "alone"):
            found = {row["what"]: row[way] for row in results["rows"] if way in row}
            columns |= {f"{processor}, {way}": found} if found else {}
    targets = {row["what"]: row["target"] for results in measured.values() for row in results["rows"]}
    lines = [f"| times as fast | target | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for what, target in targets.items():
        cells = [as_cell(column.get(what), target) for column in columns.values()]
        lines.append(f"| {what} | {target} | {' | '.join(cells)} |")
    write_bytes(paths.BOOK / "speed.md", ("\n".join(lines) + "\n").encode())


def as_cell(found: dict[str, Any] | None, target: float) -> str:
    """A measured ratio with the lowest and the highest of its passes, marked where it is below its target."""
    if found is None:
        return ""
    passes = found.get("ratios")
    text = f"{found['ratio']:.2f}" + (f" ({passes[0]:.2f} to {passes[-1]:.2f})" if passes else "")
    return text if found["ratio"] >= target else f"**{text}, missed**"


def write_scoreboard() -> None:
    """Write `book/scoreboard.md`: every claim with its verdict at the largest preset that is evidence."""
    write_bytes(paths.BOOK / "scoreboard.md", scoreboard().encode())


def scoreboard() -> str:
    """How many claims of each paper have which verdict, and a table a paper, as Markdown."""
    judged = {paper: claims.judge_paper(paper) for paper in PAPERS}
    everything = [one for found in judged.values() for one in found]
    parts = [as_table([count(paper, found) for paper, found in (judged | {"all": everything}).items()]), LEGEND]
    for paper, found in judged.items():
        tested = sum(not math.isnan(one.p) for one in found)
        parts.append(
            f"**Paper {paper}**, {{cite:t}}`{PAPERS[paper]}`. Of {len(found)} claims {tested} have three seeds or "
            "more; Holm's correction is over these."
        )
        survives = claims.after_holm(found)
        parts.append(as_table([as_row(one, survives[one.claim.id]) for one in found]))
    return "\n\n".join(parts) + "\n"


def write_power() -> None:
    """Write `book/power.md`: the claims that are open, and what a decision would take."""
    found = list(power.lines(power.find_needs()))
    write_bytes(paths.BOOK / "power.md", ((as_table(found) if found else "No claim is open.") + "\n").encode())


def count(paper: str, found: list[claims.Judged]) -> dict[str, str]:
    """How many claims have which verdict, and how many of them by an exact value."""
    counts = {"paper": paper, "claims": str(len(found))}
    for word in VERDICTS:
        having = [one for one in found if one.word == word]
        exact = sum(isinstance(one.values, Exact) for one in having)
        counts[word] = f"{len(having)} ({exact} exact)" if exact else str(len(having))
    return counts


def as_row(one: claims.Judged, survives: str) -> dict[str, str]:
    """One line of the scoreboard."""
    artefact = REGISTRY.get(one.claim.artefact)
    return {
        "page": f"[{artefact.title}](#page-{artefact.id})" if artefact else "no page yet",
        "claim": f"{one.claim.statement} ({one.claim.locator})",
        "paper": claims.printed(one.claim),
        "here": one.here,
        "verdict": f"*{one.word}*",
        "after Holm": survives,
        "what was run": one.run,
    }


def as_table(rows: list[dict[str, str]]) -> str:
    """Rows of text as a table of Markdown."""
    lines = [rows[0], ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
