"""Where a record came from: code, versions, device, day."""

import datetime
import functools
import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from repro import paths

PACKAGES = ("torch", "timm", "numpy")
# The packages that a run passes through: a change here may change a result; a change of config changes its key.
TRAINING_CODE = ("data", "models", "tickets", "training")


def provenance() -> dict[str, Any]:
    """Commit, whether `src` differs from it, digest of the training code, versions, device and date (UTC)."""
    return {
        "commit": git("rev-parse", "--short=12", "HEAD") or "unknown",
        "dirty": bool(git("status", "--porcelain", "--", "src")),
        "code": code_digest(),
        "versions": {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES},
        "device": device_name(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


@functools.cache
def code_digest() -> str:
    """First 12 hex digits of the SHA-256 over the modules of TRAINING_CODE; two equal digests trained alike."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for part in TRAINING_CODE:
        for file in sorted((root / part).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def git(*words: str) -> str:
    """What git prints in the checkout, or nothing where there is no git or no commit."""
    try:
        result = subprocess.run(["git", *words], cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


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
