"""Counting the work of a call: elements in, elements out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch

from ._operator import Cost, Operator

Shapes = Sequence[tuple[int, ...] | None]


def _tensors(result: Any) -> Iterator[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, tuple):
        for part in result:
            yield from _tensors(part)


def output_shapes(operator: Operator, shapes: Shapes, **attributes: Any) -> list[tuple[int, ...]]:
    """Shapes of the results, from the reference on meta tensors."""
    arguments = [None if shape is None else torch.empty(shape, device="meta") for shape in shapes]
    with torch.no_grad():
        return [tuple(result.shape) for result in _tensors(operator.reference(*arguments, **attributes))]


def work(operator: Operator, shapes: Shapes, itemsize: int, flops: int, **attributes: Any) -> Cost:
    """Cost of ``flops`` operations that read every argument once and write every result once."""
    read = sum(prod(shape) for shape in shapes if shape is not None)
    written = sum(prod(shape) for shape in output_shapes(operator, shapes, **attributes))
    return Cost(flops=flops, bytes=(read + written) * itemsize)


def pointwise_work(
    operator: Operator, shapes: Shapes, itemsize: int, flops_an_element: int, **attributes: Any
) -> Cost:
    """Cost of an operator that spends a fixed number of operations on each element of its first argument."""
    first = shapes[0]
    assert first is not None
    return work(operator, shapes, itemsize, flops_an_element * prod(first), **attributes)
