import numpy as np
import pytest

from repro.tickets import samples

# Six samples (columns) under three configurations (rows). The order best first is 1, 0, 2, so a sample is consistent
# where row 1 < row 0 < row 2:
#   sample 0: .1 < .2 < .3 consistent           sample 3: .3 > .2 > .1, all three pairs inverted
#   sample 1: .1 < .3 > .2, one pair inverted   sample 4: .2 = .2 < .3, a tie counts: one pair
#   sample 2: .3 > .1 < .2, two pairs inverted  sample 5: .1 < .2 < .9 consistent
LOSSES = np.array(
    [
        [0.2, 0.3, 0.1, 0.2, 0.2, 0.2],
        [0.1, 0.1, 0.3, 0.3, 0.2, 0.1],
        [0.3, 0.2, 0.2, 0.1, 0.3, 0.9],
    ]
)
ORDER = np.array([1, 0, 2])


def draw(seed=0):
    return np.random.default_rng(seed)


def test_configurations_rank_by_accuracy_and_then_by_loss():
    order = samples.rank_configurations(np.array([0.90, 0.91, 0.90, 0.89]), np.array([0.5, 0.9, 0.4, 0.1]))
    assert order.tolist() == [1, 2, 0, 3]


def test_a_sample_is_consistent_where_losses_rise_strictly_in_that_order():
    assert samples.find_consistent(LOSSES, ORDER).tolist() == [True, False, False, False, False, True]


def test_inversions_are_counted_pair_by_pair():
    assert samples.count_inversions(LOSSES, ORDER).tolist() == [0, 1, 2, 3, 1, 0]


def test_the_nearest_fill_a_ticket_that_too_few_are_consistent_for():
    assert samples.choose_ordered(LOSSES, ORDER, 4, draw()).tolist() == [0, 1, 4, 5]
    thirds = {tuple(samples.choose_ordered(LOSSES, ORDER, 3, draw(seed))) for seed in range(20)}
    assert thirds == {(0, 1, 5), (0, 4, 5)}, "samples 1 and 4 are equally near"


def test_a_ticket_is_a_random_choice_where_more_are_consistent_than_wanted():
    assert {samples.choose_ordered(LOSSES, ORDER, 1, draw(seed))[0] for seed in range(20)} == {0, 5}


def test_random_losses_are_consistent_once_in_24():
    losses = draw().random((4, 100_000))
    assert samples.find_consistent(losses, np.arange(4)).mean() == pytest.approx(1 / 24, abs=0.002)


def test_the_scan_takes_only_samples_that_all_get_right():
    correct = np.array([[1, 1, 0, 1, 1], [1, 0, 1, 1, 1]], bool)
    assert samples.choose_agreed(correct, 3, draw()).tolist() == [0, 3, 4]
    assert {tuple(samples.choose_agreed(correct, 2, draw(s))) for s in range(20)} == {(0, 3), (0, 4), (3, 4)}
    with pytest.raises(ValueError, match="4 samples are asked for; between 1 and 3"):
        samples.choose_agreed(correct, 4, draw())


def test_a_stratified_choice_keeps_the_shares_of_the_classes():
    # Of 10 samples 5, 3 and 2 are of a class; 4 of them make 2, 1.2 and .8: rounded down 2, 1, 0, and one more where
    # most is cut off, which is the last class.
    labels = np.array([0] * 5 + [1] * 3 + [2] * 2)
    for seed in range(5):
        chosen = samples.choose_stratified(labels, 4, draw(seed))
        assert np.bincount(labels[chosen]).tolist() == [2, 1, 1]


def test_a_random_choice_has_no_repeats_and_another_draw_is_another_choice():
    one, other = (samples.choose_random(100, 10, draw(seed)) for seed in (0, 1))
    assert len(set(one)) == 10
    assert one.tolist() == sorted(one)
    assert one.tolist() != other.tolist()


def test_margins_count_without_their_sign():
    margins = np.array([0.5, -0.1, 2.0, -3.0, 0.2])
    assert samples.choose_margin(margins, 2).tolist() == [1, 4]
    assert samples.choose_margin(margins, 2, smallest=False).tolist() == [2, 3]


@pytest.mark.parametrize("count", [0, 7])
def test_a_count_that_cannot_be_chosen_is_refused(count):
    with pytest.raises(ValueError, match=f"{count} samples are asked for; between 1 and 6 can be chosen"):
        samples.choose_random(6, count, draw())
