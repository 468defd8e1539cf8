"""Tracebacks of errors that end a script, with or without the frames inside tkeras."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).parent.parent)
_before: list[object] = []


def enable_traceback_filtering() -> None:
    """Leave the frames inside tkeras out of the traceback of an error that ends the process."""
    if not is_traceback_filtering_enabled():
        _before.append(sys.excepthook)
        sys.excepthook = _filtered


def disable_traceback_filtering() -> None:
    """Show whole tracebacks, as is the default."""
    if is_traceback_filtering_enabled():
        sys.excepthook = _before.pop()  # type: ignore[assignment]


def is_traceback_filtering_enabled() -> bool:
    """Whether :func:`enable_traceback_filtering` is in force. Differs from Keras, where it is by default."""
    return sys.excepthook is _filtered


def _filtered(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    report = traceback.TracebackException(kind, error, trace)
    outside = [frame for frame in report.stack if not frame.filename.startswith(_PACKAGE)]
    if outside:
        report.stack[:] = outside
    print("".join(report.format()), end="", file=sys.stderr)
