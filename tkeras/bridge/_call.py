"""The one door through which eager code runs an operator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from tkeras_kernels import operators
from tkeras_kernels.operators import Operator
from tkeras_kernels.pointwise import Pointwise, pointwise
from tkeras_kernels.runtime import dispatch, without_kernels

from ._fused import fused
from ._recording import recording


def call(operator: Operator, *tensors: Any, **attributes: Any) -> Any:
    """Run ``operator`` where dispatch says: its reference under torch's own autograd, or its fused kernels.

    Example:
        >>> y = call(operators.dense, x, kernel, bias, activation=pointwise(library.relu))
    """
    recorder = recording.active
    if recorder is not None:
        return recorder.operator(operator, tensors, attributes)
    decision = dispatch(operator, tensors, attributes)
    if decision.implementation == "torch":
        return operator.reference(*tensors, **attributes)
    return fused(operator, tensors, attributes, decision)


def mapped(function: Callable[..., Any], *tensors: Any, **parameters: Any) -> Any:
    """A function of a module, written with ``tkeras_kernels.expr``, element by element in one kernel.

    Args:
        tensors: of one dtype; they broadcast together.
        parameters: numbers and names that ``function`` takes by keyword.

    Returns:
        A tensor, or a tuple where ``function`` returns one.
    """
    fn = _pointwise(function, len(tensors), tuple(parameters.items()))
    return call(operators.map, *tensors, fn=fn)


def reduced(
    function: Callable[..., Any],
    *tensors: Any,
    reduction: str = "mean",
    axis: Any = -1,
    keepdims: bool = False,
    then: Callable[..., Any] | None = None,
    sums: int = 1,
    last: tuple[tuple[str, Any], ...] = (),
    **parameters: Any,
) -> Any:
    """A function as :func:`mapped` takes it, reduced over axes, None for all, in one kernel.

    Args:
        tensors, parameters: as of :func:`mapped`.
        reduction: ``"mean"`` or ``"sum"``.
        then: what is made of the ``sums`` results, with the parameters ``last``.
    """
    if axis is None:
        axis = tuple(range(max(tensor.dim() for tensor in tensors)))
    fn = _pointwise(function, len(tensors), tuple(parameters.items()))
    after = None if then is None else _pointwise(then, sums, last)
    options = {"reduction": reduction, "axis": axis, "keepdims": keepdims}
    return call(operators.reduce_rows, *tensors, fn=fn, then=after, **options)


def on_kernels(*tensors: Any) -> bool:
    """Whether kernels may run on these: of one dtype and on a device, or a backend, that has them."""
    first = tensors[0]
    return (
        all(isinstance(tensor, torch.Tensor) and tensor.dtype is first.dtype for tensor in tensors)
        and without_kernels(first) is None
    )


@functools.lru_cache(maxsize=512)
def _pointwise(
    function: Callable[..., Any], arity: int, parameters: tuple[tuple[str, Any], ...]
) -> Pointwise:
    return pointwise(function, arity=arity, **dict(parameters))
