"""Every directory and file name of the project, spelled once.

Heavy state (data sets, checkpoints, records of your own runs) lives under `REPRO_HOME`; everything else
is a place in the checkout. Both variables are read when a path is asked for, so a test can move them.
"""

import os
import shutil
from pathlib import Path

from repro.machine import host, is_alive

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOKS = CHECKOUT / "notebooks"
BOOK = CHECKOUT / "book"
PAGES = BOOK / "reproductions"
RESULTS = BOOK / "results"
BUILD = CHECKOUT / "build"
PUBLISHED = Path(__file__).resolve().parent / "published"


def home() -> Path:
    """Folder of heavy state: `REPRO_HOME`, or `.repro` in the checkout."""
    return Path(os.environ.get("REPRO_HOME", CHECKOUT / ".repro")).expanduser()


def data() -> Path:
    """Folder of the data sets: `REPRO_DATA`, or `data` in the home."""
    return Path(os.environ.get("REPRO_DATA", home() / "data")).expanduser()


def run_folder(name: str, seed: int) -> Path:
    """Folder of one run, for example `runs/train-0f3a.../seed0`."""
    return home() / "runs" / name / f"seed{seed}"


def drivers() -> Path:
    """Folder where the processes that drive runs say how far they are."""
    return home() / "drivers"


def gpus() -> Path:
    """Folder of the locks of GPUs."""
    return home() / "gpus"


def recorded(artefact: str, preset: str) -> Path:
    """File of the committed records of one artefact at one preset."""
    return RESULTS / f"{artefact}.{preset}.jsonl"


def page(artefact: str, preset: str) -> Path:
    """The executed notebook of your own run."""
    return BUILD / preset / "reproductions" / f"{artefact}.ipynb"


def notebook(artefact: str) -> Path:
    """The source notebook of an artefact."""
    return NOTEBOOKS / f"{artefact}.ipynb"


def beside(file: Path) -> Path:
    """Where this process writes a file before it is moved to its place; `sweep` finds it by host and process."""
    return file.with_name(f".{file.name}.{host()}.{os.getpid()}.tmp")


def sweep(folder: Path) -> None:
    """Delete what processes of this machine that are gone were writing in a folder."""
    for left in folder.glob(f".*.{host()}.*.tmp"):
        number = left.name.split(".")[-2]
        if number.isdigit() and not is_alive(int(number)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
