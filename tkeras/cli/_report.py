"""``report``: where the time of a model's step goes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tkeras.models import Model

HELP = "measure the operators of a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the batch, and where to write."""
    parser.add_argument("model", metavar="FILE_OR_MODULE:NAME", help="a model, or what gives one when called")
    parser.add_argument("--batch", type=int, default=32, help="size of the batch (default 32)")
    parser.add_argument("--html", type=Path, help="write a page to this file")


def run(arguments: argparse.Namespace) -> int:
    """The sub-command."""
    return report(arguments.model, arguments.batch, arguments.html)


def report(name: str, batch: int, html: Path | None) -> int:
    """Print the kernel report of a saved model or of one in a module; 1 where there is none."""
    if batch < 1:
        print(f"--batch: expected at least 1, received {batch}", file=sys.stderr)
        return 1
    try:
        model = _find(name)
    except (ImportError, AttributeError, OSError, ValueError, TypeError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    found = model.kernel_report(batch=batch)
    print(found)
    if html is not None:
        html.write_text(found.to_html())
        print(f"\nwritten: {html}")
    return 0


def _find(name: str) -> Model:
    """A saved model, or what the module or file before the colon, which is run, has under that name."""
    if ":" in name and not Path(name).exists():
        from tkeras.cli._explain import load

        model = load(name)
    else:
        from tkeras.saving import load_model

        model = load_model(name)
    if not isinstance(model, Model):
        raise TypeError(f"Expected {name} to be a model. Received: {type(model).__name__}")
    return model
