"""`LayerNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras import constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.LayerNormalization")
class LayerNormalization(Layer):
    """Normalizes each sample over its features (Ba et al., 2016).

    Args:
        axis: the axis or axes normalized over.
        epsilon: added to the variance.
        center, scale: whether beta is added, gamma multiplied; both have the sizes of ``axis``.
    """

    _config = (
        "axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer", "beta_regularizer",
        "gamma_regularizer", "beta_constraint", "gamma_constraint",
    )  # fmt: skip
    _fixed = {"rms_scaling": False}

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(axis, int) and not (isinstance(axis, (list, tuple)) and all(isinstance(a, int) for a in axis)):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis}")
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create ``gamma`` and ``beta`` with the sizes of the normalized axes."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        shape = tuple(input_shape[axis] for axis in axes)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, autocast=False, regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint, name="gamma",
            )  # fmt: skip
        if self.center:
            self.beta = self.add_weight(
                shape, self.beta_initializer, autocast=False, regularizer=self.beta_regularizer,
                constraint=self.beta_constraint, name="beta",
            )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return call(operators.layer_norm, inputs, self.gamma, self.beta, axis=axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
