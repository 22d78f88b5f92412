"""The parameters of a notebook: names, types and defaults, and values from the command line checked against them.

Papermill runs a notebook with a parameter it does not know or of a wrong type; here both are errors before anything
runs. A notebook is read as plain JSON, so that runs can be started where no notebook software is installed.
"""

import ast
import json
from pathlib import Path
from typing import Any

from repro.config import ConfigError


def notebook_parameters(source: Path) -> dict[str, Any]:
    """Names and default values of a notebook's parameters. Raises ConfigError where it has none."""
    cells = json.loads(source.read_text())["cells"]
    tagged = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ConfigError(f"{source.name} must have exactly one cell tagged `parameters`")
    statements = ast.parse("".join(tagged[0]["source"])).body
    return {s.target.id: ast.literal_eval(s.value) for s in statements if isinstance(s, ast.AnnAssign)}  # type: ignore[union-attr, arg-type]


def parse_parameters(source: Path, given: dict[str, str]) -> dict[str, Any]:
    """Parameters as the notebook's types, from text such as `seeds=0,1`. Raises ConfigError, naming the parameter."""
    defaults = notebook_parameters(source)
    parsed = {}
    for name, text in given.items():
        if name not in defaults:
            raise ConfigError(f"{source.name} has no parameter {name!r}; it has {', '.join(defaults)}")
        parsed[name] = parse_value(name, text, defaults[name])
    return parsed


def parse_value(name: str, text: str, default: Any) -> Any:
    """A value of the type of `default`. Raises ConfigError."""
    if isinstance(default, str):
        return text
    if isinstance(default, list):
        text = text if text.strip().startswith("[") else f"[{text}]"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = None
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise ConfigError(f"parameter {name} must be of type {type(default).__name__}; got {text!r}")
    return value
