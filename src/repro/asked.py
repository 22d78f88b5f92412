"""What a command line asks for: runs and seeds of artefacts, their rehearsal, and parameters of notebooks."""

from typing import Any

from repro import config, paths
from repro.artefacts import base, find_artefact


def planned(artefact: str, preset: str, p: list[str] | None) -> list[tuple[config.Run, int]]:
    """Runs and seeds that a command line asks for."""
    return [(arm.run, seed) for arm, seed in base.plan(find_artefact(artefact), preset, **parsed(artefact, p))]


def rehearsed(artefact: str, preset: str) -> str:
    """Rehearse the runs of a preset that use every part of its recipe; a line that says how they went."""
    from repro.runs.rehearsal import rehearse

    config.check_preset(preset)
    found = find_artefact(artefact)
    arms = found.grid(preset, **base.options_of_rehearsal(found))
    records = rehearse(arm.run for arm in found.rehearsed(arms))
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
