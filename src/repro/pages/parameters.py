"""The parameters of a notebook: names and types, and values from the command line checked against them.

Papermill runs a notebook with a parameter it does not know or of a wrong type; here both are errors before anything
runs. A notebook is read as plain JSON and its parameters are parsed, not executed, so that runs can be started where no
notebook software is installed.
"""

import ast
import json
from pathlib import Path
from typing import Any, get_args, get_origin

from repro.config import ConfigError
from repro.config.base import choices, conform

TYPES = {"str": str, "int": int, "float": float, "bool": bool}
NONE = ("", "none")  # what leaves a parameter to the preset, where its type allows None


def notebook_parameters(source: Path) -> dict[str, Any]:
    """Names and types of a notebook's parameters; a list is a tuple, as in a config. Raises ConfigError for others."""
    cells = json.loads(source.read_text())["cells"]
    tagged = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ConfigError(f"{source.name} must have exactly one cell tagged `parameters`")
    statements = ast.parse("".join(tagged[0]["source"])).body
    return {s.target.id: read_type(s.annotation) for s in statements if isinstance(s, ast.AnnAssign)}  # type: ignore[union-attr]


def read_type(annotation: ast.expr) -> Any:
    """The type that an annotation such as `list[float] | None` stands for. Raises ConfigError for one not known."""
    match annotation:
        case ast.Constant(value=None):
            return None
        case ast.Name(id=name) if name in TYPES:
            return TYPES[name]
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return tuple[read_type(item), ...]  # type: ignore[misc]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return read_type(left) | read_type(right)
    allowed = f"{', '.join(TYPES)}, a list of these, or one of them or None"
    raise ConfigError(f"a parameter of a notebook must be of type {allowed}; got {ast.unparse(annotation)}")


def parse_parameters(source: Path, given: dict[str, str]) -> dict[str, Any]:
    """Parameters as the notebook's types, from text such as `seeds=0,1`. Raises ConfigError, naming the parameter."""
    types = notebook_parameters(source)
    parsed = {}
    for name, text in given.items():
        if name not in types:
            raise ConfigError(f"{source.name} has no parameter {name!r}; it has {', '.join(types)}")
        parsed[name] = parse_value(name, text, types[name])
    return parsed


def parse_value(name: str, text: str, kind: Any) -> Any:
    """A value of a type; an empty text and `none` are None where the type allows it. Raises ConfigError."""
    members = choices(kind)
    if type(None) in get_args(kind) and text.strip().lower() in NONE:
        return None
    if str in members:
        return text
    is_bare_list = any(get_origin(member) is tuple for member in members) and not text.strip().startswith("[")
    try:
        value = ast.literal_eval(f"[{text}]" if is_bare_list else text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        value = text  # which is of no type but text, and the error shows it as it was given
    found = conform(value, kind, name)
    return list(found) if isinstance(found, tuple) else found
