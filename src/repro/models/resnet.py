"""ResNet-20 for 32x32 images (He et al. 2016, section 4.2), which timm does not have: its ResNets have four stages.

Shortcuts that change shape are 1x1 convolutions with a norm, as in open_lth and in the sanity-check code of paper
A's authors. Weights are He-normal by fan-out and norms start at one.
"""

from torch import Tensor, nn
from torch.nn import functional


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


class ResNet20(nn.Module):
    """Stem, three stages of three blocks (`width`, 2 `width`, 4 `width` channels), mean pooling, linear head."""

    def __init__(self, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width, width, 2 * width, 4 * width]
        self.stages = nn.Sequential(
            *(self._stage(widths[i], widths[i + 1], stride=1 if i == 0 else 2) for i in range(3))
        )
        self.head = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    @staticmethod
    def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
        first = Block(channels_in, channels, stride)
        return nn.Sequential(first, Block(channels, channels, 1), Block(channels, channels, 1))

    def forward_features(self, x: Tensor) -> Tensor:  # (batch, 3, height, width) -> (batch, 4 width, height/4, width/4)
        return self.stages(self.stem(x))

    def get_classifier(self) -> nn.Linear:
        """The head, by the name that timm's models give it."""
        return self.head

    def forward(self, x: Tensor) -> Tensor:  # (batch, 3, height, width) -> (batch, classes)
        return self.head(self.forward_features(x).mean(dim=(2, 3)))
