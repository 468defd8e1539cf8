"""The one error of tracing, and where in the user's code it happened."""

from __future__ import annotations

import linecache
import os
import sys

import torch

_OWN = (os.path.dirname(__file__) + os.sep, os.path.dirname(torch.__file__) + os.sep)


class TraceError(TypeError):
    """The function does something with a traced value that the expression language cannot express."""


class MissingAttributeError(TraceError, AttributeError):
    """A tensor attribute that a traced value does not have; also an AttributeError, so ``hasattr`` works."""


def user_line() -> str:
    """`` at file:line: `source` `` of the innermost frame outside this package and torch, or nothing."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    if frame is None:
        return ""
    filename, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(filename, line, frame.f_globals).strip()
    return f" at {filename}:{line}" + (f": `{source}`" if source else "")
