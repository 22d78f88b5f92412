"""Views of a batch are what torchvision makes of each image by itself, and are drawn as torchvision draws them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision import transforms
from torchvision.transforms import functional as tv

from repro.config import ConfigError, Views
from repro.data.tensors import BatchLoader, Split
from repro.data.views import Draws
from repro.ssl import colour, geometry
from repro.ssl.views import COLUMNS, RandomViews, draw, see

COUNT, SIDE = 24, 20
FULL = Views(size=12, jitter=0.8, grey=0.2, blur=0.5, blur_sigma=(0.1, 1.5), solarise=0.3)
BILINEAR, BICUBIC = tv.InterpolationMode.BILINEAR, tv.InterpolationMode.BICUBIC


def pictures(low=0, high=256, count=COUNT, height=SIDE, width=SIDE):
    """Images (count, height, width, 3) of pixel values in a range."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(low, high, (count, height, width, 3), generator=generator, dtype=torch.uint8)


def planar(images):
    """The same for torchvision, (count, 3, height, width) in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def drawn_for(kind, count=COUNT, sides=(SIDE, SIDE), seed=0):
    uniform = torch.rand(count, sum(COLUMNS.values()), generator=torch.Generator().manual_seed(seed))
    return draw(kind, uniform, sides)


def view_of(images, kind, drawn):
    """A view as torchvision has images, in [0, 1]."""
    return planar(see(images.permute(0, 3, 1, 2).float(), kind, drawn).pixels)


def by_torchvision(image, kind, drawn, number):
    """One image (3, height, width) changed by torchvision's functions with the parameters of its number."""
    top, left, height, width = (int(v) for v in drawn.box[number])
    mode = {"bilinear": BILINEAR, "bicubic": BICUBIC}[kind.interpolation]
    image = tv.resized_crop(image, top, left, height, width, [kind.size] * 2, mode, antialias=True)
    if drawn.flip[number]:
        image = tv.hflip(image)
    changes = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for change in drawn.order[number].tolist():
        image = changes[change](image, float(drawn.factors[number, change]))
    if drawn.grey[number]:
        image = tv.rgb_to_grayscale(image, 3)
    if drawn.sigma[number]:
        radius = min(kind.size - 1, int(np.ceil(3 * kind.blur_sigma[1])))
        image = tv.gaussian_blur(image, 2 * radius + 1, float(drawn.sigma[number]))
    return tv.solarize(image, colour.THRESHOLD / 255) if drawn.solarise[number] else image


def largest_difference(images, kind, drawn):
    ours = view_of(images, kind, drawn)
    theirs = [by_torchvision(image, kind, drawn, number) for number, image in enumerate(planar(images))]
    return (ours - torch.stack(theirs)).abs().max().item()


PLAIN = Views(size=12, flip=0.0)
ONE_AT_A_TIME = {
    "crop": PLAIN,
    "crop, enlarged": replace(PLAIN, size=31),
    "small crop": replace(PLAIN, area=(0.02, 0.2)),
    "crop, bicubic": replace(PLAIN, interpolation="bicubic"),
    "crop, bicubic, enlarged": replace(PLAIN, interpolation="bicubic", size=31),
    "flip": replace(PLAIN, flip=0.5),
    "brightness": replace(PLAIN, jitter=1.0, contrast=0.0, saturation=0.0, hue=0.0),
    "contrast": replace(PLAIN, jitter=1.0, brightness=0.0, saturation=0.0, hue=0.0),
    "saturation": replace(PLAIN, jitter=1.0, brightness=0.0, contrast=0.0, hue=0.0),
    "grey": replace(PLAIN, grey=0.5),
    "blur": replace(PLAIN, blur=0.5, blur_sigma=(0.1, 2.0)),
    "solarise": replace(PLAIN, solarise=0.5),
}


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
def test_each_change_is_torchvisions(name):
    kind = ONE_AT_A_TIME[name]
    images = pictures(40, 215) if "bicubic" in name else pictures()  # values that a cubic throws beyond white are cut
    drawn = drawn_for(kind)
    assert largest_difference(images, kind, drawn) < 2e-5


def test_images_may_be_oblong():
    kind, images = replace(FULL, jitter=0.0, solarise=0.0), pictures(height=15, width=28)
    assert largest_difference(images, kind, drawn_for(kind, sides=(15, 28))) < 2e-5


def test_all_changes_together_are_torchvisions_where_none_leaves_the_range_of_pixels():
    """Mild changes of middling values, in the order drawn for each image; hue has a test of its own."""
    kind = replace(FULL, brightness=0.15, contrast=0.15, saturation=0.15, hue=0.0, solarise=0.0, jitter=0.8)
    images, drawn = pictures(90, 160), drawn_for(kind)
    assert len(drawn.order.unique(dim=0)) > 10
    assert largest_difference(images, kind, drawn) < 2e-5


def test_solarising_comes_last():
    kind, drawn = FULL, drawn_for(FULL)
    assert drawn.solarise.any()
    without = view_of(pictures(), replace(kind, solarise=0.0), drawn) * 255
    turned = torch.where(without >= colour.THRESHOLD, 255 - without, without)
    expected = torch.where(drawn.solarise[:, None, None, None], turned, without)
    assert torch.allclose(view_of(pictures(), kind, drawn) * 255, expected, atol=1e-3)


def hue_by_both(image, turn):
    """An image (3, ...) with its hue turned, by ours and by torchvision, unclamped and clamped."""
    matrix = colour.turn(torch.tensor([turn]))[0]
    ours = torch.einsum("ij,jhw->ihw", matrix, image).clamp(0, 1)
    return ours, tv.adjust_hue(image, turn)


def test_hue_is_torchvisions_at_thirds_of_a_turn_and_for_greys():
    image = planar(pictures(count=1))[0]
    for third in (1 / 3, -1 / 3):
        ours, theirs = hue_by_both(image, third)
        assert torch.allclose(ours, theirs, atol=1e-5)
    grey = image[:1].expand(3, -1, -1)
    for turn in (-0.1, 0.05, 0.37):
        assert torch.allclose(*hue_by_both(grey, turn), atol=1e-5)


@pytest.mark.parametrize(("saturation", "tolerance"), [(0.2, 0.03), (0.5, 0.08), (1.0, 0.16)])
def test_hue_is_within_a_tolerance_of_torchvisions_that_grows_with_saturation(saturation, tolerance):
    """The most by which a channel of any colour differs for the turns of a jitter, a tenth of a turn at most."""
    full = torch.rand(3, 100, 100, generator=torch.Generator().manual_seed(0))
    low, high = full.amin(0), full.amax(0)
    image = 1 - saturation * (high - full) / (high - low)  # of full value and this saturation
    worst = [hue_by_both(image, turn) for turn in (-0.1, -0.05, 0.05, 0.1)]
    difference = max((ours - theirs).abs().mean().item() for ours, theirs in worst)
    assert tolerance / 3 < difference < tolerance


def test_a_hue_turned_and_turned_back_is_what_it_was():
    there, back = colour.turn(torch.tensor([0.08, -0.08]))
    assert torch.allclose(there @ back, torch.eye(3), atol=1e-6)
    assert torch.allclose(there.sum(1), torch.ones(3)), "greys stay"


def test_crops_are_drawn_as_torchvision_draws_them():
    kind, count, sides = Views(area=(0.2, 1.0)), 4000, (32, 40)
    ours = drawn_for(kind, count, sides).box.numpy()
    torch.manual_seed(0)
    image = torch.zeros(3, *sides)
    ratios = (3 / 4, 4 / 3)
    theirs = np.array(
        [transforms.RandomResizedCrop.get_params(image, list(kind.area), list(ratios)) for _ in range(count)]
    )
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 0.001
    for both in (lambda box: box[:, 2] * box[:, 3], lambda box: box[:, 3] / box[:, 2]):
        assert stats.ks_2samp(both(ours), both(theirs)).pvalue > 0.001
    assert ((ours[:, :2] >= 0) & (ours[:, :2] + ours[:, 2:] <= sides)).all()


def test_an_image_that_no_crop_fits_is_seen_from_its_centre_as_in_torchvision():
    kind, sides = Views(area=(1.0, 1.0)), (10, 60)
    found = drawn_for(kind, 3, sides).box
    torch.manual_seed(0)
    expected = transforms.RandomResizedCrop.get_params(torch.zeros(3, *sides), [1.0, 1.0], [3 / 4, 4 / 3])
    assert found.tolist() == [list(map(float, expected))] * 3


def test_chances_and_factors_are_those_asked_for():
    kind = Views(flip=0.3, jitter=0.7, brightness=0.5, hue=0.2, grey=0.2, blur=0.6, blur_sigma=(0.5, 1.5), solarise=0.1)
    drawn = drawn_for(kind, 20_000)
    jittered = drawn.factors[:, 0] != 1
    shares = {"flip": drawn.flip, "jitter": jittered, "grey": drawn.grey, "blur": drawn.sigma > 0}
    for name, happened in {**shares, "solarise": drawn.solarise}.items():
        assert happened.float().mean().item() == pytest.approx(getattr(kind, name), abs=0.015)
    for values, low, high in (
        (drawn.factors[jittered, 0], 0.5, 1.5),
        (drawn.factors[jittered, 3], -0.2, 0.2),
        (drawn.sigma[drawn.sigma > 0], 0.5, 1.5),
    ):
        assert stats.kstest(values.numpy(), stats.uniform(low, high - low).cdf).pvalue > 0.001
    _, counts = drawn.order.unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts.numpy()).pvalue > 0.001
    assert abs(np.corrcoef(drawn.flip, drawn.grey)[0, 1]) < 0.03


def test_factors_of_more_than_one_start_at_none():
    factors = drawn_for(Views(jitter=1.0, brightness=1.5), 1000).factors[:, 0]
    assert 0 <= factors.min() < 0.02
    assert 2.4 < factors.max() <= 2.5


def draws_of(part, step=3, seed=1, count=COUNT):
    return Draws(seed, step, count, part)


def test_a_view_depends_on_seed_step_place_and_number_alone():
    images, augmentation = pictures(), RandomViews((replace(FULL, count=2), replace(FULL, size=8)))
    whole = augmentation(images, draws_of(slice(0, COUNT)))
    assert [tuple(view.pixels.shape) for view in whole] == [(COUNT, 12, 12, 3)] * 2 + [(COUNT, 8, 8, 3)]
    for part in (slice(0, 8), slice(8, 24), slice(5, 6)):
        for found, expected in zip(augmentation(images[part], draws_of(part)), whole, strict=True):
            assert torch.equal(found.box, expected.box[part])
            assert torch.allclose(found.pixels, expected.pixels[part], atol=1e-3), "but for the order of sums"
    assert not torch.equal(whole[0].box, whole[1].box)
    for other in (draws_of(slice(0, COUNT), step=4), draws_of(slice(0, COUNT), seed=2)):
        assert not torch.equal(augmentation(images, other)[0].pixels, whole[0].pixels)
    same = pictures(count=1).expand(COUNT, -1, -1, -1)
    boxes = augmentation(same, draws_of(slice(0, COUNT)))[0].box
    assert len(boxes.unique(dim=0)) > COUNT / 2, "each image is drawn for by itself"


def test_the_box_says_what_of_the_image_is_seen():
    ramp = torch.arange(SIDE, dtype=torch.uint8)[None, None, :, None].expand(COUNT, SIDE, -1, 3) * 10
    kind = Views(size=SIDE, area=(0.3, 0.8))
    drawn = drawn_for(kind)
    view = see(ramp.permute(0, 3, 1, 2).float(), kind, drawn)
    left, right = (view.box[:, 2:] * SIDE).unbind(1)
    assert (left > right).tolist() == drawn.flip.tolist()
    edges = view.pixels[:, SIDE // 2, [0, -1], 0] / 10 + 0.5
    assert torch.allclose(edges, torch.stack([left, right], 1), atol=0.6)


def test_views_are_batches_of_a_loader():
    split = Split(pictures(), torch.arange(COUNT) % 4)
    kinds = (replace(FULL, count=2), replace(FULL, size=8, count=3))
    loader = BatchLoader(split, 4, 8, RandomViews(kinds), 0, (torch.zeros(3), torch.ones(3)))
    assert [tuple(view.shape[2:]) for view in loader.batch(1).views] == [(12, 12)] * 2 + [(8, 8)] * 3


def test_a_blur_of_nothing_changes_nothing():
    assert torch.equal(geometry.blur_matrix(torch.zeros(1), 9, 4)[0], torch.eye(9))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"area": (0.5,)}, "area must be two shares"),
        ({"area": (0.8, 0.2)}, "the lower first"),
        ({"flip": 1.5}, "are chances in"),
        ({"hue": 0.7}, "hue must lie in"),
        ({"count": 0}, "must be at least 1"),
        ({"blur_sigma": (0.0, 1.0)}, "blur_sigma must be two widths"),
    ],
)
def test_views_that_cannot_be_drawn_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Views(**wrong)
