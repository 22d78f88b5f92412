"""Slow: runs carried out in one checkout, taken into another and published there."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from repro import paths
from tests.checkout import HANGS, copy_checkout, git_status, repro

pytestmark = pytest.mark.slow
NAME = "subsets-theory"
PUBLISH = f"from repro import cli; cli.REGISTRY = {{{NAME!r}: cli.REGISTRY[{NAME!r}]}}; cli.publish()"


def publish(checkout):
    """`repro publish` of one artefact."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REPRO_")}
    environment["PYTHONPATH"] = str(checkout / "src")
    words = [sys.executable, "-c", PUBLISH]
    return subprocess.run(
        words, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=HANGS
    )


def commit_of(checkout):
    words = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


def test_runs_of_one_machine_are_published_on_another(tmp_path):
    there, here = (copy_checkout(tmp_path / name) for name in ("there", "here"))
    (there / "only-there").touch()
    words = ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "another"]
    for git in (["add", "-A"], words):
        subprocess.run(["git", *git], cwd=there, check=True)
    file = paths.recorded(NAME, "demo").name
    for old in (here / "book/results").glob(f"{NAME}.*"):
        old.unlink()
    assert repro(there, "run", NAME).returncode == 0
    taken = repro(here, "import", str(there / ".repro"))
    assert taken.returncode == 0, taken.stdout + taken.stderr
    count = len(list((there / ".repro/runs").glob("*/*/record.json")))
    assert f"{count} taken" in taken.stdout
    assert repro(here, "record", NAME).returncode == 0
    shutil.rmtree(there)
    shutil.rmtree(here / ".repro")
    done = publish(here)
    assert done.returncode == 0, done.stderr
    commits = {json.loads(line)["provenance"]["commit"] for line in (here / "book/results" / file).open()}
    assert len(commits) == 1
    assert commits != {commit_of(here)}
    page = nbformat.read(here / "book/reproductions" / f"{NAME}.ipynb", as_version=4)
    assert commits.pop() in str(page)
    assert f"book/reproductions/{NAME}.ipynb" in git_status(here)
