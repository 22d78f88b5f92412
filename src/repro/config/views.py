"""Views of images: what a self-supervised step is shown of each (paper C)."""

from dataclasses import dataclass
from typing import Literal

from repro.config.base import Config, ConfigError

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Views(Config):
    """`count` views of an image, drawn alike: a random resized crop, its flip and its colours.

    What is a chance lies in [0, 1]; a change whose chance is 0 is left out.
    """

    count: int = 1
    size: int = 32  # pixels of a side
    area: tuple[float, ...] = (0.2, 1.0)  # of the image that a crop covers, least and most
    interpolation: Interpolation = "bilinear"
    flip: float = 0.5  # chance
    jitter: float = 0.0  # chance of the next four, in random order
    brightness: float = 0.4  # factor within 1 plus and minus this
    contrast: float = 0.4  # likewise
    saturation: float = 0.4  # likewise
    hue: float = 0.1  # turns of the circle of colours, within plus and minus this
    grey: float = 0.0  # chance
    blur: float = 0.0  # chance
    blur_sigma: tuple[float, ...] = (0.1, 2.0)  # pixels of the view, least and most
    solarise: float = 0.0  # chance

    def check(self) -> None:
        if min(self.count, self.size) < 1:
            raise ConfigError(f"count and size of views must be at least 1; got {self.count} and {self.size}")
        chances = (self.flip, self.jitter, self.grey, self.blur, self.solarise)
        if not all(0 <= chance <= 1 for chance in chances):
            raise ConfigError(f"flip, jitter, grey, blur and solarise are chances in [0, 1]; got {chances}")
        if min(self.brightness, self.contrast, self.saturation) < 0 or not 0 <= self.hue <= 0.5:
            raise ConfigError("brightness, contrast and saturation must be at least 0, hue must lie in [0, 0.5]")
        if len(self.area) != 2 or not 0 < self.area[0] <= self.area[1] <= 1:
            raise ConfigError(f"area must be two shares above 0 and at most 1, the lower first; got {self.area}")
        if len(self.blur_sigma) != 2 or not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise ConfigError(f"blur_sigma must be two widths in pixels, the lower first; got {self.blur_sigma}")
