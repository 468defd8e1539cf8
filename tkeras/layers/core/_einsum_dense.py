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
    activation inside; one that is a product for each place on a shared axis, such as ``abc,bcd->abd``, as a
    product of stacks of matrices.

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

    _casts_integers = True

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
        plan = self._parsed.product(len(input_shape) - len(self._parsed.inputs))
        self._plan = plan
        self._inside = plan is not None and not plan.counts[0]
        if plan is not None and self._inside and shapes.bias is not None:
            first = len(shapes.output) - len(shapes.bias)
            wide = {first + axis for axis, size in enumerate(shapes.bias) if size != 1}
            self._inside = wide <= set(plan.new)  # only such a bias is one of the columns

    def _analyzed(self, input_shape: Any) -> Any:
        try:
            return analyze(self._parsed, self.bias_axes, tuple(input_shape), self.partial_output_shape)
        except ValueError as error:
            raise ValueError(f'Layer "{self.name}", equation {self.equation}: {error}') from error

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the equation says."""
        plan = self._plan
        if plan is None:
            outputs = torch.einsum(self.equation, inputs, self.kernel)
        elif plan.counts[0]:
            outputs = self._products(inputs, plan)
        else:
            outputs = self._product(inputs, plan)
        if not self._inside:
            outputs = outputs if self.bias is None else outputs + self.bias
            outputs = outputs if self._fused is None else call(operators.map, outputs, fn=self._fused)
        return outputs if self._after is None else self._after(outputs)

    def _product(self, inputs: Any, plan: Any) -> Any:
        """The einsum as a matrix product, with bias and activation where the bias belongs to a column."""
        _, free, summed, _ = plan.counts
        inputs, kernel = _ordered(inputs, plan.inputs), _ordered(self.kernel, plan.kernel)
        before, after = inputs.shape[:free], kernel.shape[summed:]
        bias = self._flat_bias(plan, after) if self._inside else None
        outputs = call(
            operators.dense, inputs.reshape(*before, math.prod(inputs.shape[free:])),
            kernel.reshape(-1, math.prod(after)), bias, activation=self._fused if self._inside else None,
        )  # fmt: skip
        return _ordered(outputs.reshape(*before, *after), plan.outputs)

    def _flat_bias(self, plan: Any, sizes: Any) -> Any:
        """The bias for each of the new columns."""
        if self.bias is None:
            return None
        if self.bias.shape == sizes:
            return self.bias.reshape(math.prod(sizes))
        whole = self.bias[(None,) * (len(plan.outputs) - self.bias.dim())]
        along = whole.permute(*[axis for axis in range(whole.dim()) if axis not in plan.new], *plan.new)
        return along.expand(*[1] * plan.counts[1], *sizes).reshape(math.prod(sizes))

    def _products(self, inputs: Any, plan: Any) -> Any:
        """The einsum as a product of matrices for each place on the axes that all share."""
        shared, free, summed, _ = plan.counts
        inputs, kernel = _ordered(inputs, plan.inputs), _ordered(self.kernel, plan.kernel)
        before, after = inputs.shape[: shared + free], kernel.shape[shared + summed :]
        batch, inner = math.prod(before[:shared]), math.prod(kernel.shape[shared : shared + summed])
        outputs = call(
            operators.matmul, inputs.reshape(batch, math.prod(before[shared:]), inner),
            kernel.reshape(batch, inner, math.prod(after)),
        )  # fmt: skip
        return _ordered(outputs.reshape(*before, *after), plan.outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The shape that the equation and ``output_shape`` give."""
        return self._analyzed(input_shape).output

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "output_shape": self.partial_output_shape}


def _ordered(x: Any, order: tuple[int, ...]) -> Any:
    """``x`` with its axes in this order."""
    return x if order == tuple(range(x.dim())) else x.permute(order)
