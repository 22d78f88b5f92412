"""The steps of pretraining that the bench compares: views made as tensor code, and image by image by torchvision."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from PIL import Image
from torch import Tensor

from repro.compat import mend_torchvision
from repro.config import DINO, MAE, MOCO_V2, Data, Method, MoCoV3, Model, SwAV, Training, Views
from repro.data import load_dataset
from repro.data.tensors import BatchLoader
from repro.data.views import Augmentation, Draws, View
from repro.models import build_model
from repro.models.patched import PatchNetwork
from repro.procedures.pretrain import make_plan
from repro.ssl.methods import make_objective
from repro.ssl.views import RandomViews
from repro.training.loop import Fit
from repro.training.precision import keep_memory, place

CPU, BATCH = torch.device("cpu"), 128
SIZE = 24  # pixels of a pretraining's views, as at `pocket`
TWO = (Views(count=2, jitter=0.8, grey=0.2, blur=0.5),)  # of 32 pixels
RESNET = Model("resnet", classes=0, width=32, depth=4, image_size=SIZE)
VIT = Model("vit", classes=0, width=96, depth=4, heads=3, image_size=SIZE)
SMALL = (replace(TWO[0], size=SIZE),)
METHODS: dict[str, tuple[Method, tuple[Views, ...], Model]] = {
    "MoCo v2, ResNet-10": (replace(MOCO_V2, queue=4096), SMALL, RESNET),
    "MoCo v3, ResNet-10": (MoCoV3(512, layers=2, frozen_stem=False), SMALL, RESNET),
    "SwAV, ResNet-10": (SwAV(512, prototypes=512), SMALL, RESNET),
    "DINO, ViT of width 96": (DINO(1024, 512), (*SMALL, replace(SMALL[0], count=6, size=12, area=(0.05, 0.25))), VIT),
    "MAE, ViT of width 96": (MAE(width=64, depth=2, heads=2), (Views(size=SIZE),), VIT),
}
RECIPE = Training(optimizer="adamw", learning_rate=1e-3, batch_size=BATCH)
Step = Callable[[], None]


@dataclass(frozen=True)
class ImageByImage:
    """The same kinds of views by torchvision's transforms (v2), each image by itself."""

    kinds: tuple[Views, ...]

    def __call__(self, pixels: Tensor, draws: Draws) -> list[View]:
        """Views of images (part, height, width, 3)."""
        from torchvision.transforms.v2.functional import pil_to_tensor

        torch.manual_seed(draws.step)
        pictures, box = [Image.fromarray(image) for image in pixels.numpy()], torch.zeros(len(pixels), 4)
        views = []
        for kind in self.kinds:
            transform = transforms_of(kind)
            for _ in range(kind.count):
                found = torch.stack([pil_to_tensor(transform(picture)) for picture in pictures])
                views.append(View(found.permute(0, 2, 3, 1), box))
        return views


def transforms_of(kind: Views) -> Callable[[Image.Image], Image.Image]:
    """Torchvision's transforms of a kind of views."""
    mend_torchvision()
    from torchvision.transforms import v2

    parts = [v2.RandomResizedCrop(kind.size, kind.area), v2.RandomHorizontalFlip(kind.flip)]
    if kind.jitter:
        jitter = v2.ColorJitter(kind.brightness, kind.contrast, kind.saturation, kind.hue)
        parts.append(v2.RandomApply([jitter], kind.jitter))
    if kind.grey:
        parts.append(v2.RandomGrayscale(kind.grey))
    if kind.blur:
        kernel = 2 * min(kind.size - 1, int(3 * kind.blur_sigma[1])) + 1
        parts.append(v2.RandomApply([v2.GaussianBlur(kernel, kind.blur_sigma)], kind.blur))
    return v2.Compose(parts)


def view_steps() -> tuple[Step, Step]:
    """Batches of two normalised views, ours and torchvision's."""
    return batches_of(RandomViews(TWO)), batches_of(ImageByImage(TWO))


def batches_of(augmentation: Augmentation) -> Step:
    """One batch after the other."""
    keep_memory()
    loader, step = scenes(augmentation), [0]

    def make() -> None:
        loader.batch(step[0])
        step[0] += 1

    return make


def scenes(augmentation: Augmentation) -> BatchLoader:
    """Digit scenes of 32 pixels."""
    dataset = load_dataset(Data("digit-scenes"))
    return dataset.train_loader(BATCH, augmentation, 0, CPU)  # type: ignore[return-value]


def method_steps(name: str) -> tuple[Step, Step]:
    """A step of a method as this project trains it, and in fp32 with torchvision's views."""
    method, kinds, model = METHODS[name]
    return (
        pretraining_step(method, model, RandomViews(kinds), RECIPE),
        pretraining_step(method, model, ImageByImage(kinds), replace(RECIPE, precision="fp32")),
    )


def pretraining_step(method: Method, model: Model, views: RandomViews | ImageByImage, recipe: Training) -> Step:
    """A step of the training loop."""
    keep_memory()
    several = len({kind.size for kind in views.kinds}) > 1
    network = place(PatchNetwork(build_model(model, fused_attention=False), any_size=several), CPU)
    loader = scenes(views)
    fit = Fit(network, loader, recipe, objective=make_objective(network, method, make_plan(recipe, loader)))
    learner = fit.learner(network)

    def step() -> None:
        torch.set_float32_matmul_precision("medium" if fit.precision == "bf16" else "highest")
        fit.train_step(learner)

    return step
