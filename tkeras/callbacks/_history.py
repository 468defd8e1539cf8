"""`History`: what ``fit`` returns."""

from __future__ import annotations

from typing import Any

from tkeras.callbacks._callback import Callback


class History(Callback):
    """Records the values of every epoch.

    Attributes:
        epoch: numbers of the epochs.
        history: one list of values for each name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Start anew."""
        self.epoch, self.history = [], {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Append the values."""
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.__dict__["history"] = self
