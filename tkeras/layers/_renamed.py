"""Arguments that Keras 1 called otherwise: refused with the name of today."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

_NOW = {
    "nb_epoch": "epochs", "nb_filter": "filters", "nb_row": "kernel_size", "nb_col": "kernel_size",
    "filter_length": "kernel_size", "border_mode": "padding", "subsample": "strides",
    "subsample_length": "strides", "stride": "strides", "pool_length": "pool_size", "output_dim": "units",
    "init": "kernel_initializer", "inner_init": "recurrent_initializer",
    "forget_bias_init": "unit_forget_bias",
    "inner_activation": "recurrent_activation", "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer", "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint", "U_constraint": "recurrent_constraint",
    "b_constraint": "bias_constraint", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
    "bias": "use_bias", "dim_ordering": "data_format", "consume_less": "implementation", "p": "rate",
    "input": "inputs", "output": "outputs", "nb_val_samples": "validation_steps",
    "samples_per_epoch": "steps_per_epoch", "val_samples": "steps", "nb_worker": "workers",
    "pickle_safe": "use_multiprocessing",
}  # fmt: skip


def refuse_renamed(what: str, given: Collection[str], function: Callable[..., Any]) -> None:
    """Refuse names of Keras 1 that ``function`` does not take.

    Raises:
        TypeError: names them and what they are called now.
    """
    old = [name for name in given if name in _NOW]
    if old and function.__module__.startswith("tkeras."):  # a script's own layer may call them what it likes
        known = inspect.signature(function).parameters
        found = [f"`{name}` is `{_NOW[name]}`" for name in old if name not in known]
        if found:
            raise TypeError(f"{what} got arguments of Keras 1; today {', '.join(found)}.")
