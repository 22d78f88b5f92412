"""The provenance footer: which code, data, machine and time made the numbers of a page, and the command."""

from collections import Counter
from collections.abc import Iterable

from repro import config
from repro.artefacts.base import Artefact, Results
from repro.report.tables import Table
from repro.runs.freshness import STALE, freshness


def provenance(results: Results) -> Table:
    """Provenance of every run behind a page, and the command that makes it again."""
    records = results.records
    sources = [r.provenance for r in records]
    seconds = sum(r.timing["seconds"] for r in records)
    states = [freshness(r) for r in records]
    dirty = sum(s.dirty for s in sources)
    mend = f"`make refresh-{results.artefact.id} PRESET={results.preset}` recomputes them"
    seeds = ",".join(map(str, results.seeds))
    module = results.artefact.id.replace("-", "_")
    rows = {
        "runs": f"{len(records)} over seeds {seeds}, {seconds / 60:.1f} minutes of computing",
        "commit": listed(s.commit for s in sources) + (f"; {dirty} runs with uncommitted changes" if dirty else ""),
        "code": listed(states) + (f"; {mend}" if STALE in states else ""),
        "device": listed(s.device for s in sources),
        "versions": listed(", ".join(f"{k} {v}" for k, v in s.versions.items()) for s in sources),
        "precision": listed(r.precision for r in records),
        "data (checksum)": listed(r.data + ", NOT the published data" * (r.origin == "other") for r in records),
        "dates": listed(s.date for s in sources),
        "made by": f"src/repro/artefacts/{module}.py and notebooks/{results.artefact.id}.ipynb",
        "command": f"make reproduce-{results.artefact.id} PRESET={results.preset} SEEDS={seeds}",
    }
    if larger := next_preset(results.artefact, results.preset):
        rows["the same, larger"] = f"make reproduce-{results.artefact.id} PRESET={larger}"
    return Table({"provenance": name, "": value} for name, value in rows.items())


def next_preset(artefact: Artefact, preset: str) -> str | None:
    """The next larger preset at which an artefact asks for other runs; None where there is none."""
    larger = config.PRESETS[config.PRESETS.index(preset) + 1 :]
    return next((other for other in larger if artefact.grid(other) != artefact.grid(preset)), None)


def listed(values: Iterable[str]) -> str:
    """Distinct values, commonest first, with how many runs each stands for where they differ."""
    counts = Counter(values).most_common()
    return counts[0][0] if len(counts) == 1 else "; ".join(f"{value} ({n} runs)" for value, n in counts)
