"""Networks in plain words: what one is called with its size, and what stands here in the place of a paper's.

A heading names the network that was run, so that no small stand-in goes by a large network's name.
"""

from typing import Any

from repro import config
from repro.artefacts.base import Results
from repro.config import TrainRun

OURS = {
    "resnet20": "ResNet-20",
    "resnet": "ResNet",
    "vit": "ViT",
    "swin": "Swin",
    "lvvit": "LV-ViT",
}  # any other is timm's


def describe_model(model: Any) -> str:
    """A network with its size, such as `ViT, width 96, 4 blocks, patches of 4 pixels`."""
    has_patches = model.name in OURS and model.name not in ("resnet20", "resnet")
    return name_model(model) + (f", patches of {model.patch_size} pixels" if has_patches else "")


def name_model(model: Any) -> str:
    """The same in as few words as a heading has room for."""
    if model.name not in OURS:
        return f"{model.name} of timm"
    blocks = "" if model.name == "resnet20" else f", {model.depth} blocks"
    return f"{OURS[model.name]}, width {model.width}{blocks}"


def headings(results: Results) -> dict[str, str]:
    """What a heading calls each of the paper's networks, such as `in place of DeiT-T: ViT, width 96, 4 blocks`."""
    places = {str(arm.labels["model"]): arm.run for arm in reversed(results.arms)}  # the first arm of each is dense
    found = {}
    for place, run in reversed(places.items()):
        trained = run if isinstance(run, TrainRun) else config.parents(run)[0]
        found[place] = f"{stands_for(results, place)}: {name_model(trained.model)}"
    return found


def stands_for(results: Results, place: str) -> str:
    """A network of the paper at the preset that runs it; at any other, that something stands in its place."""
    return place if results.preset == "paper" else f"in place of {place}"
