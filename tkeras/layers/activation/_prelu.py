"""`PReLU`: a rectifier whose slope is learned."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.saving import public
from tkeras_kernels import library, operators
from tkeras_kernels.pointwise import pointwise


def _prelu(x: Any, alpha: Any) -> Any:
    """x above 0, alpha x below; the derivative at 0 is 0."""
    return library.relu(x) - alpha * library.relu(-x)


_PRELU = pointwise(_prelu, arity=2)


@public("keras.layers.PReLU")
class PReLU(Layer):
    """x above 0, ``alpha · x`` below, with one learned ``alpha`` for each element (He et al., 2015).

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: for the slopes.
        shared_axes: axes, counted from 1, along which one slope is shared: ``[1, 2]`` for one a channel.
    """

    _config = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        keep_weight_arguments(self, "alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
        self.shared_axes = shared_axes

    def build(self, input_shape: Any) -> None:
        """Create ``alpha`` with the shape of a sample, ones on the shared axes."""
        shared = self.shared_axes or []
        sizes = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        if None in sizes:
            raise ValueError(
                f'Layer "{self.name}": the sizes of the axes that are not in `shared_axes` must be known. '
                f"Received: input_shape={tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        self.alpha = add_weight_of(self, "alpha", sizes)
        axes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes if shared else {})

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        return call(operators.map, inputs, self.alpha, fn=_PRELU)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
