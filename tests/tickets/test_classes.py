import numpy as np
import pytest

from repro.config import ConfigError
from repro.tickets import classes

# Three models on five classes. Over all: A .74, B .70, C .62, so the order is A > B > C.
#            class   0    1    2    3    4
A, B, C = np.array([[0.9, 0.8, 0.6, 0.5, 0.9], [0.8, 0.8, 0.7, 0.4, 0.8], [0.7, 0.6, 0.5, 0.5, 0.8]])


def test_rs_draws_distinct_classes_and_the_seed_decides():
    found = classes.sample_classes(1000, 100, seed=3)
    assert len(found) == 100
    assert list(found) == sorted(found)
    assert found == classes.sample_classes(1000, 100, seed=3)
    assert list(found) != list(classes.sample_classes(1000, 100, seed=4))
    assert set(found.values()) == {"drawn at random, seed 3"}


def test_rs_draws_every_class_equally_often():
    drawn = [c for seed in range(2000) for c in classes.sample_classes(5, 2, seed)]
    assert np.bincount(drawn) == pytest.approx([800] * 5, abs=100)


def test_erc_keeps_classes_that_rank_the_models_as_all_classes_do():
    """Class 0 does. In 1 A and B tie, in 4 B and C; in 2 B leads; in 3 C ties with A above B."""
    assert list(classes.consistent_classes(np.stack([A, B, C]))) == [0]
    assert list(classes.consistent_classes(np.stack([A, B, C]), strict=False)) == [0, 1, 4]


def test_erc_does_not_mind_the_order_in_which_models_are_given():
    assert classes.order_models(np.stack([C, A, B])) == [1, 2, 0]
    assert list(classes.consistent_classes(np.stack([C, A, B]))) == [0]


def test_ties_are_counted_between_neighbours_of_the_order():
    """A and B tie in class 1 of five, B and C in class 4."""
    assert classes.tied_share(np.stack([C, A, B])) == pytest.approx([0.2, 0.2])


def test_erc_reduces_more_than_t_classes_to_m_target_and_leaves_t_whole():
    """Two models, six classes, all consistent."""
    pool = np.array([[0.9] * 6, [0.1] * 6])
    assert len(classes.consistent_classes(pool, threshold=6, target=2)) == 6
    reduced = classes.consistent_classes(pool, threshold=5, target=2, seed=1)
    assert len(reduced) == 2
    assert set(reduced.values()) == {"ranks the models as all classes do; one of 2 drawn from 6, seed 1"}
    draws = {tuple(classes.consistent_classes(pool, threshold=5, target=2, seed=s)) for s in range(20)}
    assert len(draws) > 5


@pytest.mark.parametrize(
    ("accuracies", "options", "said"),
    [
        ([[0.5, 0.6]], {}, "at least two models; got 1"),
        ([[0.5, 0.6], [0.6, 0.5]], {}, "two models are equally good"),
        ([[0.5, np.nan], [0.6, 0.5]], {}, "numbers in .0, 1.; class 1 has nan"),
        ([[0.5, 0.6], [60, 0.5]], {}, "class 0 has 60.0"),
        ([[0.5, 0.6], [0.5, 0.5]], {"target": 300}, "target 300 exceeds threshold 200"),
    ],
)
def test_a_pool_that_cannot_rank_is_refused(accuracies, options, said):
    with pytest.raises(ConfigError, match=said):
        classes.consistent_classes(np.array(accuracies), **options)


def test_no_consistent_class_is_said():
    """Over all .5, .4 and .37. The second leads in classes 0 and 2, the third is ahead of the second in class 1."""
    with pytest.raises(ConfigError, match="no class ranks the models"):
        classes.consistent_classes(np.array([[0.2, 0.8, 0.5], [0.3, 0.1, 0.8], [0.0, 0.4, 0.7]]))


def test_pd_takes_places_in_the_order_of_difficulty():
    """Ten classes, accuracy of class c is c / 10 but for two that swap: 3 has .9 and 9 has .3; 4 and 5 tie."""
    accuracy = np.array([0.0, 0.1, 0.2, 0.9, 0.45, 0.45, 0.6, 0.7, 0.8, 0.3])
    # Hardest first: 0 1 2 9 4 5 6 7 8 3
    kept = {pattern: list(classes.rank_classes(accuracy, pattern, 2)) for pattern in ("bottom", "top", "mid")}
    assert kept == {"bottom": [0, 1], "top": [3, 8], "mid": [4, 5]}
    assert list(classes.rank_classes(accuracy, "uniform", 2)) == [2, 7], "the places 2 and 7, counted from 0"


def test_pd_uniform_and_mid_follow_the_convention_for_100_of_1000():
    """Accuracies rise with the number, so places are numbers: 450 to 549, and 5, 15, ..., 995."""
    accuracy = np.linspace(0, 1, 1000)
    assert list(classes.rank_classes(accuracy, "mid", 100)) == list(range(450, 550))
    assert list(classes.rank_classes(accuracy, "uniform", 100)) == list(range(5, 1000, 10))


def test_equal_accuracies_stay_in_the_order_of_their_ids():
    found = classes.rank_classes(np.array([0.5, 0.5, 0.5, 0.1]), "bottom", 2)
    assert found == {0: "place 2 of 4 from the hardest", 3: "place 1 of 4 from the hardest"}


@pytest.mark.parametrize(
    ("accuracy", "pattern", "count", "said"),
    [
        ([0.1, 0.2], "bottom", 3, "asked for 3 of 2 classes"),
        ([0.1, 0.2], "bottom", 0, "asked for 0 of 2"),
        ([0.1, np.nan], "top", 1, "class 1 has nan"),
        ([0.1, 0.2], "left", 1, "top, mid, bottom, uniform; got 'left'"),
    ],
)
def test_pd_refuses(accuracy, pattern, count, said):
    with pytest.raises(ConfigError, match=said):
        classes.rank_classes(np.array(accuracy), pattern, count)


def test_nir_keeps_a_tenth_of_each_class_rounded_up():
    """25 images of class 0 give 3, 10 of class 7 give 1, one of class 2 gives itself."""
    labels = np.array([0] * 25 + [7] * 10 + [2])
    kept = classes.reduce_images(labels, seed=5)
    assert np.bincount(labels[kept]).tolist() == [3, 0, 1, 0, 0, 0, 0, 1]
    assert kept.tolist() == sorted(set(kept.tolist()))
    assert kept.tolist() != classes.reduce_images(labels, seed=6).tolist()


def test_nir_of_a_class_does_not_depend_on_the_other_classes():
    alone = classes.reduce_images(np.full(30, 4), seed=1)
    among = classes.reduce_images(np.array([4] * 30 + [9] * 12), seed=1)
    assert among[among < 30].tolist() == alone.tolist()


def test_nir_refuses_a_divisor_below_one():
    with pytest.raises(ConfigError, match="divisor must be at least 1; got 0"):
        classes.reduce_images(np.zeros(3, int), 0)
