"""Whether progress is drawn for a person who watches, or logged."""

from __future__ import annotations

_state = {"interactive": True}


def enable_interactive_logging() -> None:
    """Draw progress bars (the default)."""
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """``verbose="auto"`` stands for one line an epoch from now on."""
    _state["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress bars are drawn."""
    return _state["interactive"]
