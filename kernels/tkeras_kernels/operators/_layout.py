"""How pointwise kernels walk tensors that broadcast together."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import torch


class Rows(NamedTuple):
    """A contiguous result seen as (outer, middle, inner, columns), and each input's four strides in
    elements."""

    rows: int
    columns: int
    middle: int
    inner: int
    strides: tuple[int, ...]


def as_rows(shape: torch.Size, inputs: Sequence[torch.Tensor]) -> Rows | None:
    """Fewest axes that walk ``inputs``, each expanded to ``shape``; None where that takes more than four."""
    axes: list[tuple[int, list[int]]] = []
    for axis, size in enumerate(shape):
        strides = [tensor.stride(axis) for tensor in inputs]
        if size == 1:
            continue
        if axes and axes[-1][1] == [stride * size for stride in strides]:
            axes[-1] = (axes[-1][0] * size, strides)
        else:
            axes.append((size, strides))
    if len(axes) > 4:
        return None
    none = (1, [0] * len(inputs))
    axes = [none] * (4 - len(axes)) + axes
    sizes = [size for size, _ in axes]
    strides = tuple(strides[n] for n in range(len(inputs)) for _, strides in axes)
    return Rows(prod(sizes[:3]), sizes[3], sizes[1], sizes[2], strides)


def reach(inputs: Sequence[torch.Tensor]) -> int:
    """The largest offset, in elements, that any of the tensors is read at."""
    return max(
        sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        for tensor in inputs
    )
