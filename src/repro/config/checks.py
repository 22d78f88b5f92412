"""Checks of values that a user gives; an error names the value and what is allowed."""

from typing import Any

from repro.config.base import ConfigError

PRESETS = ("demo", "pocket", "gpu", "paper")
TICKETS = ("stored", "online")  # selected once on the image as it is, or anew on every augmented batch


def check_keep_rate(keep_rate: float) -> None:
    """Raise ConfigError unless a keep rate lies above 0 and at most at 1."""
    if not 0 < keep_rate <= 1:
        raise ConfigError(f"keep_rate must lie above 0 and at most at 1; got {keep_rate}")


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
