"""Watching a script train: each ``fit``, its curves and its seconds. Knows only the Keras it is given."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from typing import Any


class Observer:
    """What every ``fit`` of a Keras gave: ``{"model", "history", "epochs", "seconds"}`` each, in order."""

    def __init__(self) -> None:
        self.fits: list[dict[str, Any]] = []
        self._start = time.perf_counter()

    def watch(self, keras: Any) -> None:
        """From now on, record what ``keras.Model.fit`` gives, also of subclasses that do not override it."""
        original = keras.Model.fit
        signature = inspect.signature(original)

        @functools.wraps(original)
        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            clock = _Clock()
            bound = signature.bind(model, *args, **kwargs)
            callbacks = bound.arguments.get("callbacks")
            if callbacks is None or isinstance(callbacks, (list, tuple)):
                timer = keras.callbacks.LambdaCallback(on_epoch_begin=clock.begin, on_epoch_end=clock.end)
                bound.arguments["callbacks"] = [*(callbacks or []), timer]
            history = original(*bound.args, **bound.kwargs)
            curves = {name: [float(v) for v in values] for name, values in _numbers(history.history)}
            self.fits.append({"model": model.name, "history": curves, "seconds": clock.epochs})
            return history

        keras.Model.fit = fit

    def facts(self) -> dict[str, Any]:
        """Everything seen so far, with the seconds and the peak memory in MB of the process."""
        return {
            "fits": self.fits,
            "seconds": time.perf_counter() - self._start,
            "memory": peak_memory(),
        }


class _Clock:
    def __init__(self) -> None:
        self.epochs: list[float] = []
        self._began = time.perf_counter()

    def begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(time.perf_counter() - self._began)


def _numbers(history: dict[str, list[Any]]) -> list[tuple[str, list[Any]]]:
    return [
        (name, values)
        for name, values in history.items()
        if all(getattr(value, "ndim", 0) == 0 for value in values)
    ]


def peak_memory() -> float | None:
    """Largest resident memory of the process in MB; None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
