import pytest
import torch

from repro.tickets import patches

FULL = torch.tensor([[0.0, 1.0, 0.0, 1.0]])


def test_every_patch_is_as_likely_in_a_random_subset():
    ids = patches.random_ids(4000, 16, 5, torch.Generator().manual_seed(0))
    assert ids.shape == (4000, 5)
    assert (ids.diff(dim=1) > 0).all(), "sorted and unique"
    share = patches.as_mask(ids, 16).mean(0)
    assert (share - 5 / 16).abs().max() < 4 * (5 / 16 * 11 / 16 / 4000) ** 0.5


def test_the_centre_of_a_4x4_grid():
    assert patches.centre_ids(16, 4).tolist() == [5, 6, 9, 10]
    with pytest.raises(ValueError, match="square"):
        patches.centre_ids(15, 4)


def test_a_view_of_the_whole_image_shows_the_ticket_as_it_is():
    mask = patches.as_mask(torch.tensor([[1, 4, 8]]), 9)
    assert torch.allclose(patches.cover(mask, FULL), mask)


def test_a_flip_mirrors_the_ticket():
    mask = patches.as_mask(torch.tensor([[0, 5]]), 9)  # top left, middle right
    flipped = patches.cover(mask, torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    assert torch.allclose(flipped, patches.as_mask(torch.tensor([[2, 3]]), 9))


def test_a_shift_by_a_quarter_patch_leaves_three_quarters():
    mask = patches.as_mask(torch.tensor([[5]]), 16)  # second row, second column of four
    shift = 1 / 16  # a quarter of a patch
    seen = patches.cover(mask, torch.tensor([[0.0, 1.0, shift, 1 + shift]])).view(4, 4)
    assert seen[1].tolist() == pytest.approx([0.25, 0.75, 0, 0])
    assert seen.sum() == pytest.approx(1)


def test_a_crop_of_a_quarter_of_the_image_enlarges_its_ticket():
    mask = patches.as_mask(torch.tensor([[0, 5]]), 16)
    seen = patches.cover(mask, torch.tensor([[0.0, 0.5, 0.0, 0.5]])).view(4, 4)
    assert torch.allclose(seen, torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)))


def test_what_lies_outside_the_image_belongs_to_no_ticket():
    seen = patches.cover(torch.ones(1, 4), torch.tensor([[-1.0, 0.0, 0.0, 1.0]]))
    assert seen.sum() == 0


def test_the_map_follows_pixels_through_the_crops_of_a_loader():
    """The ticket painted as pixels and cropped by the loader is the ticket that `cover` follows."""
    from repro.data.tensors import BatchLoader, Split

    ids = patches.random_ids(20, 64, 30, torch.Generator().manual_seed(1))
    painted = patches.as_mask(ids, 64).view(20, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    images = (painted.permute(0, 2, 3, 1).expand(-1, -1, -1, 3) * 255).to(torch.uint8)
    plain = (torch.zeros(3), torch.full((3,), 255.0))
    loader = BatchLoader(Split(images, torch.zeros(20, dtype=torch.long)), 2, 20, "crop-flip", 3, plain)
    batch = loader.batch(0)
    seen = patches.cover(patches.as_mask(ids[batch.chosen], 64), batch.box)
    pooled = torch.nn.functional.avg_pool2d(batch.images[:, :1], 4).flatten(1)
    assert torch.allclose(seen, pooled, atol=1e-5)
    assert len(batch.box.unique(dim=0)) > 10


@pytest.mark.parametrize("colour", [torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])])
def test_exactly_the_dropped_pixels_are_painted(colour):
    images = torch.full((2, 3, 224, 224), 9.0)
    ids = patches.random_ids(2, 196, 144, torch.Generator().manual_seed(0))
    seen = patches.occlude(images, ids, 196, colour)
    painted = (seen == colour[:, None, None]).sum(dim=(2, 3))
    assert (painted == (196 - 144) * 256).all()
    assert ((seen == 9) | (seen == colour[:, None, None])).all()


def test_what_a_crop_has_cut_off_a_ticket_is_made_up_for_by_pixels_and_not_by_padding():
    # The crop starts a whole patch above the image and a quarter of one to its left; only the lowest row is a ticket,
    # and it has been pushed out of view.
    box = torch.tensor([[-0.25, 0.75, -0.0625, 0.9375]])
    mask = patches.as_mask(torch.tensor([[12, 13, 14, 15]]), 16)
    ticket, image = patches.cover(mask, box), patches.cover(torch.ones_like(mask), box)
    assert not ticket.any()
    assert patches.keep_highest(ticket, 4).tolist() == [[0, 1, 2, 3]], "the row of padding, by numbers alone"
    assert patches.keep_shown(ticket, image, 4).tolist() == [[5, 6, 7, 9]], (
        "first those without any padding, then lower ids"
    )
    assert patches.keep_shown(ticket, image, 12).tolist() == [list(range(4, 16))]


def test_a_little_of_the_ticket_goes_before_all_of_the_image_and_roundings_do_not_count():
    ticket = torch.tensor([[0.0, 0.01, 0.5, 0.50001]])
    image = torch.tensor([[1.0, 0.25, 1.0, 0.99999]])
    assert patches.keep_shown(ticket, image, 1).tolist() == [[2]]
    assert patches.keep_shown(ticket, image, 3).tolist() == [[1, 2, 3]]


def test_an_image_as_it_is_keeps_its_own_ticket():
    ids = patches.random_ids(8, 64, 20, torch.Generator().manual_seed(0))
    mask, box = patches.as_mask(ids, 64), torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(8, -1)
    assert torch.equal(patches.keep_shown(patches.cover(mask, box), patches.cover(torch.ones_like(mask), box), 20), ids)
