"""What the convolution layers have in common."""

from __future__ import annotations

from typing import Any

from tkeras import activations
from tkeras.config import standardize_data_format
from tkeras.layers._activation import split_activation
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape, window_sizes
from tkeras.layers.core._without_adapters import WithoutAdapters


class BaseConvolution(WithoutAdapters):
    """Window, bias and activation of a convolution; subclasses add the kernels and the computation."""

    _casts_integers = True

    rank: int
    _paddings = ("valid", "same")
    _config = (
        "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias",
        "bias_initializer", "bias_regularizer", "activity_regularizer", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias: tuple[Any, Any, Any],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        rank = self.rank
        self.kernel_size = spatial(kernel_size, rank, "kernel_size")
        self.strides = spatial(strides, rank, "strides")
        self.dilation_rate = spatial(dilation_rate, rank, "dilation_rate")
        self.padding = str(padding).lower()
        if self.padding not in self._paddings:
            raise ValueError(
                f"The `padding` argument must be a list/tuple or one of {set(self._paddings)}. "
                f"Received: padding={padding}"
            )
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self._fused, self._after = split_activation(self.activation)
        self.use_bias = use_bias
        keep_weight_arguments(self, "bias", *bias)
        self.input_spec = InputSpec(ndim=rank + 2)

    def _check_positive(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, int) or value <= 0:
                if name == "groups":
                    raise ValueError(
                        f"The number of groups must be a positive integer. Received: groups={value}."
                    )
                raise ValueError(
                    f"Invalid value for argument `{name}`. Expected a strictly positive value. "
                    f"Received {name}={value}."
                )

    def _check_dilation(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def _channels(self, input_shape: Any) -> int:
        """The number of channels of the input, which must be known, kept in ``input_spec`` from now on."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f'Layer "{self.name}": the number of input channels must be known. '
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        self.compute_output_shape(input_shape)  # says when a window does not fit
        return channels

    def _add_bias(self, size: int) -> None:
        self.bias = add_weight_of(self, "bias", (size,)) if self.use_bias else None

    def _activate(self, outputs: Any) -> Any:
        """The activation, where it could not go into the kernel."""
        return outputs if self._after is None else self._after(outputs)

    def _output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *new sizes, channels) in the layer's layout."""
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        try:
            made = window_sizes(sizes, self.kernel_size, self.strides, self.dilation_rate, self.padding)
        except ValueError as error:
            raise ValueError(f'Layer "{self.name}": {error}') from error
        return join_shape(batch, made, self._output_channels(channels), self.data_format)
