"""Layers that enlarge the spatial axes by whole factors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape
from tkeras.saving import public

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


def _repeated(x: torch.Tensor, factors: tuple[int, ...], first: int) -> torch.Tensor:
    """Every element ``factors[i]`` times along axis ``first + i``, in one copy."""
    apart, spread, joined = list(x.shape[:first]), list(x.shape[:first]), list(x.shape[:first])
    for size, factor in zip(x.shape[first:], factors, strict=False):
        apart += [size, 1]
        spread += [size, factor]
        joined.append(size * factor)
    rest = x.shape[first + len(factors) :]
    return x.reshape(*apart, *rest).expand(*spread, *rest).reshape(*joined, *rest)


class BaseUpSampling(Layer):
    """Repeats every element of the spatial axes.

    Args:
        size: by what factor, an int or one an axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``; not in one dimension.
    """

    rank: int
    _config = ("size",)
    _keeps_type = True

    def __init__(self, size: Any, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self._factors = spatial(size, self.rank, "size")
        self.size: Any = self._factors
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """(batch, *sizes, channels) → (batch, *larger sizes, channels)."""
        return _repeated(inputs, self._factors, 1 if self.data_format == "channels_last" else 2)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *larger sizes, channels) in the layer's layout."""
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        made = [None if s is None else s * f for s, f in zip(sizes, self._factors, strict=True)]
        return join_shape(batch, made, channels, self.data_format)


@public("keras.layers.UpSampling1D")
class UpSampling1D(BaseUpSampling):
    """Repeats every time step ``size`` times: (batch, steps, channels) → (batch, steps · size, channels)."""

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"Expected an integer value for `size`, got {type(size)}.")
        super().__init__(size, "channels_last", **kwargs)
        self.size = size


@public("keras.layers.UpSampling2D")
class UpSampling2D(BaseUpSampling):
    """Enlarges images: (batch, height, width, channels) → (batch, height · a, width · b, channels).

    Args:
        size: by what factor, an int or one an axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        interpolation: ``"nearest"``, ``"bilinear"`` or ``"bicubic"``.

    Raises:
        ValueError: another interpolation; TensorFlow's ``lanczos3``, ``lanczos5``, ``gaussian`` and others do
            not exist here.
    """

    rank = 2
    _config = ("data_format", "interpolation")

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ):
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation.lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"Invalid value for argument `interpolation`. Expected one of {_INTERPOLATIONS}. "
                f"Received: interpolation={interpolation}"
            )

    def call(self, inputs: Any) -> Any:
        """(batch, height, width, channels) → (batch, larger height, larger width, channels)."""
        nearest = self.interpolation == "nearest"
        if nearest and not inputs.is_floating_point():
            return super().call(inputs)
        last = self.data_format == "channels_last"
        x = inputs.permute(0, 3, 1, 2) if last else inputs
        x = x if x.is_floating_point() else x.float()
        size = [s * f for s, f in zip(x.shape[2:], self._factors, strict=True)]
        if nearest:  # "nearest" of torch rounds the quotient of sizes, which may miss by one
            y = F.interpolate(x, size, mode="nearest-exact")
        else:
            y = F.interpolate(x, size, mode=self.interpolation, align_corners=False)
        if not inputs.is_floating_point():
            y = y.round().to(inputs.dtype)
        return y.permute(0, 2, 3, 1) if last else y


@public("keras.layers.UpSampling3D")
class UpSampling3D(BaseUpSampling):
    """Repeats every element of volumes along the three spatial axes. Arguments: see `BaseUpSampling`."""

    rank = 3
    _config = ("data_format",)

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any):
        super().__init__(size, data_format, **kwargs)
