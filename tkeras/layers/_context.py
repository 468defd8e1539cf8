"""The state of the call that is running: who called whom, in training or not, in which type."""

from __future__ import annotations

import threading
from typing import Any

import torch


class CallContext(threading.local):
    """One for each thread.

    Attributes:
        stack: the layers whose calls are open, outermost first.
        training: what ``training`` means to layers that are not told.
        autocast: the type in which variables are read, None for their own.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.training: bool | None = None
        self.autocast: torch.dtype | None = None


context = CallContext()
