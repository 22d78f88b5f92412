"""Where a run came from: code, versions, device, day, as they were when the process that carried it out began."""

import datetime
import functools
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from repro import paths
from repro.runs.code import code_digest

PACKAGES = ("torch", "timm", "numpy")


@dataclass(frozen=True)
class Provenance:
    """What a record says of its origin."""

    commit: str  # 12 hex digits, or unknown
    dirty: bool  # whether `src` differed from the commit
    code: str  # digest of the code behind the procedure
    versions: dict[str, str]
    device: str
    date: str  # UTC, of the start

    def same_maker(self, other: "Provenance") -> bool:
        """Whether a run that one of two began can be finished by the other: same code, versions and device."""
        return (self.code, self.versions, self.device) == (other.code, other.versions, other.device)


def provenance(entry: str) -> Provenance:
    """That of a run of the procedure `entry` which begins now.

    Commit and code are read once a process: what it imported stays what it was, whatever is committed meanwhile.
    """
    commit, dirty = checkout_state()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Provenance(commit, dirty, code_digest(entry), versions(), device_name(), today)


@functools.cache
def versions() -> dict[str, str]:
    """Those of Python and of the packages that results depend on."""
    return {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES}


@functools.cache
def checkout_state() -> tuple[str, bool]:
    """Commit of the checkout, and whether `src` differs from it."""
    return git("rev-parse", "--short=12", "HEAD") or "unknown", bool(git("status", "--porcelain", "--", "src"))


def git(*words: str) -> str:
    """What git prints in the checkout, or nothing where there is no git or no commit."""
    try:
        result = subprocess.run(["git", *words], cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


@functools.cache
def device_name() -> str:
    """Name of the GPU, or of the processor."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
