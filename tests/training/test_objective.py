"""A ticket is mixed as the pixels are, and a labelled patch keeps its label."""

import numpy as np
import torch
from timm.data import Mixup

from repro.models import annotate
from repro.models.lvvit import swap_halves
from repro.models.resnet import ResNet20
from repro.tickets.patches import as_mask, random_ids
from repro.training.objective import mix_together


def painted(mask):
    """A mask (batch, 64) as pixels (batch, 3, 32, 32)."""
    grid = mask.view(-1, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    return grid.expand(-1, 3, -1, -1).clone()


def test_a_ticket_goes_through_mixup_and_cutmix_as_its_pixels_do():
    mask = as_mask(random_ids(8, 64, 20, torch.Generator().manual_seed(0)), 64)
    for mixup, cutmix in ((0.8, 0.0), (0.0, 1.0)):
        np.random.seed(3)  # noqa: NPY002  timm draws from it
        mix = Mixup(mixup, cutmix, num_classes=10)
        images, labels, kept = mix_together(mix, painted(mask), torch.arange(8), mask)
        pooled = torch.nn.functional.avg_pool2d(images[:, :1], 4).flatten(1)
        assert torch.allclose(kept, pooled, atol=1e-6)
        assert not torch.equal(kept, mask)
        assert torch.allclose(labels.sum(1), torch.ones(8))


def test_patches_are_swapped_with_the_other_end_of_the_batch():
    maps = torch.arange(12.0).view(2, 3, 2)
    swapped = swap_halves(maps, torch.tensor([True, False, False]))
    assert swapped.tolist() == [[[6, 7], [2, 3], [4, 5]], [[0, 1], [8, 9], [10, 11]]]


@torch.no_grad()
def test_the_annotator_labels_each_place_by_its_own_features():
    torch.manual_seed(0)
    model, images = ResNet20(10, 8).eval(), torch.randn(2, 3, 32, 32)
    seen = annotate(model, images, 64)  # its map is 8x8 already
    assert seen.shape == (2, 64, 10)
    features = model.forward_features(images).flatten(2).transpose(1, 2)
    assert torch.allclose(seen, model.head(features).softmax(2), atol=1e-5)
    assert annotate(model, images, 16).shape == (2, 16, 10)
