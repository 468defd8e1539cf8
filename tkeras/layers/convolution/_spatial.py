"""Arguments and shapes of layers over spatial axes: windows, padding, upsampling."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

Sizes = tuple[int | None, ...]


def spatial(value: Any, rank: int, name: str, zero: bool = False) -> tuple[int, ...]:
    """An int, or one int an axis, as a tuple of ``rank`` ints, positive or with ``zero`` not negative."""
    try:
        values = (value,) * rank if isinstance(value, int) else tuple(operator.index(v) for v in value)
    except TypeError:
        values = ()
    small = {v for v in values if v < (0 if zero else 1)}
    if len(values) != rank or small:
        limit = f", including values {small} that do not satisfy `value {'>=' if zero else '>'} 0`"
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} integers. Received {name}={value}"
            f"{limit if small else ''}"
        )
    return values


def split_shape(shape: Any, data_format: str) -> tuple[int | None, Sizes, int | None]:
    """A shape as batch, spatial sizes and channels."""
    batch, *rest = shape
    if data_format == "channels_first":
        return batch, tuple(rest[1:]), rest[0]
    return batch, tuple(rest[:-1]), rest[-1]


def join_shape(
    batch: int | None, sizes: Sequence[int | None], channels: int | None, data_format: str
) -> Sizes:
    """The inverse of :func:`split_shape`."""
    return (batch, channels, *sizes) if data_format == "channels_first" else (batch, *sizes, channels)


def window_sizes(
    sizes: Sizes, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str
) -> Sizes:
    """Number of windows on each axis, None where the size of the axis is not known.

    Raises:
        ValueError: a window is larger than its axis.
    """
    made: list[int | None] = []
    for size, k, stride, spread in zip(sizes, window, strides, dilation, strict=True):
        reach = (k - 1) * spread + 1 if padding == "valid" else 1
        made.append(None if size is None else max(0, (size - reach) // stride + 1))
    if any(count == 0 and size for count, size in zip(made, sizes, strict=True)):
        raise ValueError(
            f"Computed output size would be zero or negative. Received: spatial sizes of the input={sizes}, "
            f"window={tuple(window)}, strides={tuple(strides)}, dilation_rate={tuple(dilation)}, "
            f"padding={padding}"
        )
    return tuple(made)
