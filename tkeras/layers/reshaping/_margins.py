"""Layers that cut off or add elements at the edges of the spatial axes."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape
from tkeras.saving import public

Pairs = tuple[tuple[int, int], ...]


def _pairs(value: Any, rank: int, name: str) -> Any:
    """(before, after) in one dimension, a tuple of such pairs in more, from an int, ints or pairs."""
    if rank == 1:
        return spatial(value, 2, name, zero=True)
    entries = (value,) * rank if isinstance(value, int) else value
    if not isinstance(entries, (tuple, list)) or len(entries) != rank:
        raise ValueError(
            f"`{name}` should be an int, a tuple of {rank} ints, or a tuple of {rank} tuples of 2 ints. "
            f"Received: {name}={value}"
        )
    return tuple(spatial(entry, 2, f"entry of {name}", zero=True) for entry in entries)


class Margins(Layer):
    """One pair (before, after) for each spatial axis."""

    rank: int
    _argument: str
    _keeps_type = True

    def __init__(self, value: Any, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        setattr(self, self._argument, _pairs(value, self.rank, self._argument))
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _margins(self) -> Pairs:
        value = getattr(self, self._argument)
        return (value,) if self.rank == 1 else value

    def _resized(self, size: int, before: int, after: int) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `_resized`.")

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *new sizes, channels) in the layer's layout."""
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        made = [
            None if size is None else self._resized(size, *pair)
            for size, pair in zip(sizes, self._margins(), strict=True)
        ]
        return join_shape(batch, made, channels, self.data_format)


class BaseCropping(Margins):
    """Cuts off the edges of the spatial axes.

    Args:
        cropping: (before, after) in one dimension; else an int, an int an axis, or a pair an axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``; not in one dimension.
    """

    _argument = "cropping"
    _config = ("cropping",)

    def _resized(self, size: int, before: int, after: int) -> int:
        if before + after >= size:
            if self.rank == 1:
                what = "`cropping` parameter of `Cropping1D` layer must be smaller than the input length."
            else:
                what = (
                    "Values in `cropping` argument should be smaller than the corresponding spatial dimension"
                    " of the input."
                )
            raise ValueError(f"{what} Received: cropping={(before, after)} for an axis of size {size}")
        return size - before - after

    def call(self, inputs: Any) -> Any:
        """(batch, *sizes, channels) → (batch, *smaller sizes, channels), a view."""
        first = 1 if self.data_format == "channels_last" else 2
        for axis, (before, after) in enumerate(self._margins(), start=first):
            inputs = inputs.narrow(axis, before, self._resized(inputs.shape[axis], before, after))
        return inputs


class BaseZeroPadding(Margins):
    """Adds zeros at the edges of the spatial axes.

    Args:
        padding: (before, after) or an int in one dimension; else an int, an int an axis, or a pair an axis.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
    """

    _argument = "padding"
    _config = ("padding", "data_format")

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(padding, data_format, **kwargs)

    def _resized(self, size: int, before: int, after: int) -> int:
        return size + before + after

    def call(self, inputs: Any) -> Any:
        """(batch, *sizes, channels) → (batch, *larger sizes, channels)."""
        flat = [zeros for pair in reversed(self._margins()) for zeros in pair]
        return F.pad(inputs, flat if self.data_format == "channels_first" else [0, 0, *flat])


@public("keras.layers.Cropping1D")
class Cropping1D(BaseCropping):
    """Cuts off time steps: (batch, steps, channels) → (batch, fewer steps, channels). See `BaseCropping`."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any):
        super().__init__(cropping, "channels_last", **kwargs)


@public("keras.layers.Cropping2D")
class Cropping2D(BaseCropping):
    """Cuts off the edges of images. Arguments: see `BaseCropping`."""

    rank = 2
    _config = ("data_format",)

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


@public("keras.layers.Cropping3D")
class Cropping3D(BaseCropping):
    """Cuts off the edges of volumes. Arguments: see `BaseCropping`."""

    rank = 3
    _config = ("data_format",)

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__(cropping, data_format, **kwargs)


@public("keras.layers.ZeroPadding1D")
class ZeroPadding1D(BaseZeroPadding):
    """Adds zeros before and after the time steps. Arguments: see `BaseZeroPadding`."""

    rank = 1


@public("keras.layers.ZeroPadding2D")
class ZeroPadding2D(BaseZeroPadding):
    """Adds zeros at the edges of images. Arguments: see `BaseZeroPadding`."""

    rank = 2


@public("keras.layers.ZeroPadding3D")
class ZeroPadding3D(BaseZeroPadding):
    """Adds zeros at the edges of volumes. Arguments: see `BaseZeroPadding`."""

    rank = 3
