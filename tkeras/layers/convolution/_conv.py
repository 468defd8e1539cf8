"""Convolution layers in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from tkeras import activations, constraints, initializers, regularizers
from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.layers._activation import split_activation
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import operators


def spatial(value: Any, rank: int, name: str, zero: bool = False) -> tuple[int, ...]:
    """An int, or one int an axis, as a tuple of ``rank`` positive ints."""
    values = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(values) != rank or not all(isinstance(v, int) and v >= (0 if zero else 1) for v in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} {'non-negative' if zero else 'positive'} integers. "
            f"Received {name}={value}"
        )
    return values


class BaseConv(Layer):
    """``activation(conv(inputs, kernel) + bias)``, bias and activation inside the kernel.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, an int or one an axis.
        strides: step of the window.
        padding: ``"valid"``, ``"same"``, or ``"causal"`` in one dimension.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: spacing of the window.
        groups: the channels are split into so many independent convolutions.
        activation: name or function.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after an update.
    """

    rank: int
    _config = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation", "use_bias",
        "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        rank = self.rank
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.kernel_size = spatial(kernel_size, rank, "kernel_size")
        self.strides = spatial(strides, rank, "strides")
        self.dilation_rate = spatial(dilation_rate, rank, "dilation_rate")
        self.padding = str(padding).lower()
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self._fused, self._after = split_activation(self.activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._check()

    def _check(self) -> None:
        kind = type(self).__name__
        for name in ("filters", "groups"):
            value = getattr(self, name)
            if not isinstance(value, int) or value <= 0:
                raise ValueError(f"Invalid value for argument `{name}` of {kind}. Expected a positive integer. Received: {name}={value}")
        if self.filters % self.groups:
            raise ValueError(
                f"The number of filters must be evenly divisible by the number of groups. Received: groups={self.groups}, "
                f"filters={self.filters}."
            )
        allowed = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        if self.padding not in allowed:
            raise ValueError(f"The `padding` argument of {kind} must be one of {allowed}. Received: padding={self.padding}")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (*kernel_size, channels // groups, filters) and ``bias`` (filters,)."""
        channels = input_shape[self._channel_axis]
        if channels is None or channels % self.groups:
            raise ValueError(
                f'Layer "{self.name}": the number of input channels must be known and divisible by the number of groups. '
                f"Received: groups={self.groups}, input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters), self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint, name="kernel",
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,), self.bias_initializer, regularizer=self.bias_regularizer,
                constraint=self.bias_constraint, name="bias",
            )  # fmt: skip
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, filters)."""
        outputs = call(
            operators.conv, inputs, self.kernel, self.bias, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, groups=self.groups, activation=self._fused, data_format=self.data_format,
        )  # fmt: skip
        return outputs if self._after is None else self._after(outputs)


@public("keras.layers.Conv1D", "keras.layers.Convolution1D")
class Conv1D(BaseConv):
    """Convolution over time: (batch, steps, channels) → (batch, new steps, filters). Arguments: see `BaseConv`."""

    rank = 1


@public("keras.layers.Conv2D", "keras.layers.Convolution2D")
class Conv2D(BaseConv):
    """Convolution over images: (batch, height, width, channels) → (batch, …, filters). Arguments: see `BaseConv`."""

    rank = 2


@public("keras.layers.Conv3D", "keras.layers.Convolution3D")
class Conv3D(BaseConv):
    """Convolution over volumes: (batch, depth, height, width, channels) → (…, filters). Arguments: see `BaseConv`."""

    rank = 3
