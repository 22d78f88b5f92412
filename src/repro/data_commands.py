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


@data_app.command("snapshot-wordnet")
def snapshot_wordnet() -> None:
    """Write the hypernyms that the package ships anew, from an installed WordNet 3.0."""
    from repro.data import classes, wordnet

    wnids = [*classes.class_ids(), *wordnet.read_cifar100().values()]
    write_bytes(wordnet.SNAPSHOT, wordnet.snapshot_text(wnids, wordnet.read_wordnet()).encode())
    print(f"{wordnet.SNAPSHOT}: {len(wnids):,} classes, {wordnet.SNAPSHOT.stat().st_size:,} bytes")
