"""`Dense`: a fully connected layer."""

from __future__ import annotations

from typing import Any

from tkeras import activations, constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.layers._activation import split_activation
from tkeras.layers._input_spec import InputSpec
from tkeras.layers.core._without_adapters import WithoutAdapters
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.Dense")
class Dense(WithoutAdapters):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Args:
        units: size of the output's last axis.
        activation: name or function; None for none. A pointwise one runs inside the kernel.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after an update.

    Input: (batch, …, input_dim). Output: (batch, …, units).
    """

    _casts_integers = True

    _config = (
        "units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip
    _fixed = {"quantization_config": None}

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        if not isinstance(units, int) or isinstance(units, bool) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self._fused, self._after = split_activation(self.activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (input_dim, units) and ``bias`` (units,)."""
        width = input_shape[-1]
        if width is None:
            raise ValueError(
                f'Layer "{self.name}": the last dimension of the inputs to a Dense layer must be known. '
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            (width, self.units), self.kernel_initializer, regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: width})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """(batch, …, input_dim) → (batch, …, units)."""
        outputs = call(operators.dense, inputs, self.kernel, self.bias, activation=self._fused)
        return outputs if self._after is None else self._after(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The input's shape with ``units`` last."""
        return (*tuple(input_shape)[:-1], self.units)
