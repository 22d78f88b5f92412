import itertools

import numpy as np
import pytest
import torch

from repro.config import ConfigError
from repro.data.tensors import BatchLoader, Dataset, Split
from repro.data.views import CropFlip, Draws, View

CPU = torch.device("cpu")


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return Split.of(rng.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 4)


def loader(split, augment="crop-flip", seed=0, batch_size=10, **share):
    return BatchLoader(split, 4, batch_size, augment, seed, (torch.zeros(3), torch.ones(3)), **share)


def same(one, other):
    """Whether two batches are equal to the bit."""
    tensors = [[*batch.views, batch.labels, batch.chosen, batch.box] for batch in (one, other)]
    return len(tensors[0]) == len(tensors[1]) and all(map(torch.equal, *tensors))


def joined(batches):
    """The parts of several processes as one batch."""
    fields = [torch.cat([getattr(b, name) for b in batches]) for name in ("images", "labels", "chosen", "box")]
    return batches[0]._replace(
        **dict(zip(("images", "labels", "chosen", "box"), fields, strict=True)),
        others=tuple(map(torch.cat, zip(*(b.others for b in batches), strict=True))),
    )


class Brightened:
    """Two views of different sizes: the image, and its upper left quarter made brighter by a draw for each image."""

    def __call__(self, pixels, draws):
        more = torch.rand(draws.batch_size, 1, 1, 1, generator=draws.generator("bright"))[draws.part]
        box = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(len(pixels), -1)
        quarter = pixels[:, : pixels.shape[1] // 2, : pixels.shape[2] // 2]
        return [View(pixels, box), View(quarter + 100 * more, box / 2)]


def test_without_augmentation_an_epoch_is_every_image_once(split):
    batches = [loader(split, "none").batch(step) for step in range(4)]
    seen = torch.cat([images for images, *_ in batches]).permute(0, 2, 3, 1)
    expected = {image.numpy().tobytes() for image in split.images.float()}
    assert {image.numpy().tobytes() for image in seen.contiguous()} == expected


def test_without_augmentation_images_are_shown_as_they_are_each_channel_normalised_by_its_own(split):
    mean, std = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([2.0, 4.0, 8.0])
    batch = BatchLoader(split, 4, 10, "none", 0, (mean, std)).batch(1)
    expected = (split.images[batch.chosen].float() - mean) / std
    assert torch.equal(batch.images, expected.permute(0, 3, 1, 2))
    assert torch.equal(batch.box, torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(10, -1))


def test_a_batch_depends_on_seed_and_step_alone(split):
    first = loader(split)
    for step in (0, 7, 3):
        again = loader(split).batch(step)
        assert torch.equal(first.batch(step)[0], again[0])
        assert torch.equal(first.batch(step)[1], again[1])
    assert not torch.equal(first.batch(0)[0], loader(split, seed=1).batch(0)[0])
    assert not torch.equal(first.batch(0)[0], first.batch(4)[0])


def test_the_draws_of_one_view_are_those_that_records_were_made_with(split):
    many = Split(split.images.repeat(15, 1, 1, 1), split.labels.repeat(15))
    batch = loader(many, seed=5, batch_size=64).batch(9)
    assert batch.chosen[:4].tolist() == [329, 407, 315, 417]
    expected = [[0, 8, 9, 1], [-4, 4, 5, -3], [1, 9, 1, 9], [-3, 5, 10, 2]]
    assert (batch.box[:4] * 8).tolist() == expected


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


AUGMENTS = [*("none", "crop", "crop-flip"), CropFlip(views=3), Brightened()]


@pytest.mark.parametrize("augment", AUGMENTS, ids=lambda augment: str(augment).partition(" object")[0])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_parts_of_several_processes_are_the_whole_batch(split, augment, world):
    whole = loader(split, augment, batch_size=12)
    parts = [loader(split, augment, batch_size=12, rank=rank, world=world) for rank in range(world)]
    assert [part.batch_size for part in parts] == [12] * world, "the batch of all processes together"
    for step in (0, 2, 7):
        batches = [part.batch(step) for part in parts]
        assert {len(batch.labels) for batch in batches} == {12 // world}
        assert same(joined(batches), whole.batch(step))


def test_a_batch_that_cannot_be_shared_evenly_is_refused(split):
    with pytest.raises(ConfigError, match=r"batch of 10 images .* by 3 processes"):
        loader(split, rank=0, world=3)


def test_a_process_makes_the_images_of_its_own_part_alone(split):
    seen = []

    def note(pixels, draws):
        seen.append((len(pixels), draws.batch_size, draws.part))
        return CropFlip()(pixels, draws)

    loader(split, note, batch_size=12, rank=1, world=3).batch(0)
    assert seen == [(4, 12, slice(4, 8))]


def test_several_views_are_the_same_images_drawn_anew(split):
    one, three = loader(split).batch(5), loader(split, CropFlip(views=3)).batch(5)
    assert len(one.views) == 1
    assert len(three.views) == 3
    assert same(one, three._replace(others=())), "the first view is that of a loader with one"
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(three.views))
    plain = loader(split, CropFlip(pad=0, flip=False, views=2)).batch(5)
    assert torch.equal(*plain.views)
    assert torch.equal(plain.images, split.images[one.chosen].permute(0, 3, 1, 2).float())


def test_views_may_differ_in_size_and_are_normalised_alike(split):
    statistics = (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 8.0]))
    large, small = BatchLoader(split, 4, 10, Brightened(), 0, statistics).batch(0).views
    assert (large.shape, small.shape) == ((10, 3, 8, 8), (10, 3, 4, 4))
    lighter = (small - large[:, :, :4, :4]) * statistics[1][:, None, None]
    drawn = lighter.mean(dim=(1, 2, 3))
    assert torch.allclose(lighter, drawn[:, None, None, None].expand_as(lighter), atol=1e-3)
    assert len(drawn.round(decimals=2).unique()) == 10


def test_draws_have_a_stream_for_each_name():
    draws = Draws(seed=1, step=2, batch_size=4, part=slice(0, 2))
    streams = [torch.rand(4, generator=draws.generator(*name)) for name in ((), ("view", 1), ("view", 2))]
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(streams))
    assert torch.equal(streams[1], torch.rand(4, generator=draws.generator("view", 1)))


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
