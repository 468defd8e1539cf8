"""Sub-commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


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
    explain = commands.add_parser("explain", help="show a model as a program, and what runs it")
    explain.add_argument(
        "model", metavar="FILE_OR_MODULE:NAME", help="a model, or what gives one when called"
    )
    explain.add_argument(
        "--shape", action="append", help="of an input, with the batch: 32,784 (once an input)"
    )
    explain.add_argument("--training", action="store_true", help="the whole step of a compiled model")
    report = commands.add_parser("report", help="measure the operators of a model")
    report.add_argument("model", metavar="FILE_OR_MODULE:NAME", help="a model, or what gives one when called")
    report.add_argument("--batch", type=int, default=32, help="size of the batch (default 32)")
    report.add_argument("--html", type=Path, help="write a page to this file")
    coverage = commands.add_parser("coverage", help="list Keras' public names: equal, different or missing")
    coverage.add_argument("--namespace", help="one of them alone, such as keras.layers")
    coverage.add_argument("--json", action="store_true", help="every name with its state and the reason")
    options = parser.parse_args(arguments)
    if options.command == "coverage":
        from tkeras.cli._coverage import coverage as list_names

        return list_names(options.namespace, options.json)
    if options.command == "explain":
        from tkeras.cli._explain import explain as run

        return run(options.model, options.shape, options.training)
    if options.command == "report":
        from tkeras.cli._report import report as run_report

        return run_report(options.model, options.batch, options.html)
    from tkeras.cli._doctor import doctor

    return doctor()
