"""The command line: ``python -m tkeras``, or ``tkeras``."""

from tkeras.cli._main import main as main
