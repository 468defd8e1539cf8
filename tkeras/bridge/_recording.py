"""Who records what eager code does, while a trace runs."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from tkeras_kernels.operators import Operator


class Recorder(Protocol):
    """What a trace offers to the code it runs."""

    def operator(self, operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
        """Record the call of an operator; gives its results."""

    def seed(self, seed: Any, device: Any) -> Any:
        """Record that a seed generator draws on a device."""

    def generator(self, seed: Any, device: Any) -> Any:
        """Record that a generator of random numbers is made from a seed."""


class Recording(threading.local):
    """The recorder of this thread, None while nothing is traced."""

    active: Recorder | None = None


recording = Recording()
