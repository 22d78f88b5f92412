"""Functions and modules stay short enough to be read at once."""

import ast

import pytest

from repro import paths

MODULES = sorted((paths.CHECKOUT / "src").rglob("*.py"))
MOST = 40  # lines of a function
USUAL, LONGEST = 250, 300  # lines of a module: of nineteen in twenty, and of any


def functions(file):
    """Name and lines of every function of a module, methods and inner ones too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(paths.CHECKOUT / "src" / "repro")))
def test_no_function_is_longer_than_40_lines(file):
    assert {name: lines for name, lines in functions(file) if lines > MOST} == {}


def test_modules_are_mostly_under_250_lines():
    lines = {file.name: len(file.read_text().splitlines()) for file in MODULES}
    assert {name: n for name, n in lines.items() if n > LONGEST} == {}
    assert sum(n > USUAL for n in lines.values()) <= len(lines) / 20
