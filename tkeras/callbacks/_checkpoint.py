"""`ModelCheckpoint`: the model on disk, during training."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tkeras.callbacks._monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Save the model or its weights after epochs or batches; each file is written whole or not at all.

    Args:
        filepath: where; ``{epoch}``, ``{batch}`` (with a number as ``save_freq``) and names of logs are
            filled in. Ends in ``.keras`` or ``.h5``; in ``.weights.h5`` for weights alone.
        monitor: value that decides what is best.
        verbose: 1 to print each save.
        save_best_only: keep only the best.
        save_weights_only: save weights, with the optimizer's state, instead of the whole model.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: what the first value must beat.

    Raises:
        ValueError: another file ending, or an unknown ``save_freq``.
    """

    _kept = ("best", "_unsaved", "_seen")

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, 0.0, initial_value_threshold)
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only, self.save_freq = (
            save_best_only,
            save_weights_only,
            save_freq,
        )
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values"
            )
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={self.filepath}"
            )
        if not save_weights_only and not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                "The filepath provided must end in `.keras` (Keras model format). Received: "
                f"filepath={self.filepath}"
            )
        if not save_weights_only and self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "`.weights.h5` is the ending of weights alone: pass `save_weights_only=True`. Received: "
                f"filepath={self.filepath}"
            )
        self._epoch = self._seen = self._unsaved = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch for the file name."""
        self._epoch, self._seen = epoch, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save every ``save_freq`` batches."""
        if self.save_freq == "epoch":
            return
        self._unsaved += batch + 1 - self._seen
        self._seen = batch + 1
        if self._unsaved >= self.save_freq:
            self._unsaved = 0
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save at the end of an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Any) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only and not self._is_best(epoch, path, logs):
            return
        if self.verbose and not self.save_best_only:
            print(f"\nEpoch {epoch + 1}: saving model to {path}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _is_best(self, epoch: int, path: str, logs: Any) -> bool:
        value = self._value(logs)
        if value is None:
            return False
        if np.ndim(value):
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {value}. Falling back"
                " to `save_best_only=False`.",
                stacklevel=2,
            )
            return True
        before = "None" if self.best is None or math.isinf(self.best) else f"{self.best:.5f}"
        if not self._improved(value):
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {before}")
            return False
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} improved from {before} to {value:.5f}, saving model to"
                f" {path}"
            )
        self.best = value
        return True

    def _path(self, epoch: int, batch: int | None, logs: Any) -> str:
        try:
            if batch is None:
                return self.filepath.format(epoch=epoch + 1, **(logs or {}))
            return self.filepath.format(epoch=epoch + 1, batch=batch + 1, **(logs or {}))
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}. '
                f"Known: epoch, batch (with a batch `save_freq`), {', '.join(logs or {})}"
            ) from error
