"""`BackupAndRestore`: training that goes on after a crash as if it had never stopped."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tkeras.callbacks._backup_file import Progress, read_backup, set_states, states_of, write_backup
from tkeras.callbacks._callback import Callback
from tkeras.callbacks._metric_state import metric_state, set_metric_state
from tkeras.callbacks._resume import RandomState, Resume, random_state

_LATEST, _PREVIOUS = "latest.weights.h5", "prev.weights.h5"


class BackupAndRestore(Callback):
    """Keep the state of training on disk, and start from it when ``fit`` is called again.

    Kept are the weights, the optimizer, the metrics, the state of random generators (Python's, numpy's,
    torch's and those of layers), the epoch and the batch, and what other callbacks remember, so that data
    drawn from arrays come in the order they would have had. Each file is written whole or not at all. The
    folder is deleted when ``fit`` ends.

    Args:
        backup_dir: a folder for this callback alone.
        save_freq: ``"epoch"``, or a number of batches.
        double_checkpoint: keep the state before as well, for the case that the newest file is damaged.
        delete_checkpoint: False keeps the files at the end of ``fit``.

    Raises:
        ValueError: no folder, or an unknown ``save_freq``.
    """

    _after_others = True  # what it keeps is what the others have made of the epoch

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. Expected either "
                "'epoch' or an integer value."
            )
        self.backup_dir = Path(os.fspath(backup_dir))
        self.save_freq: Any = save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._epoch = self._unsaved = self._seen = 0
        self._random_at_epoch: RandomState = []
        self._passed = 0
        self._metrics: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Take up the newest state that can be read, if there is one.

        Raises:
            ValueError: the model is not built, or no file can be read.
        """
        found = [path for name in (_LATEST, _PREVIOUS) if (path := self.backup_dir / name).is_file()]
        if not found:
            return
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore method, your model must be built before you call `fit()`. Model"
                f" {self.model.name} is unbuilt. You can build it beforehand by calling it on a batch of"
                " data."
            )
        for path in found:
            try:
                progress = read_backup(path, self.model)
            except ValueError:
                if path == found[-1]:
                    raise
            else:
                self._take_up(progress)
                return

    def _take_up(self, progress: Progress) -> None:
        set_states(self._siblings, progress.callbacks)
        self._metrics = progress.metrics if progress.step else None
        self._seen = progress.step
        self.model.__dict__["_resume"] = Resume(
            progress.epoch, progress.step, progress.random_at_epoch, progress.random_now, progress.passed
        )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember where the random generators stand before the rows are drawn."""
        self._epoch = epoch
        self._random_at_epoch, self._passed = self._place()
        set_metric_state(self.model, self._metrics)
        self._metrics = None

    def _place(self) -> tuple[RandomState, int]:
        """The random generators at the begin of the running pass over the data, and its batches so far."""
        data = self.model.__dict__.get("_data")
        begun, taken = (None, 0) if data is None else data.position()
        return (random_state() if begun is None else begun), taken

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the state every ``save_freq`` batches."""
        if self.save_freq == "epoch":
            return
        self._unsaved += batch + 1 - self._seen
        self._seen = batch + 1
        if self._unsaved >= self.save_freq and self._seen != self.params.get("steps"):
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the state."""
        self._seen = 0
        if self.save_freq == "epoch" or self._unsaved >= self.save_freq:
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, step: int) -> None:
        self._unsaved = 0
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        latest = self.backup_dir / _LATEST
        if self.double_checkpoint and latest.exists():
            os.replace(latest, self.backup_dir / _PREVIOUS)
        now = random_state()
        begin, passed = (self._random_at_epoch, self._passed) if step else self._place()
        metrics, others = metric_state(self.model), states_of(self._siblings)
        progress = Progress(epoch, step, begin, now, metrics, others, passed)
        write_backup(latest, self.model, progress)

    def on_train_end(self, logs: Any = None) -> None:
        """Delete the files."""
        if self.delete_checkpoint and self.backup_dir.exists():
            shutil.rmtree(self.backup_dir)
