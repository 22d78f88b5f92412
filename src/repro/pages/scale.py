"""The generated parts of the page on scale: every number follows from configs, records and the assumptions named there.

Hours of a GPU are a range, because none was measured: operations counted over a share of a GPU's peak that is assumed.
"""

import json
from typing import Any

from repro import config, paths
from repro.artefacts import REGISTRY
from repro.artefacts.base import SEEDS, Artefact
from repro.artefacts.shared import pretraining
from repro.artefacts.shared.work import H100, SHARES, count_texts, needs_gpu, work_of
from repro.config import TextRun
from repro.disk import write_bytes
from repro.pages.rates import HOUR, V100, between, core_rate, cpu_seconds, number, rates
from repro.pages.site import as_table
from repro.report.busy import draw_busy
from repro.runs import store
from repro.tickets.stages import stage_counts

PRESET = "paper"
YEAR = 365.25 * 24 * HOUR
PRINTED_HOURS = 1.5e6  # of a GPU, that paper C's models took
IN21K, IN21K_CLASSES, PATCHES = 14_197_122, 21_841, 196
WASTE = ("starts", "slow workers", "done again", "failed runs", "machines away", "idle")  # of a simulated campaign


def write_scale() -> None:
    """Write the parts of `book/scale.md`, and the drawing of the simulated cluster."""
    parts = {"rates": rates, "hours": hours, "pretraining": pretraining_table, "sizes": sizes, "cluster": cluster}
    for name, make in parts.items():
        write_bytes(paths.BOOK / f"scale-{name}.md", (make() + "\n").encode())
    write_bytes(
        paths.BOOK / "_static" / "busy.svg",
        draw_busy(next(row["busy"] for row in simulated() if row["busy"])).encode(),
    )


def hours() -> str:
    """A row an artefact at `paper`, and all of them as one graph."""
    grids = {artefact.id: runs_of(artefact) for artefact in REGISTRY.values()}
    merged = {name: task for tasks in grids.values() for name, task in tasks.items()}
    rows = [cost(name, tasks) for name, tasks in grids.items()]
    return as_table([*rows, cost("**all, shared runs once**", merged)])


def runs_of(artefact: Artefact) -> dict[tuple[str, int], Any]:
    """The runs of an artefact at `paper`, with all they need, by name and seed."""
    seeds = (0,) if artefact.exact else SEEDS[PRESET]
    tasks = store.with_parents((arm.run, seed) for arm in artefact.grid(PRESET) for seed in seeds)
    return {(config.name(run), seed): run for run, seed in tasks}


def cost(name: str, tasks: dict[tuple[str, int], Any]) -> dict[str, str]:
    """A row: what runs take and leave."""
    works = {key: work for key, run in tasks.items() if (work := work_of(run))}
    low, high = (sum(work.gpu_range[i] for work in works.values()) / HOUR for i in (0, 1))
    chain = longest_chain(tasks, {key: work.gpu_range for key, work in works.items()})
    unknown = sum(needs_gpu(run) and key not in works for key, run in tasks.items())
    known, cpu = cpu_seconds(), 0.0
    for run in (run for run in tasks.values() if not needs_gpu(run)):
        cpu += known.get(run.procedure, 0.0) * (count_texts(run) if isinstance(run, TextRun) else 1.0)
    macs = sum(work.macs for work in works.values())
    return {
        "artefact": name,
        "runs": f"{len(tasks):,}" + (f" ({unknown} not counted)" if unknown else ""),
        "images, millions": number(sum(work.images for work in works.values()) / 1e6),
        "operations, 10¹⁸": number(2 * macs / 1e18),
        "years of a core as recorded": number(2 * macs / core_rate() / YEAR),
        "H100 hours": between(low, high),
        "longest chain, H100 hours": between(*(seconds / HOUR for seconds in chain)),
        "CPU hours besides": number(cpu / HOUR),
        "store, GB": number(sum(work.kept_bytes for work in works.values()) / 1e9),
    }


def longest_chain(
    tasks: dict[tuple[str, int], Any], seconds: dict[tuple[str, int], tuple[float, float]]
) -> list[float]:
    """Least and most seconds of the longest chain of runs that need each other; parents stand first."""
    found = []
    for i in (0, 1):
        ends: dict[tuple[str, int], float] = {}
        for key, run in tasks.items():
            before = max((ends[config.name(parent), key[1]] for parent in config.parents(run)), default=0.0)
            ends[key] = before + seconds.get(key, (0.0, 0.0))[i]
        found.append(max(ends.values(), default=0.0))
    return found


def pretraining_table() -> str:
    """What paper C's configurations and its 2,000 models compute."""
    low, high = (1 / (share * H100 * HOUR) for share in reversed(SHARES[True]))
    rows = [
        {
            "configuration": recipe.name,
            "epochs": str(recipe.epochs),
            "operations an image, 10⁹": number(2 * recipe.macs / 1e9),
            "H100 hours on all classes": between(2 * recipe.whole * low, 2 * recipe.whole * high),
            "on a ticket of 100": between(*(2 * pretraining.TICKET_SHARE * recipe.whole * x for x in (low, high))),
        }
        for recipe in pretraining.recipes()
    ]
    found = pretraining.campaigns()
    most = max(found.values())
    totals = [
        {
            f"{pretraining.MODELS:,} models": what,
            "operations, 10²¹": number(2 * macs / 1e21),
            "H100 hours": between(2 * macs * low, 2 * macs * high),
            "share of the first": f"{macs / most:.1%}",
        }
        for what, macs in found.items()
    ]
    share = 2 * most / (PRINTED_HOURS * HOUR * V100)
    said = (
        f"The paper prints {PRINTED_HOURS:,.0f} GPU hours and does not name the GPU. If every model had been trained "
        f"on all classes on V100s, that would be {share:.0%} of their peak."
    )
    return f"{as_table(rows)}\n\n{as_table(totals)}\n\n{said}"


def sizes() -> str:
    """Bytes of tickets and of a run at the size of ImageNet-21k."""
    rows = [
        {"what": f"patch ticket, k = {rate:g}: ids of {kept} of {PATCHES} patches", "size": gigabytes(IN21K * kept)}
        for rate in (0.9, 0.7, 0.5)
        if (kept := stage_counts(PATCHES, rate)[-1])
    ]
    rows.append({"what": "the same as one bit a patch, for any k", "size": gigabytes(IN21K * PATCHES / 8)})
    rows.append({"what": "class ticket: ids of a tenth of the classes", "size": gigabytes(8 * IN21K_CLASSES / 10)})
    rows.append({"what": "sample ticket: ids of a tenth of the images", "size": gigabytes(8 * IN21K / 10)})
    for name, artefact, kind in (("DeiT-S", "table1", "train"), ("patches of ImageNet-1K", "figure3", "select")):
        runs = [run for run in runs_of(REGISTRY[artefact]).values() if run.procedure == kind]
        most = max(work.kept_bytes for run in runs if (work := work_of(run)))
        rows.append({"what": f"files that a run leaves: {name}", "size": gigabytes(most)})
    return as_table(rows)


def gigabytes(size: float) -> str:
    """Bytes in words."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{number(size / unit)} {name}"
    return f"{number(size / 1e3)} kB"


def simulated() -> list[dict[str, Any]]:
    """Outcomes on record of the simulated campaign."""
    measured = json.loads((paths.RESULTS / "bench.json").read_text())
    return next(results["cluster"]["rows"] for results in measured.values() if "cluster" in results)


def cluster() -> str:
    """How the simulated campaign went on clusters of several sizes."""
    rows = []
    for row in simulated():
        shares, counts = row["shares"], row["counts"]
        rows.append(
            {
                "workers": f"{row['workers']:,}",
                "trainings": row["lengths"],
                "what goes wrong": row["case"],
                "runs": f"{row['runs']:,}",
                "hours": f"{row['hours']:.2f}",
                "longest chain, hours": f"{row['chain_hours']:.2f}",
                "work": f"{row['efficiency']:.1%}",
                "at best": f"{row['bound']:.1%}",
                **{what: f"{shares.get(what, 0.0):.2%}" for what in WASTE},
                "attempts lost": f"{counts.get('lost', 0):,}",
                "driver, seconds": f"{row['own_seconds']:.0f}",
                "driver, ms a run": f"{1000 * row['own_seconds'] / row['runs']:.1f}",
            }
        )
    return as_table(rows)
