"""A run's identity: the hash of the fields that differ from their default.

So a field added later with a default leaves every old key valid (the idea is open_lth's). A run that needs another one
holds that run as a field, or in a tuple; in the hash and on disk it stands as that run's own name, so a key covers its
whole history. A field that may hold configs of several types says which it holds: going on from a run's initial
weights is not going on from its final ones. The seed is not part of a config: one config, many seeds.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from repro.config.base import annotations, choices

SCHEMA = 2  # raised when a change of code makes old results wrong for the same config
TYPE = "type"  # entry that names the type of a nested config where its field may hold several


def canonical(config: Any) -> dict[str, Any]:
    """Fields of a config that differ from their default, JSON-ready; a nested run stands as its name."""
    changed = {}
    hints = annotations(type(config))  # type: ignore[arg-type]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            changed[field.name] = _plain(value, hints[field.name])
    return changed


def _plain(value: Any, annotation: Any) -> Any:
    if is_run(value):
        return name(value)
    members = choices(annotation)
    if dataclasses.is_dataclass(value):
        several = sum(dataclasses.is_dataclass(member) for member in members) > 1
        return ({TYPE: type(value).__name__} if several else {}) | canonical(value)
    if isinstance(value, tuple):
        item = next(get_args(member)[0] for member in members if get_origin(member) is tuple)
        return [_plain(v, item) for v in value]
    return value


def is_run(value: Any) -> bool:
    """Whether a value of a config is a run of its own."""
    return hasattr(value, "procedure")


def key(run: Any) -> str:
    """First 12 hex digits of the SHA-256 of a run's canonical JSON, its procedure and the schema.

    It is worked out once an object, because a run of many parents holds each of them many times over.
    """
    if (found := vars(run).get("_key")) is None:
        found = key_of(run.procedure, canonical(run))
        object.__setattr__(run, "_key", found)
    return str(found)


def key_of(procedure: str, changed: Mapping[str, Any]) -> str:
    """The key of a run of a procedure, from what `canonical` makes of its config, as it stands in a record."""
    body = {"schema": SCHEMA, "procedure": procedure, "config": changed}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


def name(run: Any) -> str:
    """A run's name in the store, such as `train-0f3a12b4c5d6`."""
    return f"{run.procedure}-{key(run)}"


def parents(config: Any) -> list[Any]:
    """Runs that a config needs, nearest first, without repeats."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if is_run(item):
                found.setdefault(name(item), item)
            elif dataclasses.is_dataclass(item):
                for run in parents(item):
                    found.setdefault(name(run), run)
    return list(found.values())
