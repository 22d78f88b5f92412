"""Where a record came from: code, versions, device, day."""

import ast
import datetime
import functools
import hashlib
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from repro import paths

PACKAGES = ("torch", "timm", "numpy")
# The packages that a run passes through: a change here may change a result; a change of config changes its key.
TRAINING_CODE = ("data", "published", "stats", "audit", "models", "tickets", "training", "procedures")


def provenance(entry: str) -> dict[str, Any]:
    """Commit, whether `src` differs from it, digest of the code behind `entry`, versions, device and date (UTC)."""
    return {
        "commit": git("rev-parse", "--short=12", "HEAD") or "unknown",
        "dirty": bool(git("status", "--porcelain", "--", "src")),
        "code": code_digest(entry),
        "versions": {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES},
        "device": device_name(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


@functools.cache
def code_digest(entry: str) -> str:
    """First 12 hex digits of the SHA-256 over `entry` and what it imports; two equal digests computed alike.

    `entry` is a module of TRAINING_CODE, such as repro.procedures.train; only modules of those packages count.
    """
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(_reachable(root, _module_file(root, entry))):
        digest.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _reachable(root: Path, first: Path | None) -> set[Path]:
    """Files of TRAINING_CODE that a module imports, it included, directly or through others."""
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        file = waiting.pop()
        if file and file not in found and file.relative_to(root).parts[0] in TRAINING_CODE:
            found.add(file)
            waiting += [_module_file(root, name) for name in _imports(file)]
    return found


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(root: Path, name: str) -> Path | None:
    """The file of a module of this project, None for anything else."""
    package, *parts = name.split(".")
    stem = root.joinpath(*parts)
    candidates = (stem / "__init__.py", stem.with_suffix(".py")) if package == root.name and parts else ()
    return next((file for file in candidates if file.is_file()), None)


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
