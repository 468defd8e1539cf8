"""`EinsumDense`."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras import activations
from tkeras.bridge import call
from tkeras.initializers import VarianceScaling
from tkeras.layers._activation import split_activation
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.core._einsum import analyze, parse
from tkeras.layers.core._without_adapters import WithoutAdapters
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.EinsumDense")
class EinsumDense(WithoutAdapters):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    An equation that is a product of two matrices, such as ``abc,cde->abde``, runs as one kernel with bias and
    activation inside.

    Args:
        equation: ``ab,bc->ac``, ``...a,ab->...b`` or ``ab...,bc->ac...`` with any letters.
        output_shape: shape of the output without the batch and the axes of an ellipsis; None for a size that
            the input gives.
        activation: name or function.
        bias_axes: the letters of the output that the bias has; None for no bias.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after an update.
    """

    _config = (
        "equation", "activation", "bias_axes", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip
    _fixed = {"quantization_config": None}

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.equation, self.bias_axes = equation, bias_axes
        self._parsed = parse(equation)
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self._fused, self._after = split_activation(self.activation)
        keep_weight_arguments(self, "kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        keep_weight_arguments(self, "bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` and ``bias`` with the shapes that the equation asks for."""
        shapes = self._analyzed(input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        initializer = self.kernel_initializer
        if isinstance(initializer, VarianceScaling) and None in (
            initializer.input_axes,
            initializer.output_axes,
        ):
            axes = {"input_axes": shapes.input_axes, "output_axes": shapes.output_axes}
            facts = {**initializer.get_config(), "seed": initializer.seed, **axes}
            initializer = type(initializer)(**facts)
        self.kernel = add_weight_of(self, "kernel", shapes.kernel, initializer=initializer)
        self.bias = None if shapes.bias is None else add_weight_of(self, "bias", shapes.bias)
        counts = self._parsed.matrix()
        if counts is not None and self.bias is not None and len(self.bias_axes or "") != counts[1]:
            counts = None
        self._matrix = counts

    def _analyzed(self, input_shape: Any) -> Any:
        try:
            return analyze(self._parsed, self.bias_axes, tuple(input_shape), self.partial_output_shape)
        except ValueError as error:
            raise ValueError(f'Layer "{self.name}", equation {self.equation}: {error}') from error

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the equation says."""
        if self._matrix is not None:
            outputs = self._product(inputs, *self._matrix)
        else:
            outputs = torch.einsum(self.equation, inputs, self.kernel)
            outputs = outputs if self.bias is None else outputs + self.bias
            outputs = outputs if self._fused is None else call(operators.map, outputs, fn=self._fused)
        return outputs if self._after is None else self._after(outputs)

    def _product(self, inputs: Any, summed: int, new: int) -> Any:
        """The einsum as a matrix product."""
        kernel, bias = self.kernel, self.bias
        free, sizes = inputs.shape[: inputs.dim() - summed], kernel.shape[summed:]
        columns = math.prod(sizes)
        outputs = call(
            operators.dense, inputs.reshape(*free, math.prod(kernel.shape[:summed])),
            kernel.reshape(-1, columns), None if bias is None else bias.reshape(columns),
            activation=self._fused,
        )  # fmt: skip
        return outputs.reshape(*free, *sizes) if new > 1 else outputs

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The shape that the equation and ``output_shape`` give."""
        return self._analyzed(input_shape).output

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "output_shape": self.partial_output_shape}
