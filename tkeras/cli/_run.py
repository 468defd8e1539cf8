"""Run a Keras script, module or notebook as it is, with tkeras in the place of keras and tensorflow.keras."""

from __future__ import annotations

import argparse

HELP = "run a Keras script, module or notebook on tkeras, unedited"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, and what to say of it."""
    parser.add_argument(
        "--report", action="store_true", help="after the run: kernels, fallbacks, seconds an epoch, memory"
    )
    parser.add_argument(
        "--compare", action="store_true", help="run it on the installed Keras as well, and print both"
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module instead of a file")
    parser.add_argument("script", nargs="?", help="script (.py) or notebook (.ipynb)")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the script finds in sys.argv")


def run(arguments: argparse.Namespace) -> int:
    """Run it; exit status 1 where the script ended with an error of tkeras' own making, else the script's."""
    from tkeras.compat._run import run_script

    given = [arguments.script, *arguments.arguments]
    if arguments.module:
        return run_script(
            arguments.module,
            [word for word in given if word is not None],
            module=True,
            report=arguments.report,
            compare=arguments.compare,
        )
    if arguments.script is None:
        print("python -m tkeras run: give a script, a notebook, or -m and a module")
        return 2
    return run_script(
        arguments.script, arguments.arguments, report=arguments.report, compare=arguments.compare
    )
