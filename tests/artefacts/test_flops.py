import pytest

from repro.artefacts.shared.flops import selector_macs, vit_macs
from repro.artefacts.shared.patches import deit

SMALL, TINY = deit(384, 6), deit(192, 3)


@pytest.mark.parametrize(("model", "giga"), [(SMALL, 4.60), (TINY, 1.25), (deit(576, 9), 10.0)])
def test_dense_networks_cost_what_is_published(model, giga):
    assert vit_macs(model) / 1e9 == pytest.approx(giga, rel=0.01)


@pytest.mark.parametrize(("keep_rate", "giga"), [(0.9, 3.99), (0.7, 3.00)])
def test_a_dropping_network_costs_what_evit_publishes(keep_rate, giga):
    assert selector_macs(SMALL, keep_rate, to_the_end=True) / 1e9 == pytest.approx(giga, rel=0.01)


@pytest.mark.parametrize(("kept", "giga"), [(144, 3.33), (121, 2.79), (101, 2.32), (84, 1.93)])
def test_a_student_costs_by_the_tokens_it_sees(kept, giga):
    left_out = (196 - kept) * 3 * 16**2 * 384  # the authors embed all patches before they drop some
    assert (vit_macs(SMALL, kept) + left_out) / 1e9 == pytest.approx(giga, rel=0.01)


@pytest.mark.parametrize(("keep_rate", "saved"), [(0.9, 0.20), (0.85, 0.18), (0.8, 0.16), (0.7, 0.13)])
def test_stopping_early_saves_up_to_a_fifth(keep_rate, saved):
    share = selector_macs(SMALL, keep_rate) / selector_macs(SMALL, keep_rate, to_the_end=True)
    assert 1 - share == pytest.approx(saved, abs=0.01)
