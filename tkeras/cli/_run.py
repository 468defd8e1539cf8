"""Run a Keras script, module or notebook as it is, with tkeras in the place of keras and tensorflow.keras."""

from __future__ import annotations

import argparse
import sys

HELP = "run a Keras script, module or notebook on tkeras, unedited"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, and what to say of it."""
    parser.add_argument(
        "--report", action="store_true", help="after the run: kernels, fallbacks, seconds an epoch, memory"
    )
    parser.add_argument(
        "--compare", action="store_true", help="run it on the installed Keras as well, and print both"
    )
    parser.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, help="run a module instead: its name, its arguments"
    )
    parser.add_argument("script", nargs="?", help="script (.py) or notebook (.ipynb)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script finds in sys.argv")


def run(arguments: argparse.Namespace) -> int:
    """Run it; the exit status is the script's."""
    from tkeras.compat._run import run_script

    words = arguments.module or [arguments.script, *arguments.arguments]
    if not words[0]:
        print("python -m tkeras run: give a script, a notebook, or -m and a module", file=sys.stderr)
        return 2
    return run_script(
        words[0],
        words[1:],
        module=bool(arguments.module),
        report=arguments.report,
        compare=arguments.compare,
    )
