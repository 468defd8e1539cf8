"""The three arguments that Keras takes for a weight: its initializer, regularizer and constraint."""

from __future__ import annotations

from typing import Any

from tkeras import constraints, initializers, regularizers
from tkeras.graph import Variable


def keep_weight_arguments(
    layer: Any, role: str, initializer: Any, regularizer: Any = None, constraint: Any = None
) -> None:
    """Set ``layer.<role>_initializer``, ``_regularizer`` and ``_constraint`` from names or objects."""
    setattr(layer, f"{role}_initializer", initializers.get(initializer))
    setattr(layer, f"{role}_regularizer", regularizers.get(regularizer))
    setattr(layer, f"{role}_constraint", constraints.get(constraint))


def add_weight_of(layer: Any, role: str, shape: Any, name: str | None = None, **options: Any) -> Variable:
    """A weight of ``layer`` made with the arguments kept for ``role``, called ``name`` or like its role."""
    options.setdefault("initializer", getattr(layer, f"{role}_initializer"))
    return layer.add_weight(
        tuple(shape),
        regularizer=getattr(layer, f"{role}_regularizer"),
        constraint=getattr(layer, f"{role}_constraint"),
        name=name or role,
        **options,
    )
