"""A copy of the checkout as a newcomer has it, and commands carried out in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HANGS = 1800  # seconds after which a command is ended: none takes a quarter of that on a busy machine


def copy_checkout(folder):
    """What git would commit, in a repository of its own."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def run_in(checkout, *words):
    """`python -m` with some words in a copy, on the copy's package and a store of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REPRO_")}
    environment["PYTHONPATH"] = str(checkout / "src")
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, timeout=HANGS
    )


def repro(checkout, *words):
    """A command of the package in a copy."""
    return run_in(checkout, "repro.cli", *words)


def git_status(checkout):
    """What was changed in a copy since it was made: a line a file."""
    words = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=True).stdout
