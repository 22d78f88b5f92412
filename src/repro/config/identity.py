"""A run's identity: the hash of the fields that differ from their default.

So a field added later with a default leaves every old key valid (the idea is open_lth's). A run that needs another one
holds that run as a field, or in a tuple; in the hash and on disk it stands as that run's own key, so a key covers its
whole history. The seed is not part of a config: one config, many seeds.
"""

import dataclasses
import functools
import hashlib
import json
from typing import Any

SCHEMA = 1  # raised when a change of code makes old results wrong for the same config


def canonical(config: Any) -> dict[str, Any]:
    """Fields of a config that differ from their default, JSON-ready; a nested run stands as its name."""
    changed = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != field.default:
            changed[field.name] = _plain(value)
    return changed


def _plain(value: Any) -> Any:
    if hasattr(value, "procedure"):
        return name(value)
    if dataclasses.is_dataclass(value):
        return canonical(value)
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


@functools.cache  # because a run of many parents holds each of them many times over
def key(run: Any) -> str:
    """First 12 hex digits of the SHA-256 of a run's canonical JSON, its procedure and the schema."""
    body = {"schema": SCHEMA, "procedure": run.procedure, "config": canonical(run)}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


def name(run: Any) -> str:
    """A run's name in the store, such as `train-0f3a12b4c5d6`."""
    return f"{run.procedure}-{key(run)}"


def parents(config: Any) -> list[Any]:
    """Runs that a config needs, nearest first, without repeats."""
    fields = [getattr(config, field.name) for field in dataclasses.fields(config)]
    found: list[Any] = []
    for value in (v for field in fields for v in (field if isinstance(field, tuple) else (field,))):
        if hasattr(value, "procedure"):
            found.append(value)
        elif dataclasses.is_dataclass(value):
            found += parents(value)
    return list(dict.fromkeys(found))
