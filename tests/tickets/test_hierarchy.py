"""One tree: entity > animal > dog > (hound > beagle, basset), poodle; animal > wolf; tool > saw, axe; bubble."""

import pytest

from repro.config import ConfigError
from repro.tickets.hierarchy import merge_deepest, merge_smallest, stand_ins

DOG = ("entity", "animal", "dog")
PATHS = [
    (*DOG, "hound", "beagle"),  # 0
    (*DOG, "hound", "basset"),  # 1
    (*DOG, "poodle"),  # 2
    ("entity", "animal", "wolf"),  # 3
    ("entity", "tool", "saw"),  # 4
    ("entity", "tool", "axe"),  # 5
    ("entity", "bubble"),  # 6
]


def test_the_literal_merge_lifts_the_deepest_leaves_first():
    """Seven classes. The hounds merge (6), then hound and poodle into dog (5), then dog and wolf into animal (4)."""
    assert merge_deepest(PATHS, 6) == {
        "hound": [0, 1],
        "poodle": [2],
        "wolf": [3],
        "saw": [4],
        "axe": [5],
        "bubble": [6],
    }
    assert merge_deepest(PATHS, 5)["dog"] == [0, 1, 2]
    assert merge_deepest(PATHS, 4) == {"animal": [0, 1, 2, 3], "saw": [4], "axe": [5], "bubble": [6]}


def test_the_balanced_merge_makes_the_smallest_groups_first():
    """Hound and tool hold two each, hound lies deeper: 6, then 5. Dog (3) comes next: 4."""
    assert merge_smallest(PATHS, 6)["hound"] == [0, 1]
    assert merge_smallest(PATHS, 5)["tool"] == [4, 5]
    assert merge_smallest(PATHS, 4) == {"dog": [0, 1, 2], "wolf": [3], "tool": [4, 5], "bubble": [6]}


def test_a_merge_that_would_leave_too_few_is_passed_over():
    """Under a parent of three leaves nothing less than all three can merge, so 3 stay where 2 are asked for."""
    paths = [("top", "a"), ("top", "b"), ("top", "c")]
    assert len(merge_smallest(paths, 2)) == 3
    assert len(merge_deepest(paths, 2)) == 1


def test_a_group_bears_the_name_of_the_lowest_node_above_its_classes():
    """Nothing branches between top and a: a and b merge in low and not in middle, which holds no other class."""
    paths = [("top", "middle", "low", "a"), ("top", "middle", "low", "b"), ("top", "far", "c")]
    assert merge_smallest(paths, 2) == {"low": [0, 1], "c": [2]}


def test_nothing_merges_where_as_many_groups_as_classes_are_asked_for():
    for merge in (merge_deepest, merge_smallest):
        assert list(merge(PATHS, 7).values()) == [[n] for n in range(7)]


def test_a_class_above_another_takes_it_in():
    """Dolphin lies below whale, and both are classes."""
    paths = [("sea", "whale"), ("sea", "whale", "dolphin"), ("sea", "seal")]
    for merge in (merge_deepest, merge_smallest):
        assert merge(paths, 2) == {"whale": [0, 1], "seal": [2]}


def test_a_group_is_stood_for_by_its_first_class():
    found = stand_ins({"tool": [4, 5], "animal": [1, 2, 3]})
    assert found == {1: "stands for animal; classes merged: 3", 4: "stands for tool; classes merged: 2"}
    assert list(found) == [1, 4]


@pytest.mark.parametrize("merge", [merge_deepest, merge_smallest])
@pytest.mark.parametrize(
    ("paths", "count", "said"),
    [
        (PATHS, 8, "asked for 8 groups of 7 classes"),
        (PATHS, 0, "asked for 0"),
        ([("a", "b"), ("a", "b")], 1, "'b' is there more than once"),
        ([("a", "b"), ("c", "d")], 1, "no common root"),
    ],
)
def test_paths_that_cannot_be_merged_are_refused(merge, paths, count, said):
    with pytest.raises(ConfigError, match=said):
        merge(paths, count)
