"""Why a trace ends."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_LIBRARIES = tuple(
    str(Path(module.__file__ or "").parent)
    for module in (torch, sys.modules["tkeras"], sys.modules["tkeras_kernels"])
)


class TraceError(RuntimeError):
    """Something in a model that a program cannot hold: Python control flow on a value, an unknown effect."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


def place() -> str:
    """File and line of the innermost running code that belongs to no library, of ours if there is none."""
    frame = sys._getframe(1)
    own = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES) and not file.startswith("<"):
            return f"{file}:{frame.f_lineno}"
        if own is None and "/compiler/" not in file and file.startswith(_LIBRARIES[1:]):
            own = f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return own or "unknown place"
