"""Choosing the implementation of a call, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from ._backend import get_backend
from ._failures import failure_reason
from ._report import Decision, counts
from ._target import OLDEST_CUDA, device_target
from ._triton import triton_missing, use_triton
from ._tuned import vendor_wins

if TYPE_CHECKING:
    from ..operators import Operator, Tensors

_CHOSEN = Decision("torch", "backend 'torch' was chosen")
_NO_GPU = Decision("torch", "no GPU: tensors on cpu")
_META = Decision("torch", "meta tensors carry no data")


def dispatch(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> Decision:
    """What runs this call, and why; the decision is counted in the report.

    The device of the first tensor decides; an operator that cannot take the rest says so in ``unsupported``.
    """
    decision = decide(operator, tensors, attributes)
    counts[operator.name, decision] += 1
    return decision


def decide(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> Decision:
    """What :func:`dispatch` gives, not counted."""
    first = tensors[0]
    assert first is not None
    backend = get_backend()
    return _plain(first, backend) or _fused(operator, tensors, attributes, first, backend)


def without_kernels(tensor: torch.Tensor) -> str | None:
    """Why no kernel runs on a tensor, whatever the operator, or None where kernels may."""
    backend = get_backend()
    decision = _plain(tensor, backend)
    if decision is not None:
        return decision.reason
    return None if backend == "interpret" else _blocked(tensor.device)


def decline(name: str, reason: str) -> None:
    """Count a call that torch serves because no operator can be asked."""
    counts[name, Decision("torch", reason)] += 1


def _plain(first: torch.Tensor, backend: str) -> Decision | None:
    if backend == "torch":
        return _CHOSEN
    if backend != "interpret" and first.is_cpu:
        return _NO_GPU
    return _META if first.is_meta else None


def _fused(
    operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], first: torch.Tensor, backend: str
) -> Decision:
    interpret = backend == "interpret"
    blocked = None if interpret else _blocked(first.device)
    blocked = (
        blocked
        or operator.unsupported(tensors, attributes)
        or failure_reason(operator, first.dtype, attributes)
    )
    if not blocked and not interpret:
        blocked = vendor_wins(operator, tensors, attributes)
    if blocked:
        return Decision("torch", blocked)
    reason = (
        "backend 'interpret' was chosen"
        if interpret
        else f"fused kernel for {device_target(first.device).name}"
    )
    remarks = filter(None, (operator.route(tensors, attributes), operator.remark(attributes)))
    return Decision("interpret" if interpret else "triton", "; ".join((reason, *remarks)))


@cache
def _blocked(device: torch.device) -> str | None:
    """Why compiled kernels cannot run on a device, or None when they can."""
    if device.type != "cuda":
        return f"no fused kernels for device type {device.type!r}"
    missing = triton_missing()
    if missing:
        return missing
    try:
        mode = use_triton()
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything; torch still runs
        return f"Triton cannot be imported: {type(error).__name__}: {error}"
    if mode == "interpreter":
        return "Triton was imported in interpreter mode (TRITON_INTERPRET=1)"
    target = device_target(device)
    if target.backend == "cuda" and target.arch < OLDEST_CUDA:
        return f"{target.name} is older than sm_{OLDEST_CUDA}"
    return None
