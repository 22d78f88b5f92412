"""ResNets for small images (He et al. 2016): a 3x3 stem of stride 1 and no pooling after it, which timm does not have.

ResNet-20 (section 4.2) has three stages; with four it is the ResNet-18 that self-supervision on CIFAR takes. Shortcuts
that change shape are 1x1 convolutions with a norm, as in open_lth and in the sanity-check code of paper A's authors.
Weights are He-normal by fan-out and norms start at one.
"""

from torch import Tensor, nn
from torch.nn import functional

from repro.config import ConfigError, Model

STAGES = 4  # of a resnet that is no ResNet-20


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut.append(nn.Conv2d(channels_in, channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(out)) + self.shortcut(x))


class ResNet(nn.Module):
    """Stem, stages of as many blocks each, mean pooling, and a linear head, or the features where there are no classes.

    Channels double from one stage to the next, and each but the first halves the sides.
    """

    def __init__(self, classes: int, width: int, stages: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width, *(width * 2**stage for stage in range(stages))]
        self.stages = nn.Sequential(
            *(self._stage(widths[i], widths[i + 1], 1 if i == 0 else 2, blocks) for i in range(stages))
        )
        self.num_features = widths[-1]
        self.head = nn.Linear(widths[-1], classes) if classes else nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(self.head, nn.Linear):
            nn.init.zeros_(self.head.bias)

    @staticmethod
    def _stage(channels_in: int, channels: int, stride: int, blocks: int) -> nn.Sequential:
        first = Block(channels_in, channels, stride)
        return nn.Sequential(first, *(Block(channels, channels, 1) for _ in range(blocks - 1)))

    def forward_features(self, x: Tensor) -> Tensor:  # (batch, 3, height, width) -> (batch, channels, rows, columns)
        return self.stages(self.stem(x))

    def get_classifier(self) -> nn.Module:
        """The head, by the name that timm's models give it."""
        return self.head

    def forward(self, x: Tensor) -> Tensor:  # (batch, 3, height, width) -> (batch, classes or channels)
        return self.head(self.forward_features(x).mean(dim=(2, 3)))


class ResNet20(ResNet):
    """Three stages of three blocks: `width`, 2 `width` and 4 `width` channels."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__(classes, width, stages=3, blocks=3)


def build_resnet(config: Model) -> ResNet:
    """Four stages of `depth` / 4 blocks: ResNet-18 at a depth of 8 and a width of 64, ResNet-10 at a depth of 4."""
    if config.depth < STAGES or config.depth % STAGES:
        raise ConfigError(
            f"a resnet has {STAGES} stages of as many blocks: depth must be a multiple; got {config.depth}"
        )
    return ResNet(config.classes, config.width, STAGES, config.depth // STAGES)
