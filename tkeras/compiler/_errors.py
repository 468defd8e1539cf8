"""Why a trace ends."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_LIBRARIES = tuple(
    str(Path(module.__file__ or "").parent)
    for module in (torch, sys.modules["tkeras"], sys.modules["tkeras_kernels"])
)
_PLUMBING = ("/compiler/", "/bridge/", "/layers/_", "/graph/", "/models/", "/training/", "tkeras_kernels")


class TraceError(RuntimeError):
    """Something in a model that a program cannot hold: Python control flow on a value, an unknown effect."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


def place() -> str:
    """File and line of the innermost running code of no library, and of ours where that was called there."""
    frame = sys._getframe(1)
    own = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_LIBRARIES) and not file.startswith("<"):
            found = f"{file}:{frame.f_lineno}"
            return found if own is None else f"{found} (in {own})"
        ours = file.startswith(_LIBRARIES[1:]) and not any(part in file for part in _PLUMBING)
        if own is None and ours:
            own = f"{Path(file).relative_to(Path(_LIBRARIES[1]).parent)}:{frame.f_lineno}"
        frame = frame.f_back
    return own or "unknown place"
