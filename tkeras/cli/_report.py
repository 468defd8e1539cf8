"""``report``: where the time of a model's step goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tkeras.cli._explain import load, shape
from tkeras.models import Model

HELP = "measure the operators of a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the batch, and where to write."""
    parser.add_argument("model", metavar="FILE_OR_MODULE:NAME", help="a model, or what gives one when called")
    parser.add_argument("--batch", type=int, default=32, help="size of the batch (default 32)")
    parser.add_argument(
        "--shape",
        action="append",
        help="of an input without the batch, 28,28,1 or 100:int32 (once an input), where the model has none",
    )
    parser.add_argument("--html", type=Path, help="write a page to this file")


def run(arguments: argparse.Namespace) -> int:
    """The sub-command."""
    return report(arguments.model, arguments.batch, arguments.html, arguments.shape)


def report(name: str, batch: int, html: Path | None, shapes: list[str] | None = None) -> int:
    """Print the kernel report of a saved model or of one in a module; 1 where there is none.

    Args:
        shapes: of the inputs without the batch, ``28,28,1`` or with a dtype ``100:int32``; default: what the
            model was built for.
    """
    if batch < 1:
        print(f"--batch: expected at least 1, received {batch}", file=sys.stderr)
        return 1
    try:
        model = _find(name)
    except (ImportError, AttributeError, OSError, ValueError, TypeError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    try:
        found = model.kernel_report(batch, None if not shapes else _inputs(model, shapes, batch))
    except ValueError as error:
        print(f"report: {error}{_HINT if 'no inputs yet' in str(error) else ''}", file=sys.stderr)
        return 1
    print(found)
    if html is not None:
        html.write_text(found.to_html())
        print(f"\nwritten: {html}")
    return 0


_HINT = " Here: --shape."


def _inputs(model: Model, shapes: Sequence[str], batch: int) -> Any:
    from tkeras.graph import KerasTensor
    from tkeras.models._kernel_measure import drawn

    specs = []
    for text in shapes:
        sizes, _, dtype = text.partition(":")
        specs.append(KerasTensor((None, *shape(sizes)), dtype or "float32"))
    return drawn(model, specs if len(specs) > 1 else specs[0], batch)


def _find(name: str) -> Model:
    """A saved model, or what the module or file before the colon, which is run, has under that name."""
    if ":" in name and not Path(name).exists():
        model = load(name)
    else:
        from tkeras.saving import load_model

        model = load_model(name)
    if not isinstance(model, Model):
        raise TypeError(f"Expected {name} to be a model. Received: {type(model).__name__}")
    return model
