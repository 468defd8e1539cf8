"""Blocks of images to columns and channels, and back."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.config import standardize_data_format
from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, promoted
from tkeras.ops._op import op
from tkeras.ops._shape import Ints

Tensor = torch.Tensor


@op()
def unfold(x: Any, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> Tensor:
    """Windows of an image (batch, channels, height, width) as columns (batch, channels · window, count)."""
    x = convert(x)
    if x.ndim != 4:
        raise ValueError(f"Input must be a 4D tensor. Received: input.shape={tuple(x.shape)}")
    return F.unfold(x, kernel_size, dilation, padding, stride)  # pyright: ignore[reportArgumentType]


@op()
def fold(
    x: Any, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """Columns as of :func:`unfold` added at their places in an image of ``output_size``."""
    x = convert(x)
    if x.ndim != 3:
        raise ValueError(f"Input must be a 3D tensor. Received: input.shape={tuple(x.shape)}")
    return F.fold(x, output_size, kernel_size, dilation, padding, stride)  # pyright: ignore[reportArgumentType]


def _block(x: Any, block_size: int, data_format: str | None) -> bool:
    """Check the arguments; whether channels are last."""
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size}")
    if len(x.shape) != 4:
        raise ValueError(f"Expected a batch of images, rank 4. Received: shape={tuple(x.shape)}")
    return standardize_data_format(data_format) == "channels_last"


@op()
def depth_to_space(x: Any, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Each ``block_size²`` channels as a block of pixels: (batch, height · b, width · b, channels / b²)."""
    x = convert(x)
    last = _block(x, block_size, data_format)
    if last:
        n, h, w, c = x.shape
        blocks = x.reshape(n, h, w, block_size, block_size, c // block_size**2)
        return blocks.permute(0, 1, 3, 2, 4, 5).reshape(n, h * block_size, w * block_size, -1)
    n, c, h, w = x.shape
    blocks = x.reshape(n, c // block_size**2, block_size, block_size, h, w)
    return blocks.permute(0, 1, 4, 2, 5, 3).reshape(n, -1, h * block_size, w * block_size)


def _space_to_depth_spec(x: Any, block_size: int, data_format: str | None = "channels_last") -> Any:
    last = _block(x, block_size, data_format)
    batch, *rest = x.shape
    channels = rest.pop(-1 if last else 0)
    if None not in rest:
        return None
    sizes = [None if size is None else size // block_size for size in rest]
    depth = None if channels is None else channels * block_size**2
    return KerasTensor((batch, *sizes, depth) if last else (batch, depth, *sizes), x.dtype)


@op(spec=_space_to_depth_spec)
def space_to_depth(x: Any, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Each block of pixels as channels: (batch, height / b, width / b, channels · b²)."""
    x = convert(x)
    last = _block(x, block_size, data_format)
    n, h, w = x.shape[0], *(x.shape[1:3] if last else x.shape[2:])
    c = x.shape[-1 if last else 1]
    if h % block_size or w % block_size:
        raise ValueError(
            f"Expected height and width to be divisible by block_size={block_size}. "
            f"Received: shape={tuple(x.shape)}"
        )
    h, w = h // block_size, w // block_size
    if last:
        blocks = x.reshape(n, h, block_size, w, block_size, c)
        return blocks.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, -1)
    blocks = x.reshape(n, c, h, block_size, w, block_size)
    return blocks.permute(0, 1, 3, 5, 2, 4).reshape(n, -1, h, w)


@op()
def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """Peak signal-to-noise ratio in decibels: ``20 log10(max_val) - 10 log10(mean((x1 - x2)²))``."""
    x1, x2 = promoted(x1, x2)
    if x1.shape != x2.shape:
        raise ValueError(
            "Expected images of the same shape. "
            f"Received: x1.shape={tuple(x1.shape)}, x2.shape={tuple(x2.shape)}"
        )
    peak = convert(max_val, x1.dtype, x1)
    return 20 * torch.log10(peak) - 10 * torch.log10(torch.mean((x1 - x2) ** 2))


def _axes(pattern: str) -> list[list[str]]:
    """``"b (h p) c"`` as [["b"], ["h", "p"], ["c"]]."""
    if not re.fullmatch(r"\s*(?:\w+\s*|\([\w\s]*\)\s*)*", pattern):
        raise ValueError(f"Expected names and groups of names in parentheses. Received: pattern={pattern!r}")
    return [found.strip("()").split() for found in re.findall(r"\w+|\([\w\s]*\)", pattern)]


def _sizes(groups: list[list[str]], shape: Any, known: dict[str, int]) -> dict[str, Any]:
    """The size of every name, None where it depends on an unknown one."""
    if len(groups) != len(shape):
        raise ValueError(f"Expected a tensor of rank {len(groups)}. Received: shape={tuple(shape)}")
    sizes: dict[str, Any] = {}
    for group, size in zip(groups, shape, strict=True):
        free = [name for name in group if name not in known]
        given = math.prod(known[name] for name in group if name in known)
        if len(free) > 1 or (size is not None and (size % given if free else size != given)):
            raise ValueError(f"The axis of size {size} cannot be split into {group} with {known}.")
        sizes.update({name: known[name] for name in group if name in known})
        sizes.update(dict.fromkeys(free, None if size is None else size // given))
    return sizes


def _pattern(pattern: str) -> tuple[list[list[str]], list[list[str]]]:
    before, arrow, after = pattern.partition("->")
    if not arrow:
        raise ValueError(f"Expected a pattern `before -> after`. Received: pattern={pattern!r}")
    groups = _axes(before), _axes(after)
    names = [sorted(name for group in side for name in group) for side in groups]
    if names[0] != names[1] or len({*names[0]}) != len(names[0]):
        raise ValueError(f"Expected the same names, once each, on both sides. Received: pattern={pattern!r}")
    return groups


def _rearrange_spec(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    before, after = _pattern(pattern)
    sizes = _sizes(before, tensor.shape, axes_lengths)
    if None not in sizes.values():
        return None
    parts = [[sizes[name] for name in group] for group in after]
    return KerasTensor([None if None in part else math.prod(part) for part in parts], tensor.dtype)


@op(spec=_rearrange_spec)
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """Axes split, reordered and merged as a pattern says.

    Args:
        tensor: any rank.
        pattern: names of the axes before and after, ``"b (h p) c -> b h (p c)"``; parentheses group.
        axes_lengths: sizes of names in groups; one name in a group may be left out.
    """
    tensor = convert(tensor)
    before, after = _pattern(pattern)
    sizes = _sizes(before, tensor.shape, axes_lengths)
    names = [name for group in before for name in group]
    order = [names.index(name) for group in after for name in group]
    split = tensor.reshape([sizes[name] for name in names]).permute(order)
    return split.reshape([math.prod(sizes[name] for name in group) for group in after])
