"""WNH of paper C (section 3.3): classes merged up a tree until few enough coarse classes are left.

Taken literally, "merge leaves that have a common parent and repeat" lifts the deepest leaves into their parent, again
and again. On ImageNet that swallows all animals before most artefacts have merged once, because animals lie deeper.
The balanced merge always makes the smallest new group that the tree allows. How many coarse classes, and whether a
ticket holds relabelled groups or one class of each, the paper leaves open: groups are returned, and `stand_ins` picks
classes.
"""

from collections import Counter
from collections.abc import Sequence

from repro.config import ConfigError

Path = tuple[str, ...]  # node names from the root down to a class
Groups = dict[str, list[int]]  # node that a group was merged into -> its classes


def check_paths(paths: Sequence[Path], count: int) -> None:
    """Raise ConfigError unless the paths share a root, no class is there twice, and 1 to all of them are asked for."""
    if not 1 <= count <= len(paths):
        raise ConfigError(f"asked for {count} groups of {len(paths)} classes; ask for 1 to {len(paths)}")
    doubled = [node for node, times in Counter(path[-1] for path in paths).items() if times > 1]
    if doubled:
        raise ConfigError(f"class {doubled[0]!r} is there more than once")
    if len({path[0] for path in paths}) > 1:
        raise ConfigError("the classes have no common root")


def merge_deepest(paths: Sequence[Path], count: int) -> Groups:
    """The literal merge: the deepest leaves go into their parents, until at most `count` groups are left.

    Of several parents at the deepest level the one first in the alphabet goes first. Raises ConfigError.
    """
    check_paths(paths, count)
    groups: dict[Path, list[int]] = {path: [number] for number, path in enumerate(paths)}
    while len(groups) > count:
        deepest = max(map(len, groups))
        parent = min(node[:-1] for node in groups if len(node) == deepest)
        lifted = [node for node in groups if len(node) == deepest and node[:-1] == parent]
        classes = [c for node in lifted for c in groups.pop(node)]
        groups[parent] = sorted(groups.get(parent, []) + classes)
    return by_first_class({node[-1]: classes for node, classes in groups.items()})


def merge_smallest(paths: Sequence[Path], count: int) -> Groups:
    """The balanced merge: the node with the fewest classes below it becomes a group, until `count` are left.

    Of nodes with equally few classes the deepest goes first, then the one first in the alphabet. A node that would
    leave fewer than `count` is passed over, so a few more groups than that may be left. Raises ConfigError.
    """
    check_paths(paths, count)
    below: dict[Path, list[int]] = {}
    for number, path in enumerate(paths):
        for end in range(1, len(path) + 1):
            below.setdefault(path[:end], []).append(number)
    group_of = dict(enumerate(paths))
    left = len(paths)
    for node in sorted(below, key=lambda n: (len(below[n]), -len(n), n)):
        gain = len({group_of[c] for c in below[node]}) - 1
        if gain and left - gain >= count:
            left -= gain
            group_of |= dict.fromkeys(below[node], node)
    groups: Groups = {}
    for number, group in group_of.items():
        groups.setdefault(group[-1], []).append(number)
    return by_first_class(groups)


def by_first_class(groups: Groups) -> Groups:
    """Groups in the order of their first class."""
    return dict(sorted(groups.items(), key=lambda item: item[1]))


def stand_ins(groups: Groups) -> dict[int, str]:
    """One class of each group, its first, with the group it stands for; sorted by class."""
    return {
        classes[0]: f"stands for {node}; classes merged: {len(classes)}"
        for node, classes in by_first_class(groups).items()
    }
