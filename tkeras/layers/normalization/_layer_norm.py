"""`LayerNormalization`."""

from __future__ import annotations

import warnings
from typing import Any

from tkeras.bridge import call
from tkeras.layers.normalization._affine import AffineNormalization, check_axes, size_of, sorted_axes
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.LayerNormalization")
class LayerNormalization(AffineNormalization):
    """Normalizes each sample over its features (Ba et al., 2016).

    Args:
        axis: the axis or axes normalized over.
        epsilon: added to the variance.
        center, scale: whether beta is added, gamma multiplied; both have the sizes of ``axis``.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
            gamma_constraint: for the two weights.
        rms_scaling: divide by the standard deviation without subtracting the mean, and add no beta. It is
            not the root mean square, for which there is `RMSNormalization`.
    """

    _config = ("rms_scaling",)

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
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(
            check_axes(axis), epsilon, center, scale, (beta_initializer, beta_regularizer, beta_constraint),
            (gamma_initializer, gamma_regularizer, gamma_constraint), **kwargs,
        )  # fmt: skip
        self.rms_scaling, self.autocast = rms_scaling, False
        if rms_scaling:
            warnings.warn(
                "`rms_scaling=True` is deprecated: it divides by the standard deviation, not by the root "
                "mean square. Use `RMSNormalization` instead.",
                stacklevel=2,
            )

    def build(self, input_shape: Any) -> None:
        """Create ``gamma`` and ``beta`` with the sizes of the normalized axes."""
        self.axis = sorted_axes(self.axis)
        shape = [size_of(self, input_shape, axis) for axis in self.axis]
        self._add_affine(shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        options = {"axis": tuple(self.axis), "epsilon": self.epsilon}
        if self.rms_scaling:
            outputs = call(operators.deviation_norm, inputs, self.gamma, **options)
        else:
            outputs = call(operators.layer_norm, inputs, self.gamma, self.beta, **options)
        return outputs.to(self._compute_type)
