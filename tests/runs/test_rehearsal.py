"""Slow: every artefact at `paper`, rehearsed on tiny stand-ins of the data."""

import os
import subprocess
import sys

import pytest

from repro.artefacts import REGISTRY

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", REGISTRY)
def test_the_paper_preset_can_be_rehearsed(name, tmp_path):
    artefact = REGISTRY[name]
    rehearsed = artefact.rehearsed(artefact.grid("paper"))
    assert rehearsed
    environment = os.environ | {"REPRO_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "repro.cli", "run", name, "--preset", "paper", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(rehearsed)} runs rehearsed" in done.stdout
    assert list(tmp_path.iterdir()) == [], "a rehearsal leaves no run behind"
