"""`Callback`: hooks into training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LOOP_EVENTS = (
    "on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_test_begin", "on_test_end",
    "on_predict_begin", "on_predict_end",
)  # fmt: skip
BATCH_EVENTS = tuple(
    f"on_{mode}_batch_{end}" for mode in ("train", "test", "predict") for end in ("begin", "end")
)
EVENTS = (*LOOP_EVENTS, *BATCH_EVENTS, "on_batch_begin", "on_batch_end")


class Callback:
    """Override the methods for the moments you want to act at.

    Attributes:
        model: the model that trains.
        params: ``verbose``, ``epochs`` and ``steps`` of the running loop.
    """

    _lazy = False  # whether logs of batches may come as a function that gives them
    _after_others = False  # whether it acts after the callbacks that follow it
    _kept: tuple[str, ...] = ()  # attributes that a resumed training needs
    _siblings: Sequence[Callback] = ()

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that trains."""
        return self._model

    def _training_state(self) -> dict[str, Any]:
        """What a resumed training needs: values and lists of arrays."""
        return {name: getattr(self, name) for name in self._kept}

    def _set_training_state(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`_training_state` gave."""
        self.__dict__.update(state)

    def set_params(self, params: dict[str, Any]) -> None:
        """Told once, before training."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Told once, before training."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Same as `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Same as `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch (or a group of ``steps_per_execution``)."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch, with the values so far."""
        self.on_batch_end(batch, logs=logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch, with its values and those of validation (``val_…``)."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of a prediction."""
