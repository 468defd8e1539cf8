"""Sub-commands: each a module here with ``HELP``, ``add_arguments(parser)`` and ``run(arguments)``."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

COMMANDS = ("doctor", "run", "explain", "report", "coverage")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Args:
        arguments: default: those of the process.

    Returns:
        Exit status: 0 when all is well, else 1. An unknown sub-command ends the process with usage and 2.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tkeras", description="The Keras API on fused Triton kernels."
    )
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"tkeras.cli._{name}")
        command = parsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    known = parser.parse_args(arguments)
    return known.run(known)
