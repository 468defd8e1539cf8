"""Pooling over windows and over everything."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers._named import named
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape, window_sizes
from tkeras.saving import public
from tkeras_kernels import operators
from tkeras_kernels.pointwise import pointwise


class BasePooling(Layer):
    """The maximum or average of each window.

    Args:
        pool_size: size of the window, an int or one an axis.
        strides: step of the window; default ``pool_size``.
        padding: ``"valid"`` or ``"same"``; padding is not part of an average.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
    """

    rank: int
    operator: Any
    _config = ("pool_size", "strides", "padding", "data_format")

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.pool_size = spatial(pool_size, self.rank, "pool_size")
        self.strides = spatial(pool_size if strides is None else strides, self.rank, "strides")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(
                f"`padding` of {type(self).__name__} must be 'valid' or 'same'. Received: padding={padding}"
            )
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, channels)."""
        return call(
            self.operator, inputs, pool_size=self.pool_size, strides=self.strides, padding=self.padding,
            data_format=self.data_format,
        )  # fmt: skip

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *new sizes, channels) in the layer's layout."""
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        try:
            made = window_sizes(sizes, self.pool_size, self.strides, (1,) * self.rank, self.padding)
        except ValueError as error:
            raise ValueError(f'Layer "{self.name}": {error}') from error
        return join_shape(batch, made, channels, self.data_format)


class BaseGlobalPooling(Layer):
    """The maximum or average over all positions: (batch, *spatial, channels) → (batch, channels).

    Args:
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        keepdims: keep the spatial axes with size 1.
    """

    rank: int
    operator: Any
    _config = ("data_format", "keepdims")

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format, self.keepdims = standardize_data_format(data_format), keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Pool."""
        return call(self.operator, inputs, keepdims=self.keepdims, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, channels), with ones between or after them where ``keepdims``."""
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, [1] * len(sizes) if self.keepdims else [], channels, self.data_format)


_WINDOW = "{} pooling over windows in {}-D. Arguments: see `BasePooling`."
_GLOBAL = "{} over all positions in {}-D. Arguments: see `BaseGlobalPooling`."


def _window(kind: str, operator: Any, rank: int) -> Any:
    facts = {"rank": rank, "operator": operator, "__doc__": _WINDOW.format(kind, rank)}
    return named(BasePooling, facts, f"{kind}Pooling{rank}D", f"{kind[:3]}Pool{rank}D")


def _global(kind: str, operator: Any, rank: int) -> Any:
    facts = {"rank": rank, "operator": operator, "__doc__": _GLOBAL.format(kind, rank)}
    return named(BaseGlobalPooling, facts, f"Global{kind}Pooling{rank}D", f"Global{kind[:3]}Pool{rank}D")


MaxPooling1D, MaxPooling2D, MaxPooling3D = (_window("Max", operators.max_pool, r) for r in (1, 2, 3))
AveragePooling1D, AveragePooling2D, AveragePooling3D = (
    _window("Average", operators.average_pool, rank) for rank in (1, 2, 3)
)
GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D = (
    _global("Max", operators.global_max_pool, rank) for rank in (1, 2, 3)
)
GlobalAveragePooling2D, GlobalAveragePooling3D = (
    _global("Average", operators.global_average_pool, rank) for rank in (2, 3)
)


def _product(a: Any, b: Any) -> Any:
    return a * b


@public("keras.layers.GlobalAveragePooling1D", "keras.layers.GlobalAvgPool1D")
class GlobalAveragePooling1D(BaseGlobalPooling):
    """Average over time; masked steps do not count. Arguments: see `BaseGlobalPooling`."""

    rank = 1
    operator = operators.global_average_pool
    _casts_integers = True

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, steps, channels) → (batch, channels)."""
        if mask is None:
            return super().call(inputs)
        axis = 1 if self.data_format == "channels_last" else 2
        weights = torch.unsqueeze(mask.to(inputs.dtype), 2 if axis == 1 else 1)
        total = call(
            operators.reduce_rows, inputs, weights, fn=pointwise(_product, arity=2), reduction="sum",
            axis=axis, keepdims=self.keepdims,
        )  # fmt: skip
        return total / weights.sum(axis, keepdim=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """No steps are left to mask."""
        return None
