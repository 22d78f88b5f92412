"""Checks of values that a user gives; an error names the value and what is allowed."""

from typing import Any

from repro.config.base import ConfigError

PRESETS = ("demo", "pocket", "gpu", "paper")
TICKETS = ("stored", "online")  # selected once on the image as it is, or anew on every augmented batch


def check_keep_rate(keep_rate: float) -> None:
    """Raise ConfigError unless a keep rate lies above 0 and at most at 1."""
    if not 0 < keep_rate <= 1:
        raise ConfigError(f"keep_rate must lie above 0 and at most at 1; got {keep_rate}")


def check_positive(config: Any, *names: str) -> None:
    """Raise ConfigError for the first of these fields that is not above 0."""
    for name in names:
        if (value := getattr(config, name)) <= 0:
            raise ConfigError(f"{name} of {type(config).__name__} must be above 0; got {value}")


def check_shares(config: Any, *names: str) -> None:
    """Raise ConfigError for the first of these fields that does not lie in [0, 1]."""
    for name in names:
        if not 0 <= (value := getattr(config, name)) <= 1:
            raise ConfigError(f"{name} of {type(config).__name__} must lie in [0, 1]; got {value}")


def is_fixed(tickets: str) -> bool:
    """Whether tickets are fixed per image (`stored`) or selected anew at every step (`online`). Raises ConfigError."""
    if tickets not in TICKETS:
        raise ConfigError(f"tickets must be one of {', '.join(TICKETS)}; got {tickets!r}")
    return tickets == "stored"


def check_preset(preset: str) -> None:
    """Raise ConfigError unless `preset` is one of PRESETS."""
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """The seeds as a tuple; raise ConfigError unless they are distinct integers from 0 to 2**32 - 1."""
    good = isinstance(seeds, list | tuple) and seeds and all(type(s) is int and 0 <= s < 2**32 for s in seeds)
    if not good or len(set(seeds)) != len(seeds):
        raise ConfigError(
            f"seeds must be distinct whole numbers from 0 to {2**32 - 1}, such as [0, 1, 2]; got {seeds!r}"
        )
    return tuple(seeds)
