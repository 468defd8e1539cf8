"""The one door through which eager code runs an operator."""

from __future__ import annotations

from typing import Any

from tkeras_kernels.operators import Operator
from tkeras_kernels.runtime import dispatch

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
