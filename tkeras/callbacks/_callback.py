"""`Callback`: hooks into training, and the list that calls them."""

from __future__ import annotations

from collections.abc import Callable as Function
from typing import Any

_EVENTS = [
    "on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_test_begin", "on_test_end",
    "on_predict_begin", "on_predict_end",
]  # fmt: skip
_BATCH_EVENTS = [
    f"on_{mode}_batch_{end}" for mode in ("train", "test", "predict") for end in ("begin", "end")
]


class Callback:
    """Override the methods for the moments you want to act at.

    Attributes:
        model: the model that trains.
        params: ``verbose``, ``epochs`` and ``steps`` of the running loop.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that trains."""
        return self._model

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


class CallbackList:
    """Calls every callback, and computes the values of metrics only for those that look at them."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]):
        self.callbacks: list[Callback] = list(callbacks)
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        self._listeners = {event: self._overriding(event) for event in _BATCH_EVENTS}

    @classmethod
    def make(
        cls, callbacks: Any, model: Any, verbose: int, epochs: int, steps: int | None, history: bool = True
    ) -> CallbackList:
        """The user's callbacks with `History` and a progress bar."""
        from tkeras.callbacks._history import History
        from tkeras.callbacks._progbar import ProgbarLogger

        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
        for callback in given:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"`callbacks` must be `Callback` objects. Received: {callback} of type {type(callback)}"
                )
        if verbose and not any(isinstance(callback, ProgbarLogger) for callback in given):
            given.append(ProgbarLogger())
        if history:
            found = next((callback for callback in given if isinstance(callback, History)), None)
            if found is None:
                given.append(found := History())
            model.__dict__["history"] = found
        return cls(given, model, {"verbose": verbose, "epochs": epochs, "steps": steps})

    def _overriding(self, event: str) -> list[Callback]:
        alias = event.replace("_train", "") if event.startswith("on_train_batch") else event
        return [
            callback
            for callback in self.callbacks
            if any(getattr(type(callback), name) is not getattr(Callback, name) for name in (event, alias))
            or event in vars(callback)
        ]

    def __getattr__(self, event: str) -> Function[..., None]:
        if event in _EVENTS:
            return lambda *args: self._event(event, args)
        if event not in _BATCH_EVENTS:
            raise AttributeError(f"CallbackList has no event {event!r}")
        return lambda batch, logs=None: self._batch(event, batch, logs)

    def _event(self, event: str, args: tuple[Any, ...]) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*args)

    def _batch(self, event: str, batch: int, logs: Function[[], dict[str, Any]] | None) -> None:
        listeners = self._listeners[event]
        if not listeners:
            return
        values: dict[str, Any] | None = None
        for callback in listeners:
            if logs is None:
                getattr(callback, event)(batch, None)
            elif getattr(callback, "_lazy", False):
                getattr(callback, event)(batch, logs)
            else:
                if values is None:
                    from tkeras.training._loops import to_floats

                    values = to_floats(logs()) if "predict" not in event else logs()
                getattr(callback, event)(batch, values)
