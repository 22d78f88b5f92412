"""Self-supervised runs (paper C): views of images, methods, pretraining, and how what was learnt is evaluated.

A method's defaults are the published ones, those of the paper's Tables 5 to 11 where it has them.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from repro.config.base import Config, ConfigError
from repro.config.checks import check_positive, check_shares
from repro.config.images import Data, Model, Training, TrainRun
from repro.config.views import Views

Features = Literal["last", "mean", "last and mean", "last four"]
GLOBAL_VIEWS = 2  # the first views, of the network's own size; what follows them is local


@dataclass(frozen=True)
class MoCo(Config):
    """Momentum contrast with a queue of keys (He et al. 2020); version 2 (Chen et al. 2020) is MOCO_V2.

    A mend that is not published: `empty_start`. Random keys repel nothing, so until the queue is full once all outputs
    are pulled one way; that takes 256 steps of the million that its authors train, and a good part of a short training.
    """

    head: Literal["linear", "mlp"] = "linear"
    outputs: int = 128  # of the head
    queue: int = 65_536  # keys, a multiple of the batch
    empty_start: bool = False  # the queue fills as training goes on, instead of starting with random keys
    temperature: float = 0.07
    momentum: float = 0.999  # of the weights that make keys
    groups: int = 8  # shuffled parts of a batch that keys are normalised in, as on so many GPUs; for norms over a batch

    def check(self) -> None:
        check_positive(self, "outputs", "queue", "temperature", "groups")
        check_shares(self, "momentum")


MOCO_V2 = MoCo(head="mlp", temperature=0.2)


@dataclass(frozen=True)
class MoCoV3(Config):
    """Momentum contrast within a batch, with a predictor and no queue (Chen et al. 2021)."""

    hidden: int = 4096  # width of projector and predictor
    outputs: int = 256
    layers: int = 3  # of the projector; its authors take 2 after a ResNet
    temperature: float = 0.2
    momentum: float = 0.99  # at the start; 1 at the end, by a cosine
    frozen_stem: bool = True  # a ViT's embedding of patches stays as it is drawn

    def check(self) -> None:
        check_positive(self, "hidden", "outputs", "layers", "temperature")
        check_shares(self, "momentum")


@dataclass(frozen=True)
class DINO(Config):
    """Self-distillation (Caron et al. 2021).

    Two mends of a collapse at small sizes, neither of them published: `norms` of "all", over the batch before the head
    and after each of its layers, and `targets` of "sinkhorn", which spreads targets evenly instead of by a centre.
    """

    outputs: int = 65_536
    hidden: int = 2048  # width of the head
    bottleneck: int = 256
    norms: Literal["none", "inside", "all"] = "none"  # over the batch, where in the head
    fixed_scale: bool = True  # each output's weights have length 1 (norm_last_layer)
    student_temperature: float = 0.1
    teacher_temperature: float = 0.07
    first_temperature: float = 0.04  # the teacher's, before its warm-up
    temperature_epochs: float = 30.0  # of that warm-up, linear, epoch by epoch
    momentum: float = 0.996  # of the teacher at the start; 1 at the end, by a cosine
    centre_momentum: float = 0.9
    targets: Literal["centre", "sinkhorn"] = "centre"
    frozen_epochs: float = 1.0  # at the start, in which the last layer of the head is not trained

    def check(self) -> None:
        check_positive(self, "outputs", "hidden", "bottleneck", "student_temperature", "teacher_temperature")
        check_positive(self, "first_temperature")
        check_shares(self, "momentum", "centre_momentum")


@dataclass(frozen=True)
class MAE(Config):
    """A masked autoencoder (He et al. 2022): pixels of the patches that the encoder is not shown."""

    mask_share: float = 0.75  # of the patches
    width: int = 512  # of the decoder
    depth: int = 8  # blocks of the decoder
    heads: int = 16
    normalise: bool = True  # the pixels of each patch, before they are a target

    def check(self) -> None:
        check_positive(self, "width", "depth", "heads")
        if not 0 < self.mask_share < 1:
            raise ConfigError(f"mask_share must lie between 0 and 1; got {self.mask_share}")
        if self.width % self.heads or self.width % 4:
            raise ConfigError(f"width of the decoder must be a multiple of 4 and of its {self.heads} heads")


@dataclass(frozen=True)
class SwAV(Config):
    """Clusters that views of an image assign each other (Caron et al. 2020)."""

    hidden: int = 2048
    outputs: int = 128
    prototypes: int = 3000
    temperature: float = 0.1
    epsilon: float = 0.05  # softness of the assignments
    iterations: int = 3  # of Sinkhorn and Knopp
    queue: int = 0  # earlier outputs that are assigned together with a small batch, a multiple of it
    queue_epochs: float = 15.0  # before the queue is used
    frozen_epochs: float = 1.0  # at the start, in which the prototypes are not trained

    def check(self) -> None:
        check_positive(self, "hidden", "outputs", "prototypes", "temperature", "epsilon", "iterations")
        if min(self.queue, self.queue_epochs, self.frozen_epochs) < 0:
            raise ConfigError("queue, queue_epochs and frozen_epochs must be at least 0")


Method = MoCo | MoCoV3 | DINO | MAE | SwAV
CIFAR10, RECIPE = Data(), Training()
BACKBONE = Model("resnet", classes=0, width=32, depth=4)  # ResNet-10 with 256 features
PROBE = Training(epochs=100, batch_size=256, schedule="cosine", weight_decay=0.0, augment="none", precision="fp32")
UNUSED = ("augment", "label_smoothing", "mixup", "cutmix", "ema_decay")  # parts of a recipe that need labels or a test


@dataclass(frozen=True)
class PretrainRun(Config):
    """Train a network without labels, by one method on views of the images.

    A training whose features or targets all become alike stops with an error; with `keep_collapsed` it goes on.
    """

    procedure: ClassVar[str] = "pretrain"
    method: MoCo | MoCoV3 | DINO | MAE | SwAV
    views: tuple[Views, ...] = (Views(count=2),)
    data: Data = CIFAR10
    model: Model = BACKBONE
    training: Training = RECIPE
    keep_collapsed: bool = False

    def check(self) -> None:
        _check_backbone(self.model)
        if self.training.epochs <= 0:
            raise ConfigError("a pretraining needs epochs above 0; a network as it is drawn is a Model by itself")
        if used := [name for name in UNUSED if getattr(self.training, name) != getattr(RECIPE, name)]:
            raise ConfigError(f"a pretraining has no {', '.join(used)}: leave them at their defaults and set views")
        self._check_views()

    def _check_views(self) -> None:
        sizes = [kind.size for kind in self.views for _ in range(kind.count)]
        wanted = 1 if isinstance(self.method, MAE) else GLOBAL_VIEWS
        exact = isinstance(self.method, MAE | MoCo | MoCoV3)
        kind = type(self.method).__name__
        if len(sizes) < wanted or (exact and len(sizes) > wanted):
            raise ConfigError(f"{kind} needs {wanted} views{'' if exact else ' or more'} of an image; got {len(sizes)}")
        if any(size != self.model.image_size for size in sizes[:wanted]):
            raise ConfigError(
                f"the first views must be of the network's size, {self.model.image_size} pixels; got {sizes[:wanted]}"
            )
        if self.model.name == "vit" and (odd := [size for size in sizes if size % self.model.patch_size]):
            raise ConfigError(f"{odd[0]} pixels of a view are no multiple of {self.model.patch_size}, a patch's")


@dataclass(frozen=True)
class LinearProbe(Config):
    """A linear layer on the features of a network that stays as it is, and a vote of the nearest neighbours.

    The published protocols show a new crop at every step, which costs a forward pass a step; without `views` every
    image is seen once, whole. The paper's three protocols differ (its Tables 6, 8 and 11); one and the same is fairer.
    """

    training: Training = PROBE
    views: Views | None = None
    features: Features = "last"  # of a ViT: class token, mean of the others, both, or the class token of four blocks
    normalise: bool = True  # features, by their statistics over the batch, without weights of their own
    neighbours: int = 20  # training images that vote on a test image
    vote_temperature: float = 0.07  # of their cosine similarity

    def check(self) -> None:
        check_positive(self, "neighbours", "vote_temperature")


@dataclass(frozen=True)
class FineTuning(Config):
    """A training of the whole network with a new head. Without `views` images are shown as the recipe augments them."""

    training: Training
    views: Views | None = None
    features: Literal["last", "mean"] = "last"  # that the head sees, of a ViT


@dataclass(frozen=True)
class EvaluateRun(Config):
    """How well classes can be told apart by what a run learnt, by a network as it is drawn, or by pixels (None)."""

    procedure: ClassVar[str] = "evaluate"
    source: PretrainRun | TrainRun | Model | None
    data: Data = CIFAR10
    protocol: LinearProbe | FineTuning = LinearProbe()

    def check(self) -> None:
        if isinstance(self.source, Model):
            _check_backbone(self.source)
        if self.source is None and isinstance(self.protocol, FineTuning):
            raise ConfigError("pixels cannot be fine-tuned: give a source, or take a LinearProbe")


def _check_backbone(model: Model) -> None:
    if model.classes:
        raise ConfigError(
            f"a network that is to give features has no outputs: use Model(classes=0), not {model.classes}"
        )
