"""`LambdaCallback`: hooks from functions."""

from __future__ import annotations

from collections.abc import Callable as Function
from typing import Any

from tkeras.callbacks._callback import EVENTS, Callback


class LambdaCallback(Callback):
    """Calls given functions at the moments of training.

    Args:
        on_epoch_begin, on_epoch_end: ``(epoch, logs)``.
        on_train_begin, on_train_end: ``(logs)``.
        on_train_batch_begin, on_train_batch_end: ``(batch, logs)``.
        kwargs: functions for further methods of `Callback`, by their names.

    Raises:
        TypeError: `Callback` has no such method (Keras accepts and ignores it).
    """

    def __init__(
        self,
        on_epoch_begin: Function[..., Any] | None = None,
        on_epoch_end: Function[..., Any] | None = None,
        on_train_begin: Function[..., Any] | None = None,
        on_train_end: Function[..., Any] | None = None,
        on_train_batch_begin: Function[..., Any] | None = None,
        on_train_batch_end: Function[..., Any] | None = None,
        **kwargs: Function[..., Any],
    ):
        super().__init__()
        unknown = [name for name in kwargs if name not in EVENTS]
        if unknown:
            raise TypeError(
                f"LambdaCallback has no event {unknown[0]!r}. Expected some of {', '.join(EVENTS)}."
            )
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end, "on_train_begin": on_train_begin,
            "on_train_end": on_train_end, "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end, **kwargs,
        }  # fmt: skip
        self.__dict__.update((name, function) for name, function in given.items() if function is not None)
