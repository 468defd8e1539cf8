"""What convolution and pooling share: channel order, rank, and TensorFlow's "same" padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Ints = int | Sequence[int]


def per_axis(value: Ints, rank: int) -> tuple[int, ...]:
    """One value an axis: an int is repeated ``rank`` times."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise ValueError(f"Expected an int or {rank} ints, one a spatial axis. Received: {tuple(value)}")
    return tuple(value)


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after an axis for ``ceil(size / stride)`` windows; the odd one goes after."""
    windows = -(-size // stride)
    total = max(0, (windows - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def channels_are_last(data_format: str) -> bool:
    """Whether the layout is (N, *spatial, C) and not (N, C, *spatial)."""
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f'`data_format` should be "channels_last" or "channels_first". Received: {data_format!r}'
        )
    return data_format == "channels_last"


def to_torch(x: torch.Tensor, data_format: str) -> torch.Tensor:
    """View of ``x`` as (N, C, *spatial), with one spatial axis lifted to two: (N, C, 1, L).

    A channels-last tensor becomes torch's channels_last memory format, which convolution and pooling read
    without a copy in two and three dimensions; that is why one dimension is lifted.
    """
    if channels_are_last(data_format):
        x = x.permute(0, x.ndim - 1, *range(1, x.ndim - 1))
    return x.unsqueeze(2) if x.ndim == 3 else x


def from_torch(y: torch.Tensor, data_format: str, rank: int) -> torch.Tensor:
    """Back from (N, C, *spatial), or (N, C, 1, L) for rank 1, to the layout of the caller."""
    if rank == 1:
        y = y.squeeze(2)
    return y if data_format == "channels_first" else y.permute(0, *range(2, y.ndim), 1)


def lifted(values: tuple[int, ...], neutral: int) -> tuple[int, ...]:
    """Attributes of a one-dimensional call for the two axes it is lifted to."""
    return (neutral, *values) if len(values) == 1 else values


def spatial_rank(x: torch.Tensor) -> int:
    """Number of spatial axes of a batched tensor with channels: 1, 2 or 3."""
    if x.ndim not in (3, 4, 5):
        raise ValueError(
            "Expected an input of rank 3, 4 or 5: batch, one to three spatial axes and channels. "
            f"Received: shape={tuple(x.shape)}"
        )
    return x.ndim - 2


def check_padding(padding: str, allowed: tuple[str, ...]) -> None:
    if padding not in allowed:
        raise ValueError(f"`padding` should be one of {allowed}. Received: {padding!r}")


def torch_weight(kernel: torch.Tensor, data_format: str) -> torch.Tensor:
    """(*k, inner, outer) as (outer, inner, *k), at least two axes, in the memory format of the input.

    One outer channel is contiguous in any format, but torch's float64 backward refuses the strides it has
    here.
    """
    if kernel.ndim == 3:
        kernel = kernel.unsqueeze(0)
    weight = kernel.permute(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    if data_format == "channels_first":
        return weight
    if weight.shape[0] == 1:
        return weight.contiguous()
    rows = kernel.flatten(0, -2).t().contiguous()  # torch transposes matrices in tiles
    return rows.view(kernel.shape[-1], *kernel.shape[:-1]).movedim(-1, 1)
