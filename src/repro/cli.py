"""The `repro` command. Every recipe of the Makefile is one line of it."""

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from repro import config, paths
from repro.artefacts import REGISTRY, all_runs, base, find_artefact, find_run
from repro.asked import parsed, planned, rehearsed
from repro.data_commands import data_app
from repro.disk import write_bytes
from repro.own.commands import tickets_app
from repro.runs.leading import with_others

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(data_app, name="data")
app.add_typer(tickets_app, name="tickets")

INTERRUPTED = 130  # exit status that typer gives on Ctrl-C
ArtefactIds = Annotated[list[str], typer.Argument(help="ids of artefacts, see `repro list`", show_default=False)]
Preset = Annotated[str, typer.Option(help="demo, pocket, gpu or paper")]
Parameters = Annotated[list[str] | None, typer.Option("-p", help="name=value, such as seeds=0,1,2")]


@app.command("list")
def list_artefacts() -> None:
    """List the artefacts with the presets that have committed records."""
    for artefact in REGISTRY.values():
        known = [p for p in config.PRESETS if base.recorded(artefact, p)]
        print(f"{artefact.id:18} {artefact.title} ({artefact.source}); recorded: {', '.join(known) or 'none'}")


@app.command()
@with_others
def run(
    artefacts: ArtefactIds,
    preset: Preset = "demo",
    p: Parameters = None,
    refresh: Annotated[bool, typer.Option(help="carry every run out again")] = False,
    dry_run: Annotated[bool, typer.Option(help="two steps of the first runs, on tiny stand-ins of the data")] = False,
) -> None:
    """Carry out the runs of artefacts that your own store lacks."""
    if dry_run:
        for artefact in artefacts:
            print(rehearsed(artefact, preset))
        return
    tasks = [task for artefact in artefacts for task in planned(artefact, preset, p)]
    from repro.runs import schedule, store

    paths.make_folder(paths.home())
    with store.making_again(store.with_parents(tasks) if refresh else []):
        records = schedule.get_or_compute(tasks, use_committed=False)
    print(f"{', '.join(artefacts)}, preset {preset}: {len({r.key for r in records})} runs are done")


@app.command()
@with_others
def compute(
    name: Annotated[str, typer.Argument(help="of a run, as `repro status` shows it", show_default=False)],
    seed: Annotated[int, typer.Option(help="of the run")] = 0,
    refresh: Annotated[bool, typer.Option(help="carry it out again")] = False,
) -> None:
    """Carry out one run by its name, with what it needs."""
    from repro.runs import schedule, store

    config.check_seeds([seed])
    run = find_run(name)
    paths.make_folder(paths.home())
    with store.making_again([(run, seed)] if refresh else []):
        record = schedule.get_or_compute([(run, seed)], use_committed=False)[0]
    print(f"{name} seed {seed}: {record.outcome}")


@app.command()
def execute(artefacts: ArtefactIds, preset: Preset = "demo", p: Parameters = None) -> None:
    """Carry out what your own store lacks, then execute the notebooks into pages of your own.

    Where runs failed, the pages that do not need them are made all the same.
    """
    start = time.monotonic()
    planned_tasks = {artefact: planned(artefact, preset, p) for artefact in artefacts}
    jobs = {a: (paths.notebook(a), paths.page(a, preset), {"preset": preset} | parsed(a, p)) for a in artefacts}
    from repro.pages.execute import execute_all
    from repro.runs import schedule

    paths.make_folder(paths.home())
    failed = None
    try:
        schedule.get_or_compute([task for tasks in planned_tasks.values() for task in tasks], use_committed=False)
    except schedule.RunFailed as error:
        failed = error
        jobs = {a: job for a, job in jobs.items() if not schedule.missing(planned_tasks[a], use_committed=False)}
    for page in execute_all(list(jobs.values())):
        print(f"{page.stem}: {relative(page)} (after {time.monotonic() - start:.0f} s)")
    if failed:
        raise failed


@app.command()
def record(
    artefacts: ArtefactIds,
    preset: Preset = "demo",
    p: Parameters = None,
    replace: Annotated[bool, typer.Option(help="replace better records too")] = False,
) -> None:
    """Copy the records of finished runs, and of the runs they needed, into book/results."""
    from repro.runs.committed import record_runs

    for artefact in artefacts:
        file = paths.recorded(find_artefact(artefact).id, preset)
        done, total = record_runs(planned(artefact, preset, p), file, replace)
        said = "; ".join(f"{count} {what}" for what, count in done.items())
        print(f"{relative(file)}: {said}; {total} in all")


@app.command("import")
def import_runs(
    sources: Annotated[list[Path], typer.Argument(help="files of records, or other stores", show_default=False)],
) -> None:
    """Take finished runs of another machine into your own store, and say what was taken and what refused, and why."""
    from repro.runs.importing import REFUSED, take_in
    from repro.runs.offers import find_offers

    offers = [offer for source in sources for offer in find_offers(source)]
    paths.make_folder(paths.home())
    found: Counter[str] = Counter()
    for outcome in take_in(offers, all_runs()):
        found[outcome.what] += 1
        print(outcome)
    print(", ".join(f"{count} {what}" for what, count in found.items()))
    if found[REFUSED]:
        raise typer.Exit(1)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="of a run, or an artefact's id", show_default=False)],
    seed: Annotated[int, typer.Option(help="of the run")] = 0,
    preset: Preset = "demo",
) -> None:
    """Say why a record is stale and why a run would be carried out again; of an artefact, of each of its runs."""
    from repro.runs.explain import explain as lines_about
    from repro.runs.store import with_parents

    config.check_seeds([seed])
    config.check_preset(preset)
    arms = REGISTRY[name].grid(preset) if name in REGISTRY else []
    runs = [run for run, _ in with_parents((arm.run, seed) for arm in arms)] or [find_run(name)]
    for run in runs:
        print("\n".join(lines_about(run, seed)))


@app.command()
def certify(
    artefacts: Annotated[list[str] | None, typer.Argument(help="ids of artefacts; all by default")] = None,
) -> None:
    """Repeat a recorded run of each kind under today's code; where all are equal, their records count as verified."""
    from repro.runs import committed
    from repro.runs.certify import certify as lines_about
    from repro.runs.store import with_parents

    recorded: dict[tuple[str, int], tuple[config.Run, Any]] = {}
    for artefact, preset in product(artefacts or REGISTRY, config.PRESETS):
        known = committed.read_file(paths.recorded(find_artefact(artefact).id, preset))
        seeds = sorted({seed for _, seed in known})
        tasks = with_parents((arm.run, seed) for arm in REGISTRY[artefact].grid(preset) for seed in seeds)
        recorded |= {key: (run, known[key]) for run, s in tasks if (key := (config.name(run), s)) in known}
    for line in lines_about(recorded.values()):
        print(line)


@app.command()
def plan() -> None:
    """Say which claims more seeds would decide, how many, and what that takes; those first that give most an hour."""
    from repro.report.power import table

    print(table())


@app.command()
def publish() -> None:
    """Execute every notebook at its best recorded preset from the records alone, and renew the committed pages."""
    from repro.pages.execute import execute_all
    from repro.pages.parts import write_parts

    best = {name: base.best_recorded(artefact) for name, artefact in REGISTRY.items()}
    if lacking := [name for name, results in best.items() if results is None]:
        raise config.ConfigError(f"{lacking[0]} has no complete records; make some with `repro record`")
    said = {name: {"preset": r.preset, "seeds": list(r.seeds)} for name, r in best.items() if r}
    jobs = [(paths.notebook(name), paths.PAGES / f"{name}.ipynb", parameters) for name, parameters in said.items()]
    with tempfile.TemporaryDirectory() as empty:
        os.environ |= {"REPRO_HOME": empty, "REPRO_TRAIN": "never"}
        for page in execute_all(jobs):
            print("{}: preset {preset}, seeds {seeds}".format(relative(page), **said[page.stem]))
    write_parts()


@app.command()
def book(preset: Annotated[str, typer.Option(help="build the site of your own pages")] = "") -> None:
    """Build the published book, or the site of your own pages of a preset; warnings are errors."""
    from repro.pages.site import build_site

    if preset:
        config.check_preset(preset)
    print(f"site: {relative(build_site(preset or None))}")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="for a program to read")] = False) -> None:
    """Show the runs in your own store, and what is being carried out now."""
    from repro.runs.status import describe, overview

    found = overview()
    print(json.dumps(found, indent=1) if as_json else describe(found))


@app.command()
def doctor() -> None:
    """Say what this machine can run and how to mend what it cannot."""
    from repro.doctor import examine

    for fine, what, mend in examine():
        print(f"{'ok  ' if fine else 'MEND'} {what}" + ("" if fine else f"\n     {mend}"))


@app.command()
def bench(write: Annotated[bool, typer.Option(help="write book/results/bench.json")] = True) -> None:
    """Measure the speed targets side by side and print the ratios; the last of every processor is kept."""
    from repro.bench import measure_all

    results = measure_all()
    if write:
        file = paths.RESULTS / "bench.json"
        known = json.loads(file.read_text()) | {results["provenance"]["device"]: results}
        write_bytes(file, (json.dumps(known, indent=1) + "\n").encode())


def relative(path: Path) -> str:
    """A path as seen from the checkout."""
    return str(path.relative_to(paths.CHECKOUT)) if path.is_relative_to(paths.CHECKOUT) else str(path)


def main() -> None:
    """Entry point: an error of the user's is one line that names the mend, and a non-zero exit."""
    for name in ("SIGTERM", "SIGHUP"):  # ended or its terminal closed: go as on Ctrl-C; not where `nohup` forbids it
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        app(standalone_mode=True)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("repro: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        raise
    except Exception as error:
        told = paths.blame(Path(str(error.filename)), error) if isinstance(error, OSError) else error
        if type(told).__module__.partition(".")[0] != "repro":
            raise
        sys.exit(f"repro: {told}")


if __name__ == "__main__":
    main()
