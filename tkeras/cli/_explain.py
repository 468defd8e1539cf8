"""``explain``: a model as a program, and what runs it."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

HELP = "show a model as a program, and what runs it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, and for which inputs."""
    parser.add_argument("model", metavar="FILE_OR_MODULE:NAME", help="a model, or what gives one when called")
    parser.add_argument(
        "--shape", action="append", help="of an input, with the batch: 32,784 (once an input)"
    )
    parser.add_argument("--training", action="store_true", help="the whole step of a compiled model")


def run(arguments: argparse.Namespace) -> int:
    """The sub-command."""
    return explain(arguments.model, arguments.shape, arguments.training)


def explain(target: str, shapes: list[str] | None, training: bool) -> int:
    """Print the program of a model before and after each pass.

    Args:
        target: ``file.py:name`` or ``module:name``; the name of a model, or of a function or class that gives
            one when it is called without arguments. The file or module is run.
        shapes: of the inputs, ``32,784``; default: what the model was built for.
        training: the whole step of a compiled model.

    Returns:
        0, or 1 with the reason on stderr.
    """
    from tkeras.compiler import TraceError
    from tkeras.compiler import explain as explained

    try:
        model = load(target)
        specs: Any = None if not shapes else [shape(text) for text in shapes]
        print(explained(model, specs[0] if specs and len(specs) == 1 else specs, training))
    except (TraceError, ValueError, ImportError, AttributeError, OSError) as error:
        print(f"explain: {error}", file=sys.stderr)
        return 1
    return 0


def shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise ValueError(f"--shape: expected sizes such as 32,784. Received: {text}") from None


def load(target: str) -> Any:
    """What ``file.py:name`` or ``module:name`` is, or gives when called; the file or module is run."""
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ValueError(f"expected FILE_OR_MODULE:NAME. Received: {target}")
    module = _file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    found = getattr(module, name)
    from tkeras.layers import Layer

    if isinstance(found, Layer):
        return found
    if not callable(found) or _arguments(found):
        wanted = "a model, or a function or class that gives one without arguments"
        raise ValueError(f"expected {target} to be {wanted}. Received: {found}")
    return found()


def _arguments(function: Any) -> list[str]:
    """Those that a call cannot leave out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of a built-in one nothing is known
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]


def _file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ValueError(f"no such file: {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
