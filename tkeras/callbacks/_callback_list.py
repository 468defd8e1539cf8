"""`CallbackList`: calls callbacks."""

from __future__ import annotations

from collections.abc import Callable as Function
from typing import Any

from tkeras.callbacks._callback import BATCH_EVENTS, LOOP_EVENTS, Callback

_ALIASES = {"on_batch_begin": "on_train_batch_begin", "on_batch_end": "on_train_batch_end"}
Logs = dict[str, Any] | Function[[], dict[str, Any]] | None


class CallbackList:
    """Calls every callback, and computes the values of metrics only for those that look at them.

    It has the methods of `Callback` for the moments of training; logs of batches may be a function that
    gives them.

    Args:
        callbacks: a callback or several.
        add_history: append a `History`, which the model keeps as its ``history``.
        add_progbar: append a `ProgbarLogger`.
        model: the model that trains.
        params: ``verbose``, ``epochs`` and ``steps``, told to the callbacks.

    Raises:
        TypeError: something in ``callbacks`` is no `Callback`.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        from tkeras.callbacks._history import History
        from tkeras.callbacks._progbar import ProgbarLogger

        given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
        for callback in given:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"`callbacks` must be `Callback` objects. Received: {callback} of type {type(callback)}"
                )
        if add_progbar and not any(isinstance(callback, ProgbarLogger) for callback in given):
            given.append(ProgbarLogger())
        history = next((callback for callback in given if isinstance(callback, History)), None)
        if add_history and history is None:
            given.append(history := History())
        if add_history and model is not None:
            model.__dict__["history"] = history
        self.callbacks: list[Callback] = sorted(given, key=lambda callback: callback._after_others)
        self._listeners: dict[str, list[Callback]] = {}
        self.set_params(params)
        self.set_model(model)

    def append(self, callback: Callback) -> None:
        """One more callback."""
        self.callbacks.append(callback)
        self.callbacks.sort(key=lambda callback: callback._after_others)
        self._listeners.clear()

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell the callbacks about the loop."""
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tell the callbacks the model."""
        self.model = model
        for callback in self.callbacks if model is not None else ():
            callback.set_model(model)
            callback._siblings = [other for other in self.callbacks if other is not callback]

    @classmethod
    def make(
        cls, callbacks: Any, model: Any, verbose: int, epochs: int, steps: int | None, history: bool = True
    ) -> CallbackList:
        """The user's callbacks with `History` and a progress bar."""
        return cls(callbacks, history, bool(verbose), model, verbose=verbose, epochs=epochs, steps=steps)

    def _overriding(self, event: str) -> list[Callback]:
        """The callbacks that do something at an event of batches."""
        names = {event, event.replace("_train", "") if event.startswith("on_train_batch") else event}
        return [
            callback
            for callback in self.callbacks
            if any(getattr(type(callback), name) is not getattr(Callback, name) for name in names)
            or names & vars(callback).keys()
        ]

    def __getattr__(self, event: str) -> Function[..., None]:
        event = _ALIASES.get(event, event)
        if event in LOOP_EVENTS:
            return lambda *args, logs=None: self._event(event, args, logs)
        if event not in BATCH_EVENTS:
            raise AttributeError(f"CallbackList has no event {event!r}")
        return lambda batch, logs=None: self._batch(event, batch, logs)

    def _event(self, event: str, args: tuple[Any, ...], logs: Any) -> None:
        if len(args) <= event.startswith("on_epoch"):  # an epoch and logs, or logs alone
            args = (*args, {} if logs is None else logs)
        for callback in self.callbacks:
            getattr(callback, event)(*args)

    def _batch(self, event: str, batch: int, logs: Logs) -> None:
        listeners = self._listeners.get(event)
        if listeners is None:
            listeners = self._listeners[event] = self._overriding(event)
        if not listeners:
            return
        values: Any = None if callable(logs) else logs
        for callback in listeners:
            if callable(logs) and callback._lazy:
                getattr(callback, event)(batch, logs)
                continue
            if values is None and callable(logs):
                from tkeras.training._loops import to_floats

                values = to_floats(logs()) if "predict" not in event else logs()
            getattr(callback, event)(batch, values)
