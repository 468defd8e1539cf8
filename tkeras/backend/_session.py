"""`clear_session`, and what only TensorFlow 1 had."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from tkeras.graph import reset_uids
from tkeras.random import reset_global_seed_generator


def clear_session(free_memory: bool = True) -> None:
    """Let automatic names, the learning phase and unseeded random numbers start over; models go on.

    Args:
        free_memory: also collect what is not used any more.
    """
    from tkeras.layers._context import context

    reset_uids()
    reset_global_seed_generator()
    context.training = None
    if free_memory:
        gc.collect()


def backend() -> str:
    """``"torch"``: what tensors are."""
    return "torch"


def _refused(name: str, advice: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"`K.{name}` belongs to TensorFlow's graphs and sessions. {advice}")

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Refused: {advice}"
    return call


_EAGER = "Tensors here have values: use `K.get_value` or `K.eval`; there is nothing to run or initialize."

get_session = _refused("get_session", _EAGER)
set_session = _refused("set_session", _EAGER)
get_graph = _refused("get_graph", _EAGER)
manual_variable_initialization = _refused("manual_variable_initialization", _EAGER)
gradients = _refused(
    "gradients",
    "Use `torch.autograd.grad(loss, variables)` on tensors computed from them, or write `train_step`.",
)
