"""Figure 2 of paper A: what a ticket does to a network that is no plain ViT, on real images.

LV-ViT loses the labels of the patches that it loses; Swin and ResNet see the image with the other patches painted over.
"""

from repro.artefacts import table4
from repro.artefacts.base import Arm, Artefact
from repro.config import ShowRun

COLUMNS = {"LV-ViT-S": 0.85, "Swin-T": 0.8}  # keep rates of Table 4


def grid(preset: str) -> list[Arm]:
    """The first test images under the selector of Table 4, with the classes that its annotator sees."""
    size = table4.SIZES[preset]
    annotator = dict(table4.dense_runs(size))["ResNet-50"]
    return [
        Arm({"model": name, "keep_rate": rate}, ShowRun(size.selector, rate, annotator, size.data, 3))
        for name, rate in COLUMNS.items()
    ]


ARTEFACT = Artefact("figure2", "Tickets in LV-ViT and Swin", "paper A, Figure 2", grid, rehearsed=lambda arms: arms[:1])
