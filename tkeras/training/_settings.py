"""What Python attributes of a model say, which is part of its programs."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import get_backend
from tkeras.graph import Version

_PASSING = {
    "built", "compiled", "history", "stop_training", "steps_per_execution", "jit_compile", "run_eagerly",
    "optimizer", "_eager_reasons", "_lossy", "_logs", "_runner", "_evaluator", "_predictor",
    "_first_input_shape", "_shapes_built", "_is_full_backward_hook",
}  # fmt: skip
"""Attributes that no trace depends on, or that change in every step."""
_MOST = 64
"""States that are remembered; the oldest is forgotten first."""
_SIMPLE = (bool, int, float, complex, str, type(None), torch.dtype)


class Settings:
    """Tells states of a model apart: attributes of its layers, trainability, the backend.

    A program made under a number is right wherever the same number is told. Attributes that are set are seen
    because the layer notes it; lists, dictionaries, and the numbers inside regularizers, constraints and
    losses are looked at each time.
    """

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}
        self._versions: Any = None
        self._within: list[tuple[str, Any]] = []
        self._last: Any = None
        self._number = self._made = 0

    def __call__(self, model: Any) -> int:
        """The number of the model as it is now."""
        versions = versions_now()
        found = tuple(_within(name, value) for name, value in self._within)
        if versions != self._versions or found != self._last:
            self._scan(model)
            self._versions = versions
            self._last = tuple(_within(name, value) for name, value in self._within)
        return self._number

    def _scan(self, model: Any) -> None:
        facts: list[Any] = [get_backend(), *map(id, model.trainable_variables)]
        self._within = []
        for layer in model._flat_layers():
            facts.append(id(layer))
            passing = vars(layer).get("_set_by_calls", ())
            for name, value in vars(layer).items():
                if name in _PASSING or name in passing:
                    continue
                if type(value) in _SIMPLE:
                    facts.append((name, type(value), value))
                elif name[0] != "_":
                    facts.append((name, id(value) if callable(value) else _within(name, value)))
                    if isinstance(value, (list, tuple, dict)) or _parameters(name, value):
                        self._within.append((name, value))
        facts += [_within(name, value) for name, value in self._within]
        found = self._known.get(tuple(facts))
        if found is None:
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            found = self._known[tuple(facts)] = self._made = self._made + 1
        self._number = found


def versions_now() -> tuple[int, int, str]:
    """What changes when a layer's structure or an attribute of one, or the backend changes."""
    return Version.count, Version.settings, get_backend()


def _within(name: str, value: Any) -> Any:
    return _deep(value), _parameters(name, value)


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
