"""What every config is: fields brought to the type of their annotation, then checked.

Two configs that mean the same are equal and have one key: 4 epochs are 4.0 epochs, a list is a tuple. Whatever does not
fit its annotation is refused with what is allowed, before anything runs.
"""

import dataclasses
import functools
import math
import numbers
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class ConfigError(ValueError):
    """A value of a config or parameter that is not allowed; the message says what is."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of the frozen dataclasses that say what a run is."""

    def __post_init__(self) -> None:
        for name, annotation in annotations(type(self)).items():  # type: ignore[arg-type]
            object.__setattr__(self, name, conform(getattr(self, name), annotation, name))
        self.check()

    def check(self) -> None:
        """Raise ConfigError where fields that fit their annotations do not go together."""


@functools.cache
def annotations(kind: Any) -> dict[str, Any]:
    """Field names of a config class with their annotations, resolved."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def choices(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation alone; None is not among them."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for member in get_args(annotation) if member is not type(None))
    return (annotation,)


def conform(value: Any, annotation: Any, name: str) -> Any:
    """A value as its annotation has it. Raises ConfigError, naming the field and what is allowed."""
    members = choices(annotation)
    if value is None and type(None) in get_args(annotation):
        return None
    for member in members:
        found = fit(value, member, name)
        if found is not None:
            return found
    allowed = " or ".join(describe(member) for member in members)
    raise ConfigError(f"{name} must be {allowed}; got {value!r}")


def fit(value: Any, kind: Any, name: str) -> Any:
    """A value as one type, or None where it is of another."""
    if get_origin(kind) is Literal:
        return next((arg for arg in get_args(kind) if arg == value and not isinstance(value, bool)), None)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return tuple(conform(v, item, f"each of {name}") for v in value) if isinstance(value, list | tuple) else None
    if kind in (int, float):
        return fit_number(value, kind)
    return value if isinstance(value, kind) else None


def fit_number(value: Any, kind: type) -> Any:
    """A finite number as int or float; None where it is none, or not whole where it must be. -0.0 becomes 0.0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number) or (kind is int and not number.is_integer()):
        return None
    return int(value) if kind is int else number + 0.0  # type: ignore[call-overload]


def describe(kind: Any) -> str:
    """A type in words for an error."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return f"a list, each {describe(get_args(kind)[0])}"
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}
    return words.get(kind, f"a {getattr(kind, '__name__', kind)}")
