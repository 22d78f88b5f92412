"""The commands of `repro data`: data sets of others, fetched and checked."""

from typing import Annotated

import typer

from repro import config, paths
from repro.disk import write_bytes

data_app = typer.Typer(no_args_is_help=True, help="Fetch and check data sets.")


@data_app.command("fetch")
def fetch(names: Annotated[list[str], typer.Argument(help="cifar10, cifar100, ag_news", show_default=False)]) -> None:
    """Download data sets, resuming an earlier try."""
    from repro.data.fetch import FETCHERS

    if unknown := [name for name in names if name not in FETCHERS]:
        raise config.ConfigError(f"cannot fetch {unknown[0]!r}: choose one of {', '.join(FETCHERS)}")
    for name in names:
        print(f"{name} is in {FETCHERS[name](paths.data())}")


@data_app.command("check")
def check(
    names: Annotated[list[str], typer.Argument(help="cifar10, cifar100, ag_news, imagenet", show_default=False)],
    decode: Annotated[bool, typer.Option(help="read every image of imagenet to its end; that takes a while")] = False,
) -> None:
    """Say whether data sets are here and whole; of imagenet counts and labels are verified."""
    from repro.data.check import CHECKS

    if unknown := [name for name in names if name not in CHECKS]:
        raise config.ConfigError(f"cannot check {unknown[0]!r}: choose one of {', '.join(CHECKS)}")
    bad = False
    for name in names:
        for fine, said in CHECKS[name](decode):
            print(f"{'ok  ' if fine else 'BAD '} {name}: {said}", flush=True)
            bad = bad or not fine
    if bad:
        raise typer.Exit(1)


@data_app.command("snapshot-wordnet")
def snapshot_wordnet() -> None:
    """Write the hypernyms that the package ships anew, from an installed WordNet 3.0."""
    from repro.data import classes, wordnet

    wnids = [*classes.class_ids(), *wordnet.read_cifar100().values()]
    write_bytes(wordnet.SNAPSHOT, wordnet.snapshot_text(wnids, wordnet.read_wordnet()).encode())
    print(f"{wordnet.SNAPSHOT}: {len(wnids):,} classes, {wordnet.SNAPSHOT.stat().st_size:,} bytes")
