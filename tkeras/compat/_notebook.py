"""The code of a Jupyter notebook, run cell by cell."""

from __future__ import annotations

import ast
import json
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def cells(path: Path) -> list[str]:
    """The sources of the code cells.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        found = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a notebook (version 4 or newer): {error}") from None
    return ["".join(cell["source"]) for cell in found]


def run_notebook(path: Path) -> None:
    """Run all cells in one namespace and show what a cell ends with; shell and magic lines are left out."""
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    for number, source in enumerate(cells(path), 1):
        name = f"{path.name}[{number}]"
        text = "\n".join(_line(line, name) for line in source.splitlines())
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        _execute(ast.parse(text, name), name, vars(module))


def _line(line: str, name: str) -> str:
    """A line of Python; IPython's own commands as ``pass``."""
    bare = line.lstrip()
    if not bare.startswith(("%", "!")):
        return line
    print(f"{name}: left out: {bare}", file=sys.stderr)
    return line[: len(line) - len(bare)] + "pass"


def _execute(tree: ast.Module, name: str, namespace: dict[str, Any]) -> None:
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        if value is not None:
            print(repr(value))
