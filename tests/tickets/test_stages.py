import pytest

from repro.tickets import stages


@pytest.mark.parametrize(
    ("keep_rate", "counts", "real", "nominal"),
    [
        (0.95, (187, 178, 170), 0.1327, 0.1426),
        (0.90, (177, 160, 144), 0.2653, 0.2710),
        (0.85, (167, 142, 121), 0.3827, 0.3859),
        (0.80, (157, 126, 101), 0.4847, 0.4880),
        (0.75, (147, 111, 84), 0.5714, 0.5781),
        (0.70, (138, 97, 68), 0.6531, 0.6570),
    ],
)
def test_196_patches_leave_as_many_as_the_authors_code_leaves(keep_rate, counts, real, nominal):
    assert stages.stage_counts(196, keep_rate) == counts
    assert stages.real_sparsity(196, keep_rate) == pytest.approx(real, abs=5e-5)
    assert stages.nominal_sparsity(keep_rate) == pytest.approx(nominal, abs=5e-5)


def test_selecting_blocks_are_those_after_a_quarter_half_and_three_quarters():
    assert stages.selecting_blocks(12) == (3, 6, 9)  # the 4th, 7th and 10th
    assert stages.selecting_blocks(16) == (4, 8, 12)  # LV-ViT's
    assert stages.selecting_blocks(4) == (1, 2, 3)
    with pytest.raises(ValueError, match="at least 3 blocks"):
        stages.selecting_blocks(2)
