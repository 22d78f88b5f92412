"""The `repro` command. Every recipe of the Makefile is one line of it."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from repro import config, paths
from repro.artefacts import REGISTRY, base, find_artefact, find_run
from repro.disk import write_bytes
from repro.own.commands import tickets_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
data_app = typer.Typer(no_args_is_help=True, help="Fetch and check data sets.")
app.add_typer(data_app, name="data")
app.add_typer(tickets_app, name="tickets")

SHORT = {"epochs": 2, "rewind_epoch": 1, "finetune_epochs": 1}  # options of a rehearsal, where an artefact has them
INTERRUPTED = 130  # exit status that typer gives on Ctrl-C
ArtefactIds = Annotated[list[str], typer.Argument(help="ids of artefacts, see `repro list`", show_default=False)]
Preset = Annotated[str, typer.Option(help="demo, pocket, gpu or paper")]
BackendName = Annotated[str, typer.Option(help="where runs are carried out: local or ray")]
Address = Annotated[str, typer.Option(help="of a Ray cluster, such as auto; without one, Ray is started here")]
Parameters = Annotated[list[str] | None, typer.Option("-p", help="name=value, such as seeds=0,1,2")]


@app.command("list")
def list_artefacts() -> None:
    """List the artefacts with the presets that have committed records."""
    for artefact in REGISTRY.values():
        known = [p for p in config.PRESETS if base.recorded(artefact, p)]
        print(f"{artefact.id:18} {artefact.title} ({artefact.source}); recorded: {', '.join(known) or 'none'}")


@app.command()
def run(
    artefacts: ArtefactIds,
    preset: Preset = "demo",
    p: Parameters = None,
    refresh: Annotated[bool, typer.Option(help="carry every run out again")] = False,
    dry_run: Annotated[bool, typer.Option(help="two steps of the first runs, on tiny stand-ins of the data")] = False,
    backend: BackendName = "local",
    address: Address = "",
) -> None:
    """Carry out the runs of artefacts that your own store lacks; what several artefacts need, once."""
    if dry_run:
        for artefact in artefacts:
            print(rehearsed(artefact, preset))
        return
    tasks = [task for artefact in artefacts for task in planned(artefact, preset, p)]
    from repro.runs import schedule, store

    place = schedule.find_backend(backend, address)
    paths.make_folder(paths.home())
    with store.making_again(store.with_parents(tasks) if refresh else []):
        records = schedule.get_or_compute(tasks, use_committed=False, find_backend=place)
    print(f"{', '.join(artefacts)}, preset {preset}: {len({r.key for r in records})} runs are done")


@app.command()
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
def execute(
    artefacts: ArtefactIds,
    preset: Preset = "demo",
    p: Parameters = None,
    backend: BackendName = "local",
    address: Address = "",
) -> None:
    """Carry out what your own store lacks, then execute the notebooks into pages of your own.

    Where runs failed, the pages that do not need them are made all the same.
    """
    start = time.monotonic()
    planned_tasks = {artefact: planned(artefact, preset, p) for artefact in artefacts}
    jobs = {a: (paths.notebook(a), paths.page(a, preset), {"preset": preset} | parsed(a, p)) for a in artefacts}
    from repro.pages.execute import execute_all
    from repro.runs import schedule

    place, wanted = (
        schedule.find_backend(backend, address),
        [task for found in planned_tasks.values() for task in found],
    )
    paths.make_folder(paths.home())
    failed = None
    try:
        schedule.get_or_compute(wanted, use_committed=False, find_backend=place)
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


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="of a run, or an artefact's id", show_default=False)],
    seed: Annotated[int, typer.Option(help="of the run")] = 0,
    preset: Preset = "demo",
    p: Parameters = None,
) -> None:
    """Say why a record is stale and why a run would be carried out; of an artefact, of each of its runs."""
    from repro.runs.explain import explain as lines_about

    config.check_seeds([seed])
    config.check_preset(preset)
    given = [f"seeds={seed}", *(p or [])]
    for line in lines_about(planned(name, preset, given) if name in REGISTRY else [(find_run(name), seed)]):
        print(line)


@app.command()
def certify(
    artefacts: Annotated[list[str] | None, typer.Argument(help="ids of artefacts; all by default")] = None,
) -> None:
    """Repeat a recorded run of each kind under today's code; where all are equal, their records count as verified."""
    from repro.report.recorded import recorded_runs
    from repro.runs.certify import certify as lines_about

    for line in lines_about(recorded_runs(artefacts or REGISTRY, config.PRESETS)):
        print(line)


@app.command()
def plan() -> None:
    """Say which claims more seeds would decide, how many, and what that takes; those first that give most an hour."""
    from repro.report.power import table

    print(table())


@app.command()
def publish() -> None:
    """Execute every notebook at its best recorded preset from the records alone, and renew the committed pages."""
    from repro.pages.publish import publish as lines_about

    for line in lines_about():
        print(line)


@app.command()
def book(preset: Annotated[str, typer.Option(help="build the site of your own pages")] = "") -> None:
    """Build the published book, or the site of your own pages of a preset; warnings are errors."""
    from repro.pages.site import build_site

    if preset:
        config.check_preset(preset)
    print(f"site: {relative(build_site(preset or None))}")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="for a program to read")] = False,
    quiet: Annotated[bool, typer.Option("-q", help="a line a command that is at work, and one for the store")] = False,
) -> None:
    """Show the runs in your own store, and what is being carried out now."""
    from repro.runs.status import describe, overview, summarise

    found = overview()
    print(json.dumps(found, indent=1) if as_json else summarise(found) if quiet else describe(found))


@app.command()
def doctor() -> None:
    """Say what this machine can run and how to mend what it cannot."""
    from repro.doctor import examine

    for fine, what, mend in examine():
        print(f"{'ok  ' if fine else 'MEND'} {what}" + ("" if fine else f"\n     {mend}"))


@app.command()
def bench(
    parts: Annotated[list[str] | None, typer.Argument(help="steps, overhead, cluster; all by default")] = None,
    write: Annotated[bool, typer.Option(help="write book/results/bench.json")] = True,
) -> None:
    """Measure the speed targets and print them; the last of every processor is kept."""
    from repro.bench import measure_parts

    measure_parts(parts or [], write)


@data_app.command("fetch")
def fetch(names: Annotated[list[str], typer.Argument(help="cifar10, cifar100, ag_news", show_default=False)]) -> None:
    """Download data sets, resuming an earlier try."""
    from repro.data.fetch import FETCHERS

    if unknown := [name for name in names if name not in FETCHERS]:
        raise config.ConfigError(f"cannot fetch {unknown[0]!r}: choose one of {', '.join(FETCHERS)}")
    for name in names:
        print(f"{name} is in {FETCHERS[name](paths.data())}")


@data_app.command("snapshot-wordnet")
def snapshot_wordnet() -> None:
    """Write the hypernyms that the package ships anew, from an installed WordNet 3.0."""
    from repro.data import classes, wordnet

    wnids = [*classes.class_ids(), *wordnet.read_cifar100().values()]
    write_bytes(wordnet.SNAPSHOT, wordnet.snapshot_text(wnids, wordnet.read_wordnet()).encode())
    print(f"{relative(wordnet.SNAPSHOT)}: {len(wnids):,} classes, {wordnet.SNAPSHOT.stat().st_size:,} bytes")


def planned(artefact: str, preset: str, p: list[str] | None) -> list[tuple[config.Run, int]]:
    """Runs and seeds that a command line asks for."""
    return [(arm.run, seed) for arm, seed in base.plan(find_artefact(artefact), preset, **parsed(artefact, p))]


def rehearsed(artefact: str, preset: str) -> str:
    """Rehearse the runs of a preset that use every part of its recipe; a line that says how they went."""
    from repro.runs.rehearsal import rehearse

    config.check_preset(preset)
    found = find_artefact(artefact)
    short = {name: value for name, value in SHORT.items() if name in found.options}
    records = rehearse(arm.run for arm in found.rehearsed(found.grid(preset, **short)))
    said = [f"loss {r.history[-1]['train_loss']:.2f}" if r.history else r.outcome for r in records]
    return f"{artefact}, preset {preset}: {len(records)} runs rehearsed, with {', '.join(said)}"


def parsed(artefact: str, p: list[str] | None) -> dict[str, Any]:
    """Parameters of the notebook from `-p name=value`. Raises ConfigError."""
    from repro.pages.parameters import parse_parameters

    given = {}
    for item in p or []:
        name, equals, value = item.partition("=")
        if not equals or name == "preset":
            raise config.ConfigError(f"-p takes name=value, and the preset is --preset; got {item!r}")
        given[name] = value
    return parse_parameters(paths.notebook(artefact), given)


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
