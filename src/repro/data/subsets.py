"""Which images of a data set a config keeps: those of some classes, and of each class one in so many (paper C, NiR)."""

import numpy as np

from repro.config import ConfigError, Data
from repro.tickets.classes import reduce_images


def keep_names(names: tuple[str, ...], config: Data) -> tuple[str, ...]:
    """Names of the classes kept, of those of the whole data set. Raises ConfigError for a number that none has."""
    kept = class_numbers(config, len(names))
    if unknown := [number for number in kept if number >= len(names)]:
        raise ConfigError(
            f"{config.name} has no class {unknown[0]}; its {len(names):,} classes are 0 to {len(names) - 1}"
        )
    return tuple(names[number] for number in kept)


def class_numbers(config: Data, count: int) -> tuple[int, ...]:
    """Numbers of the classes kept, of `count`. Raises ConfigError for a choice that was not looked up."""
    if config.classes is None:
        return tuple(range(count))
    if not isinstance(config.classes, tuple):
        raise ConfigError("classes that a run chose are looked up first, by procedures.subsets.open_data")
    return config.classes


def keep_images(labels: np.ndarray, config: Data, *, train: bool) -> tuple[np.ndarray, np.ndarray]:
    """Places of the images kept, rising, and their labels among the classes kept, from labels (n,) among all.

    Only training images are thinned out, those of a class by a draw of its own, whatever other classes are kept.
    """
    numbers = np.array(class_numbers(config, labels.max(initial=-1) + 1), int)
    places = np.flatnonzero(np.isin(labels, numbers))
    if train and config.one_in > 1:
        places = places[reduce_images(labels[places], config.one_in, config.draw)]
    return places, np.searchsorted(numbers, labels[places])
