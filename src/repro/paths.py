"""Every directory and file name of the project, spelled once.

Heavy state (data sets, checkpoints, records of your own runs) lives under `REPRO_HOME`; everything else
is a place in the checkout. Both variables are read when a path is asked for, so a test can move them. They must be
absolute, because a notebook has another working directory than the command; an empty one is refused, because a
variable that somebody forgot to fill would send `--refresh` to another store.
"""

import errno
import os
import shutil
import stat
from pathlib import Path

from repro.machine import host, is_alive

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOKS = CHECKOUT / "notebooks"
BOOK = CHECKOUT / "book"
PAGES = BOOK / "reproductions"
RESULTS = BOOK / "results"
BUILD = CHECKOUT / "build"
PUBLISHED = Path(__file__).resolve().parent / "published"


class PathError(ValueError):
    """A folder that cannot be used; the message names the variable that points there and the mend."""


def home() -> Path:
    """Folder of heavy state: `REPRO_HOME`, or `.repro` in the checkout. Raises PathError."""
    return _chosen("REPRO_HOME") or CHECKOUT / ".repro"


def data() -> Path:
    """Folder of the data sets: `REPRO_DATA`, or `data` in the home. Raises PathError."""
    return _chosen("REPRO_DATA") or home() / "data"


def _chosen(variable: str) -> Path | None:
    """The folder that a variable names, whether it is there yet or not; None where it is unset. Raises PathError."""
    value = os.environ.get(variable)
    if value is None:
        return None
    try:
        folder = Path(value).expanduser()
        if not folder.is_absolute():
            raise _refusal(variable, folder, "an absolute path is needed")
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise _refusal(variable, folder, "a file is there")
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError) as error:  # RuntimeError: the home of a user that does not exist
        raise _refusal(variable, Path(value), getattr(error, "strerror", None) or str(error)) from error
    return folder


def make_folder(folder: Path) -> Path:
    """Make a folder of the home or the data unless it is there. Raises PathError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise blame(folder, error) or error from error
    return folder


def blame(file: Path, error: OSError) -> PathError | None:
    """What to tell the user of a file in the data or the home that cannot be used; None for any other file."""
    for variable, folder in (("REPRO_DATA", data()), ("REPRO_HOME", home())):
        if file.is_relative_to(folder):
            return _refusal(variable, folder, f"{error.strerror}: {file}")
    return None


def _refusal(variable: str, folder: Path, why: str) -> PathError:
    value = os.environ.get(variable)
    what = str(folder) if value is None else f"{variable}={value!r}"
    mend = f"point {variable} at a folder of your own" + ("" if value is None else ", or unset it")
    return PathError(f"{what} cannot be used: {why}; {mend}")


def run_folder(name: str, seed: int) -> Path:
    """Folder of one run, for example `runs/train-0f3a.../seed0`."""
    return home() / "runs" / name / f"seed{seed}"


def drivers() -> Path:
    """Folder where the processes that drive runs say how far they are."""
    return home() / "drivers"


def gpus() -> Path:
    """Folder of the leases of GPUs."""
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
