"""``TKERAS_VERIFY=1``: each kernel is checked against the reference at its first use with a shape."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ._precision import get_matmul_precision

if TYPE_CHECKING:
    from ..operators import Operator, Tensors

_on = os.environ.get("TKERAS_VERIFY", "0") not in ("", "0")
_checked: set[tuple[Any, ...]] = set()


class WrongResultError(ArithmeticError):
    """A kernel disagreed with its reference."""


def set_verification(on: bool) -> None:
    """Check kernels against the reference from now on, each at its first use with a shape; or stop."""
    global _on
    _on = on
    _checked.clear()


def check_forward(operator: Operator, tensors: Tensors, attributes: Mapping[str, Any], result: Any) -> None:
    """Compare the outputs of a fused forward.

    Raises:
        WrongResultError: an output is further from the reference in float64 than the dtype explains.
    """
    if not _on or not _first("forward", operator, tensors, attributes):
        return
    with torch.no_grad():
        exact = operator.reference(*[_double(tensor) for tensor in tensors], **attributes)
        plain = operator.reference(*tensors, **attributes)
    _compare(operator, "output", _tuple(result), _tuple(plain), _tuple(exact))


def check_backward(
    operator: Operator,
    inputs: Tensors,
    saved: Tensors,
    gradients: Tensors,
    needs: Sequence[bool],
    attributes: Mapping[str, Any],
    found: Tensors,
) -> None:
    """Compare the gradients of a fused backward; raises as :func:`check_forward` does."""
    if not _on or not _first("backward", operator, (*inputs, *saved, *gradients), attributes):
        return
    doubles = (tuple(_double(tensor) for tensor in group) for group in (inputs, saved, gradients))
    exact = operator.differentiable_backward(*doubles, needs=needs, **attributes)
    plain = operator.differentiable_backward(inputs, saved, gradients, needs, **attributes)
    _compare(operator, "gradient", found, plain, exact)


def _first(way: str, operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> bool:
    shapes = tuple(None if tensor is None else (tensor.dtype, tensor.shape) for tensor in tensors)
    key = (way, operator.name, shapes, repr(sorted(attributes.items(), key=lambda item: item[0])))
    if key in _checked:
        return False
    _checked.add(key)
    return True


def _double(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.double()


def _tuple(result: Any) -> Tensors:
    return result if isinstance(result, tuple) else (result,)


def _compare(operator: Operator, what: str, found: Tensors, plain: Tensors, exact: Tensors) -> None:
    for index, (ours, theirs, truth) in enumerate(zip(found, plain, exact, strict=True)):
        if ours is None or truth is None or theirs is None or not truth.numel():
            continue
        if ours.shape != truth.shape:
            raise WrongResultError(
                f"wrong {what} {index}: expected shape {tuple(truth.shape)}, got {tuple(ours.shape)}"
            )
        scale = truth.abs().max().item()
        error = (ours.double() - truth).abs().nan_to_num(torch.inf).max().item()
        allowed = 4 * (theirs.double() - truth).abs().max().item() + _floor(ours.dtype) * scale
        if error > allowed:
            raise WrongResultError(f"wrong {what} {index}: error {error:.1e} where {allowed:.1e} is allowed")


def _floor(dtype: torch.dtype) -> float:
    """Relative error that counts as rounding: a few units of the dtype, or of tf32 where products use it."""
    eps = 2.0**-10 if dtype == torch.float32 and get_matmul_precision() == "tf32" else torch.finfo(dtype).eps
    return 8 * eps
