"""Sub-commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


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
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("doctor", help="say what runs here and why, compile a kernel and check one")
    parser.parse_args(arguments)

    from tkeras.cli._doctor import doctor

    return doctor()
