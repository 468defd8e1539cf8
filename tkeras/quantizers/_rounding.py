"""Numbers in few bits: largest magnitudes, grouped scales, 8-bit floats, fake quantization, nibbles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tkeras.config import standardize_dtype, torch_dtype
from tkeras.ops._convert import convert
from tkeras.ops._op import op
from tkeras.saving import public

Tensor = torch.Tensor


def _round_to(x: Tensor, low: float, high: float, dtype: Any) -> Tensor:
    return torch.clamp(torch.round(x), low, high).to(torch_dtype(dtype))


def _host(x: Any, to_numpy: bool) -> Tensor:
    """``x`` as a tensor; with ``to_numpy`` on the CPU."""
    x = convert(x)
    return x.detach().cpu() if to_numpy else x


@public("keras.quantizers.abs_max_quantize")
def abs_max_quantize(
    inputs: Any,
    axis: int | Sequence[int],
    value_range: tuple[float, float] = (-127, 127),
    dtype: Any = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor]:
    """Scale so that the largest magnitude along ``axis`` is ``value_range[1]``, and round.

    Args:
        inputs: floats.
        axis: what shares a scale.
        value_range: lowest and highest result.
        dtype: type of the result.
        epsilon: added to the magnitude.
        to_numpy: compute on the CPU.

    Returns:
        The rounded tensor, and the scale (``axis`` kept with size 1) it was multiplied with.
    """
    x = _host(inputs, to_numpy)
    wide = x.float()
    top = torch.amax(torch.abs(wide), axis if isinstance(axis, int) else tuple(axis), keepdim=True)
    scale = value_range[1] / (top + epsilon)
    return _round_to(wide * scale, *value_range, dtype), scale.to(x.dtype)


@public("keras.quantizers.abs_max_quantize_grouped_with_zero_point")
def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: Any = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Map the range of each group of rows to ``value_range``.

    Args:
        inputs: (rows, columns).
        block_size: rows of a group; the last group may have fewer.
        value_range, dtype, epsilon, to_numpy: see :func:`abs_max_quantize`.

    Returns:
        The rounded matrix, and the scales and zero points (groups, columns): ``(rounded - zero) * scale``.
    """
    x = _host(inputs, to_numpy)
    low, high = value_range
    rows, columns = x.shape
    groups = -(-rows // block_size)
    padded = torch.nn.functional.pad(x, (0, 0, 0, groups * block_size - rows))
    blocks = padded.reshape(groups, block_size, columns)
    bottom, top = blocks.amin(1, keepdim=True), blocks.amax(1, keepdim=True)
    scale = (top - bottom + epsilon) / (high - low)
    zero = torch.clamp(torch.round(-bottom / scale) + low, low, high)
    rounded = _round_to(blocks / scale + zero, low, high, dtype)
    return (
        rounded.reshape(groups * block_size, columns)[:rows],
        scale.squeeze(1),
        zero.squeeze(1).to(torch_dtype(dtype)),
    )


@public("keras.quantizers.compute_float8_scale")
def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Tensor:
    """The scale by which values up to ``amax`` fill 8-bit floats; the old one where that is unknown."""
    amax, scale = convert(amax), convert(scale)
    made = (dtype_max / amax) / 2**margin
    made = torch.where(amax > 0.0, made, 1.0 / scale)
    return 1.0 / torch.where(torch.isfinite(amax), made, 1.0 / scale)


@public("keras.quantizers.compute_float8_amax_history")
def compute_float8_amax_history(x: Any, amax_history: Any) -> Tensor:
    """The history moved on by one, with the largest magnitude of ``x`` in front."""
    history = torch.roll(convert(amax_history), -1)
    top = torch.amax(torch.abs(convert(x))).to(history.dtype)
    return torch.cat([top.reshape(1), history[1:]])


@public("keras.quantizers.quantize_and_dequantize")
def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: Any, compute_dtype: Any) -> Tensor:
    """``inputs`` with the precision that ``inputs / scale`` has in ``quantized_dtype``."""
    kind, compute = torch_dtype(quantized_dtype), torch_dtype(compute_dtype)
    scale = convert(scale).to(compute)
    largest = torch.finfo(kind).max
    narrow = torch.clamp(convert(inputs).to(compute) / scale, -largest, largest).to(kind)
    return narrow.to(compute) * scale


@op(module="tkeras.quantizers")
def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """Round to the numbers that ``num_bits`` bits can tell apart within [min, max], moved so that 0 is one.

    Args:
        inputs: floats.
        min_vals, max_vals: numbers, or one for each index of ``axis``.
        num_bits: width.
        narrow_range: leave out the lowest of the codes.
        axis: channels with a range of their own.

    Gradients pass where the input is within the range, and go to the bounds where it is not.
    """
    x = convert(inputs)
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of bounds for an array with dimension {x.ndim}.")
    low, high = (convert(value, x.dtype, x).to(x.device) for value in (min_vals, max_vals))
    if axis is not None:
        shape = [-1 if index == axis % x.ndim else 1 for index in range(x.ndim)]
        low, high = low.reshape(shape), high.reshape(shape)
    first, last = int(narrow_range), 2**num_bits - 1
    step = (high - low) / (last - first)
    zero = torch.clamp(torch.round(first - low / step), first, last)
    nudged_low, nudged_high = (first - zero) * step, (last - zero) * step
    clamped = torch.minimum(torch.maximum(x, nudged_low), nudged_high)
    steps = torch.floor((clamped - nudged_low) * ((last - first) / (high - low)) + 0.5)
    rounded = steps * step + nudged_low
    passed = torch.where((x >= nudged_low) & (x <= nudged_high), x, torch.where(x < nudged_low, low, high))
    return passed + (rounded - passed).detach()


def _packable(x: Any, dtype: Any, verb: str) -> Tensor:
    name = standardize_dtype(dtype)
    if name not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got '{name}'.")
    x = convert(x)
    if verb == "packing" and standardize_dtype(x.dtype) != name:
        raise TypeError(f"Expected {name} tensor for packing, got {standardize_dtype(x.dtype)}.")
    if x.dtype not in (torch.int8, torch.uint8):
        raise TypeError(f"Expected int8 or uint8 tensor for unpacking, got {x.dtype}")
    return x


@public("keras.quantizers.pack_int4")
def pack_int4(arr: Any, axis: int = 0, dtype: Any = "int8") -> tuple[Tensor, tuple[int, ...], int]:
    """Two 4-bit numbers in a byte: of each pair along ``axis`` the first in the low half.

    Args:
        arr: int8 within [-8, 7], or uint8 within [0, 15].
        axis: along which neighbours are paired; an odd number of them is padded with 0.
        dtype: ``"int8"`` or ``"uint8"``, that of ``arr``.

    Returns:
        The packed tensor, its shape, and the size of ``axis`` before.
    """
    x = _packable(arr, dtype, "packing").movedim(axis, 0)
    size = x.shape[0]
    if size % 2:
        x = torch.cat([x, torch.zeros_like(x[:1])])
    low, high = x[::2].to(torch.int16) & 0x0F, x[1::2].to(torch.int16) & 0x0F
    packed = (low | (high << 4)).to(torch.uint8).view(torch_dtype(dtype)).movedim(0, axis)
    return packed, tuple(packed.shape), size


@public("keras.quantizers.unpack_int4")
def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: Any = "int8") -> Tensor:
    """The numbers that :func:`pack_int4` packed; ``orig_len`` is the size of ``axis`` before."""
    x = _packable(packed, dtype, "unpacking").movedim(axis, 0).contiguous().view(torch.uint8).to(torch.int16)
    pairs = torch.stack([x & 0x0F, x >> 4], 1).reshape(-1, *x.shape[1:])[:orig_len]
    if standardize_dtype(dtype) == "int8":
        pairs = torch.where(pairs > 7, pairs - 16, pairs)
    return pairs.to(torch_dtype(dtype)).movedim(0, axis)


def check_range(dtype: str, value_range: Sequence[float]) -> None:
    """Refuse a range that an integer type does not hold.

    Raises:
        ValueError: it does not.
    """
    if "int" in dtype:
        limits = np.iinfo(dtype)
        if value_range[0] < limits.min or value_range[1] > limits.max:
            raise ValueError(
                f"Quantizer with output_dtype='{dtype}' requires value_range to be within the interval "
                f"[{limits.min}, {limits.max}]. Received: value_range={value_range}"
            )
