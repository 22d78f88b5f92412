"""Runs on images: data, network, recipe, tickets, and what is done with them."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from repro.config.base import Config, ConfigError
from repro.config.checks import check_keep_rate
from repro.config.classes import ChooseRun

Augment = Literal["none", "crop-flip", "crop", "deit", "deit-once", "inception"]
CountedOver = Literal["scope", "model", "remaining"]
Merge = Literal["union", "intersection", "vote"]
Layout = Literal["global", "layerwise"]
Choice = Literal["ticket", "random", "centre"]
Fill = Literal["mean", "black"]
Schedule = Literal["multistep", "cosine"]  # of the learning rate


@dataclass(frozen=True)
class Data(Config):
    """Which images a run trains and is tested on: a data set, some of its classes, and of the training images some.

    Classes that are kept are numbered anew, from 0 in the order of their old numbers. The first and the skipped images
    are counted among those of the classes kept.
    """

    name: Literal["digit-scans", "digit-scenes", "digit-pairs", "cifar10", "cifar100", "imagenet"] = "cifar10"
    train_images: int = 0  # how many of the training images, 0 for all
    test_images: int = 0  # how many of the test images, 0 for all
    skipped_images: int = 0  # training images left out before the first
    classes: tuple[int, ...] | ChooseRun | None = None  # kept: by number, rising, or as a run chose; None: all
    one_in: int = 1  # of each class's training images one in so many is kept, at random
    draw: int = 0  # which random images those are

    def check(self) -> None:
        first = (self.train_images, self.test_images, self.skipped_images)
        if self.name == "imagenet" and any(first):
            raise ConfigError("imagenet is only used whole: leave train_images, test_images and skipped_images at 0")
        if min(*first, self.draw) < 0 or self.one_in < 1:
            raise ConfigError("numbers of images and draw must be at least 0, one_in at least 1")
        if self.draw and self.one_in == 1:
            raise ConfigError(f"draw {self.draw} draws nothing where one_in is 1: all images are kept")
        self._check_classes()

    def _check_classes(self) -> None:
        if isinstance(self.classes, ChooseRun):
            if self.name != "imagenet":
                raise ConfigError(f"a ChooseRun chooses among ImageNet's classes; {self.name} needs their numbers")
            if self.classes.policy == "NiR":
                raise ConfigError("NiR keeps every class and fewer images of each: set one_in to 10, and no classes")
        elif self.classes is not None:
            if len(self.classes) < 2:
                raise ConfigError(
                    f"a ticket of {len(self.classes)} classes cannot be trained on: give at least 2 of {self.name}"
                )
            if self.classes[0] < 0 or any(a >= b for a, b in pairwise(self.classes)):
                raise ConfigError(f"classes must be whole numbers from 0 on, rising; got {self.classes}")


@dataclass(frozen=True)
class Model(Config):
    """A network; `vit` takes its shape from the fields below, a timm name takes it from timm."""

    name: str = "resnet20"  # resnet20, resnet, vit, swin, lvvit, or a timm model such as deit_small_patch16_224
    classes: int = 10  # outputs; 0 for features instead (resnet20, resnet, vit, or a timm model)
    width: int = 16  # channels of the first stage (resnet20, resnet, swin) or of a token (vit, lvvit)
    depth: int = 12  # blocks (vit, lvvit; swin: over three stages; resnet: over four)
    heads: int = 3  # attention heads (vit, lvvit; swin: of the first stage)
    patch_size: int = 4  # pixels (vit, swin, lvvit)
    image_size: int = 32  # pixels (vit, swin, lvvit; of any network without outputs, those of the images it is shown)
    drop_path: float = 0.0  # stochastic depth of the last block, linear from 0
    keep_rate: float = (
        1.0  # of the patches alive at each of three blocks inside the network (vit, to fine-tune a selector)
    )
    # How a vit is drawn: as DeiT and DINO are, normal with a spread of 0.02, little where tokens are narrow; or as MAE and
    # MoCo version 3 are, layers uniform by their inputs and outputs, positions fixed sines and cosines.
    drawn_as: Literal["deit", "mae"] = "deit"
    stem_kernel: Literal[3, 7] = 3  # pixels, of the first convolution (lvvit; its authors take 7 at 224 pixels)


@dataclass(frozen=True)
class Training(Config):
    """One training recipe. The defaults train ResNet-20 as the sanity-check code of paper A's authors does."""

    epochs: float = 160  # 0 trains nothing; 0.1 sees a tenth of the images, another tenth in another order
    batch_size: int = 64  # images a step
    optimizer: str = "momentum"  # a timm optimiser: momentum (SGD, no Nesterov), adamw, ...
    learning_rate: float = 0.1  # peak
    min_learning_rate: float = 0.0  # at the end of a cosine
    schedule: Schedule = "multistep"
    milestones: tuple[float, ...] = (0.5, 0.75)  # shares of the epochs after which multistep divides the rate by 10
    warmup_epochs: float = 0.0  # linear from a thousandth of the peak
    weight_decay: float = 1e-4
    final_weight_decay: float | None = None  # reached at the end by a cosine, None for the same throughout
    decay_all: bool = True  # False spares biases, norms and embeddings, as DeiT does
    layer_decay: float = 1.0  # rate of a block over that of the next, of a ViT that is fine-tuned
    betas: tuple[float, ...] = ()  # decay of both averages of adamw, none for its own
    clip_norm: float = 0.0  # of the gradient, 0 for none
    clip_each: bool = False  # the gradient of each weight by itself, as DINO does
    label_smoothing: float = 0.0
    mixup: float = 0.0  # alpha
    cutmix: float = 0.0  # alpha
    augment: Augment = "crop-flip"
    ema_decay: float = 0.0  # of the averaged weights that are evaluated, 0 for none
    snapshot_epochs: tuple[int, ...] = ()  # weights kept after these epochs, for rewinding
    precision: Literal["bf16", "fp32"] = "bf16"  # of matrix products and convolutions

    def check(self) -> None:
        if self.epochs < 0 or self.batch_size < 1 or self.learning_rate <= 0:
            raise ConfigError("epochs must be at least 0, batch_size at least 1, learning_rate above 0")
        if any(not 0 <= epoch <= self.epochs for epoch in self.snapshot_epochs):
            raise ConfigError(
                f"a training of {self.epochs:g} epochs cannot be rewound to epoch {max(self.snapshot_epochs)}"
            )
        if not 0 < self.layer_decay <= 1:
            raise ConfigError(f"layer_decay must lie above 0 and at most at 1; got {self.layer_decay}")
        if len(self.betas) not in (0, 2) or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas must be two numbers from 0 to below 1, or none; got {self.betas}")


@dataclass(frozen=True)
class TrainRun(Config):
    """Train a model: on all it is given, on a weight ticket, or on a patch ticket.

    Without `start` the weights are a fresh draw: draw 0 is the original initialisation of the seed, draw 1
    the random re-initialisation (RR). With a `Rewind` they are those the source had after that epoch, epoch 0 being its
    initialisation (LTH) and a later one rewinding; training goes on from that epoch. With `Pretrained` they are those
    the source ended with, and the schedule starts afresh; with `Published` those of a publisher.
    """

    procedure: ClassVar[str] = "train"
    data: Data = Data()
    model: Model = Model()
    training: Training = Training()
    ticket: "WeightTicket | MergedTicket | None" = None
    start: "Rewind | Pretrained | Published | None" = None
    draw: int = 0
    patches: "PatchTicket | None" = None
    annotator: "TrainRun | None" = None  # a trained ResNet that labels every patch (lvvit)
    order: int = 0  # which order of the images, and which crops and flips
    curve: bool = False  # test before the first epoch and after every one, into the history

    def check(self) -> None:
        if self.model.name == "lvvit" and (self.training.mixup or self.training.cutmix):
            raise ConfigError(
                "lvvit takes neither mixup nor cutmix, mix-token stands in for both: set mixup=0 and cutmix=0;"
                f" got mixup={self.training.mixup}, cutmix={self.training.cutmix}"
            )


@dataclass(frozen=True)
class WeightTicket(Config):
    """A mask over weights, by magnitude of the weights a run ended with; never larger than its own mask."""

    source: TrainRun
    sparsity: float  # share of weights removed, in [0, 1]
    scope: str = "convs"  # which weights may be pruned, a name in tickets.weights.SCOPES
    counted_over: CountedOver = "scope"  # what the sparsity is a share of; remaining: of what the source's mask keeps
    layout: Layout = "global"  # one threshold, or one a layer

    def check(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise ConfigError(f"sparsity must lie in [0, 1]; got {self.sparsity}")


@dataclass(frozen=True)
class MergedTicket(Config):
    """Several masks over the same weights, made one."""

    parts: tuple[WeightTicket, ...]
    merge: Merge = "union"  # what is kept: by any of them, by all, or by more than half

    def check(self) -> None:
        if not self.parts:
            raise ConfigError("a merged ticket needs at least one mask")


@dataclass(frozen=True)
class Rewind(Config):
    """The weights and buffers of `source` after `epoch` epochs."""

    source: TrainRun
    epoch: int = 0
    optimizer: bool = False  # True goes on with what the source's optimiser held then, False with a fresh one

    def check(self) -> None:
        if self.optimizer and not self.epoch:
            raise ConfigError("an optimiser holds nothing before the first step: rewind to a later epoch than 0")


@dataclass(frozen=True)
class Pretrained(Config):
    """The weights and buffers that `source` ended with."""

    source: TrainRun


@dataclass(frozen=True)
class Published(Config):
    """Weights that timm publishes under this name, read from a file that the user fetched; the head is drawn afresh."""

    name: str


@dataclass(frozen=True)
class AttentionScore(Config):
    """A score of every patch from attention maps (paper B). Each map is scaled to [0, 1] before layers are averaged."""

    layer: Literal["mean", "last"] = "mean"  # over which blocks
    query: Literal["class", "mean"] = "class"  # what the class token attends to, or the mean over all tokens
    mend_sink: bool = True  # the first token's score is set to the map's mean before scaling


@dataclass(frozen=True)
class SelectRun(Config):
    """Select the patches of every image of a data set, un-augmented, by the attention of a trained ViT.

    Without a `score` the network drops patches at three of its blocks, as paper A has it; with one it sees all
    patches and they are cut once.
    """

    procedure: ClassVar[str] = "select"
    selector: TrainRun | Rewind  # Rewind(run, 0) selects with untrained weights
    keep_rate: float  # of the patches alive, at each of three blocks, or once where there is a score
    data: Data = Data()
    score: AttentionScore | None = None

    def check(self) -> None:
        check_keep_rate(self.keep_rate)


@dataclass(frozen=True)
class PatchTicket(Config):
    """Which patches a training sees. The sparse evaluation sees those of `source`, whatever the choice."""

    source: SelectRun
    choice: Choice = "ticket"
    fixed: bool = True  # one choice an image for the whole training; else anew at every step, on the augmented image
    fill: Fill = "mean"  # what a dropped patch shows to a network that needs the whole image
    blank: bool = False  # True takes the pixels of the kept patches away too, so that only their places are seen


@dataclass(frozen=True)
class ShowRun(Config):
    """What a selector, chance and an annotator make of the first test images, for Figures 1 and 2."""

    procedure: ClassVar[str] = "show"
    selector: TrainRun
    keep_rate: float
    annotator: TrainRun | None = None
    data: Data = Data()
    images: int = 6

    def check(self) -> None:
        check_keep_rate(self.keep_rate)
