"""What Python attributes of a model say, which is part of its programs."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import get_backend

_PASSING = {
    "built", "compiled", "history", "stop_training", "steps_per_execution", "jit_compile", "run_eagerly",
    "optimizer", "_eager_reasons", "_lossy", "_logs", "_runner", "_evaluator", "_predictor",
    "_first_input_shape", "_shapes_built", "_is_full_backward_hook",
}  # fmt: skip
"""Attributes that no trace depends on, or that change in every step."""
_SIMPLE = (bool, int, float, complex, str, type(None), torch.dtype)


def settings(model: Any) -> tuple[Any, ...]:
    """Numbers, texts and objects in the attributes of all layers, trainability, and the backend.

    Two equal ones mean that a program made under the first is right under the second.
    """
    facts: list[Any] = [get_backend(), *map(id, model.trainable_variables)]
    for layer in model._flat_layers():
        facts.append(id(layer))
        for name, value in vars(layer).items():
            if name in _PASSING:
                continue
            if type(value) in _SIMPLE:
                facts.append((name, type(value), value))
            elif name[0] != "_":
                facts.append((name, _deep(value), _parameters(name, value)))
    return tuple(facts)


def _deep(value: Any) -> Any:
    if type(value) in _SIMPLE:
        return type(value), value
    if isinstance(value, (list, tuple)):
        return tuple(map(_deep, value))
    if isinstance(value, dict):
        return tuple((id(key), _deep(item)) for key, item in value.items())
    return id(value)


def _parameters(name: str, value: Any) -> Any:
    """The numbers of a regularizer, a constraint or a loss."""
    if not name.endswith(("regularizer", "constraint", "loss")):
        return None
    facts = getattr(value, "__dict__", {})
    return tuple((key, item) for key, item in facts.items() if type(item) in _SIMPLE)
