"""What a process is set up with before it trains."""

import subprocess
import sys

LOOP = """
import resource
import numpy as np
from repro.runs.schedule import keep_freed_memory
{set_up}
for turn in range(20):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(set_up):
    """Page faults of ten times 64 MiB, taken and freed, after as many before."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP.format(set_up=set_up)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_a_worker_takes_the_memory_that_it_freed_without_page_faults():
    assert page_faults("keep_freed_memory()") < page_faults("") / 10
