"""The learning phase: whether layers that are not told run as in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tkeras import ops
from tkeras.graph import KerasTensor


def _context() -> Any:
    from tkeras.layers._context import context

    return context


def learning_phase() -> int:
    """1 while a layer is called in training or after ``set_learning_phase(1)``, else 0."""
    return int(bool(_context().training))


def set_learning_phase(value: int) -> None:
    """Let layers that are called without ``training`` run as in training (1) or as in inference (0)."""
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Received: {value}")
    _context().training = bool(value)


@contextmanager
def learning_phase_scope(value: int) -> Iterator[None]:
    """:func:`set_learning_phase` inside a ``with`` block."""
    context = _context()
    before = context.training
    set_learning_phase(value)
    try:
        yield
    finally:
        context.training = before


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two tensors, or of what two functions give.

    Args:
        condition: a bool, or a tensor: of no axes, or of the first axes of the expressions, for each element.
        then_expression, else_expression: tensors, or functions of nothing.
    """
    symbolic = isinstance(condition, KerasTensor)
    if not symbolic and not isinstance(condition, torch.Tensor):
        chosen = then_expression if condition else else_expression
        return chosen() if callable(chosen) else chosen
    if not condition.shape and not symbolic:
        return ops.cond(condition, _function(then_expression), _function(else_expression))
    x, alt = _function(then_expression)(), _function(else_expression)()
    rank = len(x.shape)
    if len(condition.shape) > rank:
        raise ValueError(
            "Rank of `condition` should be less than or equal to rank of `then_expression` and "
            f"`else_expression`. Received: ranks {len(condition.shape)} and {rank}"
        )
    for _ in range(rank - len(condition.shape)):
        condition = ops.expand_dims(condition, -1)
    return ops.where(condition, x, alt)


def _function(expression: Any) -> Any:
    return expression if callable(expression) else lambda: expression


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` in training, else ``alt``; either may be a function of nothing.

    Args:
        training: default: the learning phase.
    """
    training = learning_phase() if training is None else training
    return switch(training, x, alt)


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``alt`` in training, else ``x``; arguments as of :func:`in_train_phase`."""
    return in_train_phase(alt, x, training)
