"""Launching the pool template: windows of a fixed or an adaptive size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import gcd, prod
from typing import Any, NamedTuple

import torch

from ..runtime import launch, target_for
from ..templates._row_tiles import RowTile, choose_channels
from ._spatial import Ints, channels_are_last, per_axis, same_padding

_UNROLLED = 16
"""See ``templates/_pool``."""
_WIDE = 2**31


class Axis(NamedTuple):
    """How windows lie on an axis: sizes of it and of the output, of a window (the longest), step, padding in
    front."""

    size: int
    outputs: int
    window: int = 1
    stride: int = 1
    pad: int = 0


class Windows(NamedTuple):
    """Windows on three axes, of which those before the tensor's own have size 1."""

    axes: tuple[Axis, Axis, Axis]
    adaptive: bool
    maximum: bool
    data_format: str

    def output_shape(self, x: torch.Tensor) -> tuple[int, ...]:
        """Of the result, in the layout of ``x``."""
        sizes = tuple(axis.outputs for axis in self.axes[5 - x.dim() :])
        if channels_are_last(self.data_format):
            return (x.shape[0], *sizes, x.shape[-1])
        return (*x.shape[:2], *sizes)

    @property
    def elements(self) -> int:
        """Of a window."""
        return prod(axis.window for axis in self.axes)

    @property
    def index_dtype(self) -> torch.dtype:
        """The smallest that numbers the elements of a window; 255 is left for none."""
        return torch.uint8 if self.elements < 256 else torch.int32


def sizes_of(x: torch.Tensor, data_format: str) -> torch.Size:
    """The spatial sizes."""
    return x.shape[1:-1] if channels_are_last(data_format) else x.shape[2:]


def fixed(
    x: torch.Tensor, pool_size: Ints, strides: Ints | None, padding: str, data_format: str, maximum: bool
) -> Windows:
    """Windows of ``pool_size`` elements, ``strides`` apart."""
    sizes = sizes_of(x, data_format)
    window = per_axis(pool_size, len(sizes))
    step = window if strides is None else per_axis(strides, len(sizes))
    if min(*window, *step) < 1:
        raise ValueError(f"Expected windows and strides of 1 or more. Received: {window} and {step}")
    axes = []
    for size, k, stride in zip(sizes, window, step, strict=True):
        pad = same_padding(size, k, stride)[0] if padding == "same" else 0
        outputs = -(-size // stride) if padding == "same" else (size - k) // stride + 1
        axes.append(Axis(size, outputs, k, stride, pad))
    return _windows(axes, False, maximum, data_format)


def adaptive(x: torch.Tensor, output_size: Ints, data_format: str, maximum: bool) -> Windows:
    """As many windows as ``output_size`` says."""
    sizes = sizes_of(x, data_format)
    axes = []
    for size, outputs in zip(sizes, per_axis(output_size, len(sizes)), strict=True):
        axes.append(Axis(size, outputs, _longest(size, outputs)))
    return _windows(axes, True, maximum, data_format)


@cache
def _longest(size: int, outputs: int) -> int:
    """Elements of the longest of ``outputs`` adaptive windows."""
    return max((-(-(o + 1) * size // outputs) - o * size // outputs for o in range(outputs)), default=1)


def _covering(axis: Axis, adaptive: bool) -> int:
    """The most windows that hold one element."""
    return _longest(axis.outputs, axis.size) if adaptive else -(-axis.window // axis.stride)


def _windows(axes: Sequence[Axis], adaptive: bool, maximum: bool, data_format: str) -> Windows:
    first, second, third = (Axis(1, 1),) * (3 - len(axes)) + tuple(axes)
    return Windows((first, second, third), adaptive, maximum, data_format)


def _five(x: torch.Tensor, data_format: str) -> torch.Tensor:
    """View (samples, depth, height, width, channels)."""
    x = x if channels_are_last(data_format) else x.movedim(1, -1)
    for _ in range(5 - x.dim()):
        x = x.unsqueeze(1)
    return x


def _tile(over: torch.Tensor, tensors: Sequence[torch.Tensor]) -> tuple[RowTile, dict[str, Any]]:
    """Tile for a kernel of one program a tile of ``over``, and the constants that depend on memory."""
    channels, positions = over.shape[4], prod(over.shape[:4])
    along = all(tensor.stride(4) == 1 for tensor in tensors)
    tile = choose_channels(target_for(over), positions, channels, not along and channels > 1)
    even = gcd(16, channels, *(s for tensor in tensors for s in tensor.stride()[:4])) if along else 1
    wide = positions + tile.rows >= _WIDE
    return tile, {"WIDE": wide, "EVEN": even, "ROWS": tile.rows, "COLUMNS": tile.columns}


def _constants(windows: Windows) -> dict[str, Any]:
    named = zip("DHW", windows.axes, strict=True)
    found: dict[str, Any] = {"ADAPTIVE": windows.adaptive, "MAXIMUM": windows.maximum}
    for letter, axis in named:
        found |= {f"K{letter}": axis.window, f"S{letter}": axis.stride, f"P{letter}": axis.pad}
    return found


def _run(
    kernel: Any,
    over: torch.Tensor,
    pointers: tuple[torch.Tensor | None, ...],
    views: Sequence[torch.Tensor],
    windows: Windows,
    more: dict[str, Any],
) -> None:
    """Launch over the positions of ``over``; strides are those of ``views``."""
    if not over.numel():
        return
    tile, constants = _tile(over, views)
    positions, channels = prod(over.shape[:4]), over.shape[4]
    strides = tuple(stride for view in views for stride in view.stride())
    sizes = (*(axis.size for axis in windows.axes), *(axis.outputs for axis in windows.axes))
    grid = (-(-positions // tile.rows) * -(-channels // tile.columns),)
    arguments = (*pointers, strides, positions, channels, *sizes)
    launch(kernel, grid, over, arguments, constants | _constants(windows) | more, warps=tile.warps)


def pool(x: torch.Tensor, windows: Windows, keep: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The pooled tensor and, of a maximum that is to be kept, which element of its window each is."""
    from ..templates._pool import pool as template

    shape = windows.output_shape(x)
    y = x.new_empty(shape)
    index = x.new_empty(shape, dtype=windows.index_dtype) if keep and windows.maximum else None
    views = [_five(tensor, windows.data_format) for tensor in (x, y)]
    unrolled = {"UNROLLED": windows.elements <= _UNROLLED}
    _run(template, views[1], (x, y, index), views, windows, unrolled)
    return y, index


def pool_backward(
    dy: torch.Tensor, index: torch.Tensor | None, shape: Sequence[int], windows: Windows
) -> torch.Tensor:
    """The gradient of an input of ``shape``."""
    from ..templates._pool import pool_backward as template

    dx = dy.new_empty(shape)
    views = [_five(t, windows.data_format) for t in (dy, dy if index is None else index, dx)]
    most = (_covering(axis, windows.adaptive) for axis in windows.axes)
    covering: dict[str, Any] = dict(zip(("TD", "TH", "TW"), most, strict=True))
    _run(template, views[2], (dy, index, dx), views, windows, covering)
    return dx


def scatter(dy: torch.Tensor, index: torch.Tensor, shape: Sequence[int], windows: Windows) -> torch.Tensor:
    """The gradient of a maximum in torch code, which can be differentiated again."""
    given, taps = (_five(t, windows.data_format) for t in (dy, index.long()))
    place, below = torch.zeros_like(taps), 1
    for n in (2, 1, 0):
        axis = windows.axes[n]
        o = torch.arange(axis.outputs, device=dy.device).view(-1, *(1,) * (3 - n))
        first = o * axis.size // axis.outputs if windows.adaptive else o * axis.stride - axis.pad
        place = place + below * (first + taps % axis.window)
        taps, below = taps // axis.window, below * axis.size
    flat = given.new_zeros(given.shape[0], below, given.shape[4])
    flat = flat.scatter_add(1, place.flatten(1, 3), given.flatten(1, 3))
    if channels_are_last(windows.data_format):
        return flat.view(*shape)
    return flat.movedim(1, -1).reshape(*shape)
