"""Pooling over windows and over everything."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers.convolution._conv import spatial
from tkeras.saving import public
from tkeras_kernels import operators


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
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: str | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.pool_size = spatial(pool_size, self.rank, "pool_size")
        self.strides = spatial(pool_size if strides is None else strides, self.rank, "strides")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"`padding` of {type(self).__name__} must be 'valid' or 'same'. Received: padding={padding}")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, channels)."""
        return call(
            self.operator, inputs, pool_size=self.pool_size, strides=self.strides, padding=self.padding,
            data_format=self.data_format,
        )  # fmt: skip


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


def _named(name: str, base: type, rank: int, operator: Any, doc: str, *aliases: str) -> Any:
    kind = type(name, (base,), {"rank": rank, "operator": operator, "__doc__": doc, "__module__": __name__})
    return public(*(f"keras.layers.{key}" for key in (name, *aliases)))(kind)


_WINDOW = f"{{}} pooling over windows in {{}}-D. Arguments: see `{BasePooling.__name__}`."
_GLOBAL = f"{{}} over all positions in {{}}-D. Arguments: see `{BaseGlobalPooling.__name__}`."


def _window(kind: str, rank: int, operator: Any) -> Any:
    name = f"{kind}Pooling{rank}D"
    return _named(name, BasePooling, rank, operator, _WINDOW.format(kind, rank), f"{kind[:3]}Pool{rank}D")


def _global(kind: str, rank: int, operator: Any) -> Any:
    name = f"Global{kind}Pooling{rank}D"
    return _named(name, BaseGlobalPooling, rank, operator, _GLOBAL.format(kind, rank), f"Global{kind[:3]}Pool{rank}D")


MaxPooling1D, MaxPooling2D, MaxPooling3D = (_window("Max", rank, operators.max_pool) for rank in (1, 2, 3))
AveragePooling1D, AveragePooling2D, AveragePooling3D = (_window("Average", r, operators.average_pool) for r in (1, 2, 3))
GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D = (_global("Max", r, operators.global_max_pool) for r in (1, 2, 3))
GlobalAveragePooling2D, GlobalAveragePooling3D = (_global("Average", r, operators.global_average_pool) for r in (2, 3))


@public("keras.layers.GlobalAveragePooling1D", "keras.layers.GlobalAvgPool1D")
class GlobalAveragePooling1D(BaseGlobalPooling):
    """Average over time; masked steps do not count. Arguments: see `BaseGlobalPooling`."""

    rank = 1
    operator = operators.global_average_pool

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(batch, steps, channels) → (batch, channels)."""
        if mask is None:
            return super().call(inputs)
        axis = 1 if self.data_format == "channels_last" else 2
        weights = torch.unsqueeze(mask.to(inputs.dtype), 2 if axis == 1 else 1)
        return (inputs * weights).sum(axis, keepdim=self.keepdims) / weights.sum(axis, keepdim=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """No steps are left to mask."""
        return None
