"""The commands of `repro tickets`: tickets in data and models of your own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

tickets_app = typer.Typer(no_args_is_help=True, help="Find tickets in data and models of your own.")


@tickets_app.command("classes")
def tickets_classes(
    policy: Annotated[str, typer.Option(help="rs, erc, pd-top, pd-mid, pd-bottom, pd-uniform, wnh, wec, sec or nir")],
    per_class: Annotated[Path | None, typer.Option(help="CSV: class, then a column of accuracies a model")] = None,
    names: Annotated[Path | None, typer.Option(help="classes, one a line; WordNet ids for wnh")] = None,
    features: Annotated[Path | None, typer.Option(help=".npy of a mean feature a class, for sec")] = None,
    images: Annotated[Path | None, typer.Option(help="folder of class folders, for nir")] = None,
    model: Annotated[str | None, typer.Option(help="column that pd sorts by; else the best over all")] = None,
    count: Annotated[int | None, typer.Option(help="classes to keep; erc: M_target; else 100")] = None,
    threshold: Annotated[int | None, typer.Option(help="erc: T, more classes than this are reduced; else 200")] = None,
    ties: Annotated[bool | None, typer.Option(help="erc: equal accuracies count as consistent")] = None,
    variant: Annotated[str | None, typer.Option(help="wnh: literal, balanced; wec, sec: k-medoids, k-means")] = None,
    backend: Annotated[str | None, typer.Option(help="of k-medoids: kmedoids or scikit-learn-extra")] = None,
    divisor: Annotated[int | None, typer.Option(help="nir: one image in so many is kept; else 10")] = None,
    seed: Annotated[int | None, typer.Option(help="of every draw; else 0")] = None,
) -> None:
    """Choose classes of a data set of your own by a policy of paper C; prints CSV: number, class, reason."""
    from repro.own.classes import Files, choose_classes

    options = {"model": model, "count": count, "threshold": threshold, "ties": ties, "variant": variant}
    options |= {"backend": backend, "divisor": divisor, "seed": seed}
    given = {name: value for name, value in options.items() if value is not None}
    choose_classes(policy, Files(per_class, names, features, images), given, sys.stdout)


@tickets_app.command("features")
def tickets_features(
    model: Annotated[str, typer.Option(help="a timm model, such as vit_base_patch8_224.dino")],
    images: Annotated[Path, typer.Option(help="folder of class folders")],
    out: Annotated[Path, typer.Option(help=".npy to write")],
    checkpoint: Annotated[Path | None, typer.Option(help="safetensors weights in place of timm's download")] = None,
) -> None:
    """Write the mean feature of each class, (classes, dim), for the policy sec."""
    from repro.own.features import write_class_means

    found = write_class_means(model, images, out, checkpoint)
    print(f"{out}: {found[0]} classes, {found[1]} dimensions")
