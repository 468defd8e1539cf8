"""Loading Triton: lazily, and in one mode for the life of the process.

Triton decides between compiling and interpreting when its functions are decorated, which for its own standard
library is the moment of import. Flipping ``TRITON_INTERPRET`` later gives half of each, so the mode is fixed
at first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Literal

Mode = Literal["compiled", "interpreter"]


def triton_mode() -> Mode | None:
    """The mode in which this process imported Triton; None while it has not."""
    language = sys.modules.get("triton.language")
    if language is None:
        return None
    return "interpreter" if type(language.sum).__name__ == "InterpretedFunction" else "compiled"


def triton_missing() -> str | None:
    """Why Triton cannot be imported here, or None when it can."""
    if sys.platform != "linux":
        return f"Triton has no build for {sys.platform}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    return None


def use_triton(mode: Mode | None = None) -> Mode:
    """Import Triton, in ``mode`` if given, and return the mode it is in.

    Raises:
        RuntimeError: Triton is missing, or was imported in the other mode.
    """
    current = triton_mode()
    if current is None:
        missing = triton_missing()
        if missing is not None:
            raise RuntimeError(f"The fused kernels need Triton: {missing}.")
        if mode is not None:
            os.environ["TRITON_INTERPRET"] = "1" if mode == "interpreter" else "0"
        importlib.import_module("triton.language")

        current = triton_mode()
        assert current is not None
    if mode is not None and current != mode:
        advice = "TRITON_INTERPRET=1" if mode == "interpreter" else "TRITON_INTERPRET=0"
        raise RuntimeError(
            f"Expected Triton in {mode} mode. Received: a process that imported it in {current} mode. "
            f"Choose the backend first, or start a new process with {advice}."
        )
    if current == "interpreter":
        from ._interpreter import install_fixes

        install_fixes()
    return current
