"""The digest of the code behind a procedure: equal digests computed alike.

It covers the packages that a procedure's module imports, directly or through others, as Python parses them: comments,
docstrings, formatting, places of files and the imports among them do not count. A change of `config` changes keys
instead, so that package does not count either.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NO_CODE = "config"  # the package whose changes show in a run's key
NO_MEANING = {"type_ignores", "type_comment", "type_params", "kind", "ctx"}  # fields that differ among Pythons


@functools.cache
def code_digest(entry: str, root: Path = ROOT) -> str:
    """First 12 hex digits of the SHA-256 over the module `entry`, such as repro.procedures.train, and what it needs."""
    files = sorted(file_digests(entry, root).values())
    return hashlib.sha256("".join(files).encode()).hexdigest()[:12]


def file_digests(entry: str, root: Path = ROOT) -> dict[str, str]:
    """The digest of every file behind a module, by its path below `root`."""
    found = reachable(root, module_file(root, entry))
    return {file.relative_to(root).as_posix(): file_digest(file) for file in sorted(found)}


def file_digest(file: Path) -> str:
    """SHA-256 of what a file says to Python."""
    return hashlib.sha256(repr(meaning(ast.parse(file.read_bytes()))).encode()).hexdigest()


def meaning(node: Any) -> Any:
    """A syntax tree as nested tuples, without docstrings, imports of this project and what has no meaning."""
    if isinstance(node, list):
        return [meaning(item) for item in node if not is_own_import(item)]
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    said = [(name, meaning(v)) for name, v in sorted(fields.items()) if name not in NO_MEANING and v not in (None, [])]
    return (type(node).__name__, said)


def is_own_import(node: Any) -> bool:
    """Whether a statement imports from this project; what it imports is in the digest with its own file."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] == ROOT.name
    return isinstance(node, ast.Import) and all(a.name.partition(".")[0] == ROOT.name for a in node.names)


def reachable(root: Path, first: Path | None) -> set[Path]:
    """Files of packages that a module imports, it included, directly or through others."""
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        file = waiting.pop()
        if file and file not in found and is_code(file.relative_to(root)):
            found.add(file)
            waiting += [module_file(root, name) for name in with_packages(imports(file))]
    return found


def is_code(file: Path) -> bool:
    """Whether a file below the root may change a result: it lies in a package other than `config`."""
    return len(file.parts) > 1 and file.parts[0] != NO_CODE


def imports(file: Path) -> Iterator[str]:
    """Full names of what a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_packages(names: Iterable[str]) -> Iterator[str]:
    """Names of modules, each after the packages it lies in, which Python imports with it."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def module_file(root: Path, name: str) -> Path | None:
    """The file of a module of this project, None for anything else."""
    package, *parts = name.split(".")
    stem = root.joinpath(*parts)
    candidates = (stem / "__init__.py", stem.with_suffix(".py")) if package == root.name and parts else ()
    return next((file for file in candidates if file.is_file()), None)
