"""Scripts that the book offers to copy."""

import re
import subprocess

import pytest

from repro import paths
from repro.cli import app

SCRIPTS = sorted((paths.BOOK / "_static" / "cluster").glob("*.sh"))
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_one_that_bash_can_read(script):
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_script_for_torchrun_starts_a_process_a_gpu_with_commands_that_exist():
    text = (paths.BOOK / "_static" / "cluster" / "slurm-torchrun.sh").read_text()
    assert "#SBATCH --gpus-per-node=8\n" in text
    assert '--nproc_per_node="$SLURM_GPUS_ON_NODE" -m repro.cli "$@"' in text
    assert set(re.findall(r"slurm-torchrun\.sh (\w+)", text)) <= COMMANDS
    quickstart = (paths.BOOK / "quickstart.md").read_text()
    assert "book/_static/cluster/slurm-torchrun.sh" in quickstart
