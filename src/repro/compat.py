"""Lets torchvision be imported beside a torch build its compiled operators were not made for.

The published torchvision wheel is a CUDA build. Next to a CPU torch its operators do not load, and the import
then fails because two of them are registered by Python without being defined. Declaring those two is enough for
all that timm needs; nothing here ever calls them. On a matching build this does nothing.

`python -m repro.compat`, a step of `make setup`, has the environment itself do it: a line that Python reads at every
start waits for the import of torchvision, so that it does not matter whether timm or `repro` is imported first.
"""

import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.library import Library

HOOK = (  # waits without importing anything; Python reads each line of such a file at its start
    "import sys; sys.meta_path.insert(0, type('TorchvisionMend', (), {'find_spec': staticmethod(lambda name, *where: "
    "__import__('repro.compat').compat.find_torchvision() if name == 'torchvision' else None)}))\n"
)
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: "list[Library]" = []  # the declarations last only as long as this reference


def mend_torchvision() -> bool:
    """Declare torchvision's missing operators; True where they were missing. Call before importing torchvision."""
    if _declared:
        return True
    spec = PathFinder.find_spec("torchvision")
    if spec is None or spec.origin is None or _loads(Path(spec.origin).parent):
        return False
    from torch import library

    operators = library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(name + _SCHEMA)
    _declared.append(operators)
    return True


def _loads(folder: Path) -> bool:
    import torch

    for extension in folder.glob("_C*.so"):
        try:
            torch.ops.load_library(str(extension))
        except OSError:
            return False
    return True


def find_torchvision() -> ModuleSpec | None:
    """Where torchvision is, its missing operators declared: what the hook answers to an import of it."""
    mend_torchvision()
    return PathFinder.find_spec("torchvision")


def hook_file() -> Path:
    """Where the environment keeps the hook."""
    return Path(sysconfig.get_path("purelib")) / "repro-torchvision.pth"


def install_hook(file: Path) -> None:
    """Write the hook, or take it away where torchvision needs no mend."""
    if mend_torchvision():
        file.write_text(HOOK)
    else:
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    install_hook(hook_file())
