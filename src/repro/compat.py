"""Lets torchvision be imported beside a torch build its compiled operators were not made for.

The published torchvision wheel is a CUDA build. Next to a CPU torch its operators do not load, and the import
then fails because two of them are registered by Python without being defined. Declaring those two is enough for
all that timm needs; nothing here ever calls them. On a matching build this does nothing.
"""

import importlib.util
from pathlib import Path

import torch
from torch import library

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[library.Library] = []  # the declarations last only as long as this reference


def mend_torchvision() -> bool:
    """Declare torchvision's missing operators; True where they were missing. Call before importing torchvision."""
    if _declared:
        return True
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or _loads(Path(spec.origin).parent):
        return False
    operators = library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(name + _SCHEMA)
    _declared.append(operators)
    return True


def _loads(folder: Path) -> bool:
    for extension in folder.glob("_C*.so"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            return False
    return True
