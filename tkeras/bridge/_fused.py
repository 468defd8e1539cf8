"""One autograd function for every operator with fused kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras_kernels.operators import Operator, Tensors
from tkeras_kernels.runtime import Decision, check_backward, check_forward, record_failure, recount


def fused(
    operator: Operator, tensors: tuple[Any, ...], attributes: dict[str, Any], decision: Decision
) -> Any:
    """Run the fused kernels; where they fail and the reference does not, take its result and report it."""
    kept, epilogue = operator.split(attributes)
    try:
        result = _run(operator, tensors, kept)
        check_forward(operator, tensors, kept, result)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - compilers and launchers raise anything; the report keeps it
        result = operator.reference(*tensors, **kept)  # raises by itself if the call was wrong
        reason = record_failure(operator, tensors[0].dtype, kept, error)
        recount(operator, decision, reason)
    return result if epilogue is None else epilogue(result)


def _run(operator: Operator, tensors: Tensors, attributes: dict[str, Any]) -> Any:
    if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors):
        return _Fused.apply(operator, attributes, *tensors)
    return operator.infer(*tensors, **attributes)


class _Fused(torch.autograd.Function):
    """Kernels forward and backward; a backward that must be differentiated again runs as torch code."""

    @staticmethod
    def forward(ctx: Any, operator: Operator, attributes: dict[str, Any], *tensors: Any) -> Any:
        outputs, saved = operator.forward(*tensors, **attributes)
        ctx.operator, ctx.attributes, ctx.dtype = operator, attributes, tensors[0].dtype
        ctx.inputs = len(tensors) if operator.keeps_inputs else 0
        ctx.save_for_backward(*tensors[: ctx.inputs], *saved)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        kept = ctx.saved_tensors
        inputs, saved = kept[: ctx.inputs], kept[ctx.inputs :]
        needs = ctx.needs_input_grad[2:]
        run = _differentiable if torch.is_grad_enabled() else _backward
        return None, None, *run(ctx, inputs, saved, gradients, needs)


def _differentiable(
    ctx: Any, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool]
) -> Tensors:
    return ctx.operator.differentiable_backward(inputs, saved, gradients, needs, **ctx.attributes)


def _backward(
    ctx: Any, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool]
) -> Tensors:
    operator, attributes = ctx.operator, ctx.attributes
    try:
        found = operator.backward(saved, gradients, needs, **attributes)
        check_backward(operator, inputs, saved, gradients, needs, attributes, found)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - as in the forward
        found = _differentiable(ctx, inputs, saved, gradients, needs)
        record_failure(operator, ctx.dtype, attributes, error)
    return found
