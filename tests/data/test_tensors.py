import numpy as np
import pytest
import torch

from repro.data.tensors import BatchLoader, Dataset, Split

CPU = torch.device("cpu")


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split.of(rng.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 4)


def loader(split, augment="crop-flip", seed=0, batch_size=10):
    return BatchLoader(split, 4, batch_size, augment, seed, (torch.zeros(3), torch.ones(3)))


def test_without_augmentation_an_epoch_is_every_image_once(split):
    batches = [loader(split, "none").batch(step) for step in range(4)]
    seen = torch.cat([images for images, *_ in batches]).permute(0, 2, 3, 1)
    expected = {image.numpy().tobytes() for image in split.images.float()}
    assert {image.numpy().tobytes() for image in seen.contiguous()} == expected


def test_a_batch_depends_on_seed_and_step_alone(split):
    first = loader(split)
    for step in (0, 7, 3):
        again = loader(split).batch(step)
        assert torch.equal(first.batch(step)[0], again[0])
        assert torch.equal(first.batch(step)[1], again[1])
    assert not torch.equal(first.batch(0)[0], loader(split, seed=1).batch(0)[0])
    assert not torch.equal(first.batch(0)[0], first.batch(4)[0])


def test_crops_and_flips_are_windows_of_the_padded_image(split):
    one = Split(split.images[:1].repeat(64, 1, 1, 1), split.labels[:1].repeat(64))
    images = loader(one, batch_size=64).batch(0)[0].permute(0, 2, 3, 1)  # (64, 8, 8, 3)
    padded = torch.nn.functional.pad(split.images[0], (0, 0, 4, 4, 4, 4)).float()
    windows = [padded[r : r + 8, c : c + 8] for r in range(9) for c in range(9)]
    allowed = {w.contiguous().numpy().tobytes() for w in windows}
    flipped = {w.flip(1).contiguous().numpy().tobytes() for w in windows}
    found = [image.contiguous().numpy().tobytes() for image in images]
    assert all(image in allowed | flipped for image in found)
    assert any(image in allowed for image in found)
    assert any(image in flipped - allowed for image in found)


def test_batches_are_channels_last(split):
    assert loader(split).batch(0)[0].is_contiguous(memory_format=torch.channels_last)


def test_test_images_are_normalised_by_training_statistics(split):
    dataset = Dataset("d", split, split.first(5), ("a", "b", "c", "d"))
    pixels = torch.cat([images for images, _ in Dataset("d", split, split, "abcd").test_batches(CPU)])
    assert pixels.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (pixels.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    assert len(next(dataset.test_batches(CPU))[1]) == 5


def test_wrong_requests_are_refused(split):
    with pytest.raises(ValueError, match="exceeds the 40"):
        loader(split, batch_size=41)
    with pytest.raises(ValueError, match="crop-flip"):
        loader(split, augment="deit")
    with pytest.raises(ValueError, match="there are 40"):
        split.first(41)
