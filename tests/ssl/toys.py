"""Networks, weights and images that are the same in every version of torch: made by formula, not drawn."""

import torch
from torch import nn

BATCH, SIDE, WIDTH = 4, 4, 6  # images, pixels of a side, features


def wave(*shape, phase=0.0, scale=1.0):
    """A tensor of sines that repeat nowhere."""
    count = torch.Size(shape).numel()
    places = torch.arange(count, dtype=torch.float64)
    return (scale * torch.sin(1.7 * places + 0.013 * places**1.5 + phase)).float().view(shape)


def fill(module, phase=0.0):
    """Set all weights of a module, in their order, by formula; norms keep weights of 1 and biases of 0."""
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)
    layers = [m for m in module.modules() if not isinstance(m, norms) and list(m.parameters(recurse=False))]
    with torch.no_grad():
        for number, layer in enumerate(layers):
            for name, weight in layer.named_parameters(recurse=False):
                weight.copy_(wave(*weight.shape, phase=phase + number, scale=0.5 if name == "weight" else 0.1))
    return module


class Toy(nn.Module):
    """Images of 4x4 pixels to six features."""

    num_features = WIDTH

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3 * SIDE**2, WIDTH)

    def forward(self, images):
        return torch.tanh(self.layer(images.flatten(1)))


def images(step, view):
    """The batch of a step in a view, (4, 3, 4, 4)."""
    return wave(BATCH, 3, SIDE, SIDE, phase=0.9 * step + 2.3 * view)


def numbers(tensor):
    """A tensor as nested lists."""
    return [round(v, 8) if isinstance(v, float) else v for v in tensor.detach().double().flatten().tolist()]
