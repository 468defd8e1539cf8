"""What a call must do at least: operations, and bytes between memory and chip."""

from __future__ import annotations

import torch

from tkeras_kernels.inspect import DTYPES, case_tensors
from tkeras_kernels.operators import Case, Operator
from tkeras_kernels.runtime import TARGETS, recording

_TARGET = "sm_90"
"""For whose plan a forward tells what it saves; any would do."""


def work(operator: Operator, case: Case, dtype: str, pass_: str) -> tuple[int | None, int | None]:
    """Operations and bytes of the forward, or of both passes; None where the operator does not say.

    Each product of the forward has two in the backward. The backward reads what the forward saved and the
    gradient of each output, and writes one of each floating point argument.
    """
    kind = DTYPES.get(dtype, torch.float32)
    try:
        cost = operator.cost(case.shapes, kind.itemsize, **case.attributes)
    except TypeError:
        return None, None
    if pass_ == "forward":
        return cost.flops, cost.bytes
    moved = _backward_bytes(operator, case, kind)
    return (None, None) if moved is None else (3 * cost.flops, cost.bytes + moved)


def _backward_bytes(operator: Operator, case: Case, dtype: torch.dtype) -> int | None:
    tensors = case_tensors(case, dtype, "meta")
    try:
        with torch.no_grad(), recording(TARGETS[_TARGET]):
            attributes, _ = operator.split(dict(case.attributes))
            outputs, saved = operator.forward(*tensors, **attributes)
    except (NotImplementedError, ValueError, RuntimeError):  # no kernels for this case
        return None
    made = outputs if isinstance(outputs, tuple) else (outputs,)
    kept = {tensor.untyped_storage()._cdata: tensor for tensor in saved if tensor is not None}
    floats = [tensor for tensor in tensors if tensor is not None and tensor.is_floating_point()]
    return sum(_bytes(tensor) for tensor in (*kept.values(), *made, *floats))


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
