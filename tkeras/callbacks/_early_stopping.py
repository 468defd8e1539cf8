"""`EarlyStopping` and `TerminateOnNaN`: training that ends by itself."""

from __future__ import annotations

import math
from typing import Any

from tkeras.callbacks._callback import Callback
from tkeras.callbacks._monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stop when a value has not improved for ``patience`` epochs.

    Args:
        monitor: name in the logs.
        min_delta: least change that counts as better.
        patience: epochs without improvement before the stop.
        verbose: 1 to print the stop.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        baseline: value to beat: what is better than before but does not beat it still counts as waiting.
        restore_best_weights: go back to the weights of the best epoch.
        start_from_epoch: epochs before that are not watched.
    """

    _kept = ("best", "wait", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget what earlier trainings left."""
        self._reset_best()
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, count, stop."""
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._improved(value):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._beats(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Say when it stopped; restore the best weights."""
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop when the loss is NaN or infinite.

    Args:
        raise_error: raise instead of ending training as if it were complete, so that no callback's
            ``on_train_end`` runs.
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss.

        Raises:
            RuntimeError: it is not finite, with ``raise_error``.
        """
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(
                    f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training"
                    " immediately."
                )
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
