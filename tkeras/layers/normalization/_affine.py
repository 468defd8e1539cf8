"""What the normalizations with gamma and beta have in common."""

from __future__ import annotations

from typing import Any

from tkeras.layers._layer import Layer
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments


class AffineNormalization(Layer):
    """Keeps the arguments of gamma, which multiplies the result, and beta, which is added to it."""

    _casts_integers = True

    _config = (
        "axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer", "beta_regularizer",
        "gamma_regularizer", "beta_constraint", "gamma_constraint",
    )  # fmt: skip

    def __init__(
        self, axis: Any, epsilon: float, center: bool, scale: bool, beta: Any, gamma: Any, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        keep_weight_arguments(self, "beta", *beta)
        keep_weight_arguments(self, "gamma", *gamma)
        self.supports_masking = True

    def _add_affine(self, shape: Any, scale: bool, center: bool) -> None:
        """Create ``gamma`` and ``beta``, each None where it is not wanted."""
        self.gamma: Any = add_weight_of(self, "gamma", shape, autocast=False) if scale else None
        self.beta: Any = add_weight_of(self, "beta", shape, autocast=False) if center else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


def size_of(layer: Layer, input_shape: Any, axis: int) -> int:
    """The size of an axis, which must be there and known.

    Raises:
        ValueError: it is not.
    """
    rank = len(input_shape)
    if not -rank <= axis < rank:
        raise ValueError(
            f'Layer "{layer.name}": axis {axis} is out of bounds for input shape {tuple(input_shape)}.'
        )
    if input_shape[axis] is None:
        raise ValueError(
            f'Layer "{layer.name}": axis {axis} of the input should have a known size. '
            f"Received: input_shape={tuple(input_shape)}"
        )
    return input_shape[axis]


def sorted_axes(axis: Any) -> list[int]:
    """One axis or several as a sorted list."""
    return sorted(axis) if isinstance(axis, (list, tuple)) else [axis]


def check_axes(axis: Any) -> Any:
    """An int, or a list of ints.

    Raises:
        TypeError: anything else.
    """
    if isinstance(axis, int):
        return axis
    if isinstance(axis, (list, tuple)) and all(isinstance(a, int) for a in axis):
        return list(axis)
    raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis}")
