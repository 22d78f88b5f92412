"""Figure 2 of paper A: what a ticket does to a network that is no plain ViT, on real images.

LV-ViT loses the labels of the patches that it loses; Swin and ResNet see the image with the other patches painted over.
"""

import numpy as np

from repro.artefacts import table4
from repro.artefacts.base import Arm, Artefact
from repro.config import Fill, ShowRun

COLUMNS = {"LV-ViT-S": 0.85, "Swin-T": 0.8}  # keep rates of Table 4


def grid(preset: str) -> list[Arm]:
    """The first test images under the selector of Table 4, with the classes that its annotator sees."""
    size = table4.SIZES[preset]
    annotator = dict(table4.dense_runs(size, 0))["ResNet-50"]
    return [
        Arm({"model": name, "keep_rate": rate}, ShowRun(size.selector, rate, annotator, size.data, 3))
        for name, rate in COLUMNS.items()
    ]


def paint(image: np.ndarray, ids: list[int], patches: int, fill: Fill, mean: list[float]) -> np.ndarray:
    """An image (height, width, 3) as Swin and ResNet see it: all patches but `ids` in the mean colour, or in black.

    The function that paints is the one that training calls.
    """
    import torch

    from repro.tickets.patches import occlude

    colour = torch.zeros(3) if fill == "black" else torch.tensor(mean)
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    painted = occlude(pixels, torch.tensor([ids]), patches, colour)[0]
    return painted.permute(1, 2, 0).round().numpy().astype(np.uint8)


ARTEFACT = Artefact("figure2", "Tickets in LV-ViT and Swin", "paper A, Figure 2", grid, rehearsed=lambda arms: arms[:1])
