"""Slow: every artefact at `paper`, rehearsed on tiny stand-ins of the data."""

import os
import subprocess
import sys

import pytest

from repro.artefacts import REGISTRY

pytestmark = pytest.mark.slow
REHEARSED = {
    "table1": 5,
    "table2": 5,
    "figure1": 1,
    "figure2": 1,
    "figure3": 3,
    "figure3-turn": 3,
    "table4": 2,
    "lotus-sparsity": 2,
    "lotus-convergence": 1,
    "lotus-soup": 1,
    "subsets-policies": 14,
    "subsets-figure3": 6,
    "subsets-table13": 3,
    "subsets-theory": 2,
    "audit": 3,
}  # runs


@pytest.mark.parametrize("name", REGISTRY)
def test_the_paper_preset_can_be_rehearsed(name, tmp_path):
    environment = os.environ | {"REPRO_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "repro.cli", "run", name, "--preset", "paper", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{REHEARSED[name]} runs rehearsed" in done.stdout
    assert list(tmp_path.iterdir()) == [], "a rehearsal leaves no run behind"
