"""How many patches a selector keeps, and where in the network it does: arithmetic alone (paper A, section 3.4)."""

import math

STAGES = 3  # selecting blocks of a selector


def stage_counts(patches: int, keep_rate: float) -> tuple[int, ...]:
    """Patches alive after each of the three stages: ceil(keep_rate * alive) each time.

    196 patches at 0.9 leave 177, 160 and 144, of which a student of paper A sees the last 144 and its class token.
    """
    counts = []
    for _ in range(STAGES):
        patches = round_up(keep_rate * patches)
        counts.append(patches)
    return tuple(counts)


def round_up(patches: float) -> int:
    """The next whole number of patches; 0.55 of 100 are 55, whatever floating point makes of it."""
    return math.ceil(round(patches, 6))


def nominal_sparsity(keep_rate: float) -> float:
    """The patch sparsity that paper A prints, 1 - k^3."""
    return 1 - keep_rate**STAGES


def real_sparsity(patches: int, keep_rate: float) -> float:
    """Share of patches that is really dropped; rounding up keeps 0.3 to 1.0 points more than the nominal one says."""
    return 1 - stage_counts(patches, keep_rate)[-1] / patches


def selecting_blocks(depth: int) -> tuple[int, ...]:
    """The blocks that select, from 0: after a quarter, half and three quarters; 3, 6 and 9 of 12.

    Raises ValueError for a network with fewer blocks than stages.
    """
    if depth < STAGES:
        raise ValueError(f"a selector needs at least {STAGES} blocks, one for each stage; this one has {depth}")
    return tuple(depth * stage // 4 for stage in range(1, STAGES + 1))
