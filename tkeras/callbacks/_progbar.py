"""`ProgbarLogger`: the progress of ``fit`` in Keras' form."""

from __future__ import annotations

from typing import Any

from tkeras.callbacks._callback import Callback
from tkeras.utils._progbar import Progbar


class ProgbarLogger(Callback):
    """Prints a progress bar (verbose 1) or one line an epoch (verbose 2)."""

    _lazy = True  # asks for values only when it draws

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progbar | None = None
        self._training = False

    def _start(self) -> None:
        steps, verbose = self.params.get("steps"), self.params.get("verbose", 1)
        self._bar = Progbar(steps, verbose=verbose, stateless_metrics=())

    def on_train_begin(self, logs: Any = None) -> None:
        """Evaluations inside ``fit`` stay silent."""
        self._training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Evaluations are shown again."""
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start a bar."""
        self._start()
        if self.params.get("verbose") and self.params.get("epochs", 1) > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Complete the bar with the values of the epoch."""
        self._finish(logs)

    def _finish(self, logs: Any) -> None:
        if self._bar is not None:
            self._bar.finish(logs or {})

    def _advance(self, batch: int, logs: Any) -> None:
        if self._bar is not None and self._bar.due():
            values: Any = logs() if callable(logs) else logs
            shown = {key: float(value) for key, value in values.items() if _scalar(value)}
            self._bar.update(batch + 1, shown, finalize=False)
        elif self._bar is not None:
            self._bar.seen = batch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draw, at most 20 times a second."""
        self._advance(batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        """Start a bar."""
        if not self._training:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draw."""
        if not self._training:
            self._advance(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        """Complete the bar."""
        if not self._training:
            self._finish(logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Start a bar."""
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Draw."""
        if self._bar is not None and self._bar.due():
            self._bar.update(batch + 1, finalize=False)
        elif self._bar is not None:
            self._bar.seen = batch + 1

    def on_predict_end(self, logs: Any = None) -> None:
        """Complete the bar."""
        self._finish(None)


def _scalar(value: Any) -> bool:
    return not hasattr(value, "numel") or value.numel() == 1
