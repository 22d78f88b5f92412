"""The book as a site: assembled from what is committed, or from your own pages, and built by Jupyter Book.

The published book is built from `book` as it stands. The site of a preset is the same book with your own pages in
place of the published ones, as far as you have made them.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from repro import config, paths
from repro.artefacts import REGISTRY
from repro.artefacts.base import recorded
from repro.disk import write_bytes
from repro.published import read_claims
from repro.report.tables import judged, printed


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
    lines = ["| page | claim | paper | here | preset |", "|---|---|---|---|---|"]
    for artefact in REGISTRY.values():
        found = [r for p in reversed(config.PRESETS) if p != "demo" and (r := recorded(artefact, p))]
        for claim in read_claims(artefact.id).itertuples():
            page = f"[{artefact.title}](#page-{artefact.id})"
            here, preset = (judged(found[0], claim), found[0].preset) if found else ("not run", "demo only")
            lines.append(f"| {page} | {claim.statement} | {printed(claim.value)} | {here} | {preset} |")
    write_bytes(paths.BOOK / "scoreboard.md", ("\n".join(lines) + "\n").encode())
