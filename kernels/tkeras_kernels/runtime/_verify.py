"""``TKERAS_VERIFY=1``: each kernel is checked against the reference at its first use with a shape."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ._errors import errors

if TYPE_CHECKING:
    from ..operators import Operator, Tensors

_on = os.environ.get("TKERAS_VERIFY", "0") not in ("", "0")
_FACTOR, _UNITS = 4.0, 8.0
"""Allowed: so many times the error of torch in the same dtype, and so many units of rounding."""
_checked: set[tuple[Any, ...]] = set()


class WrongResultError(ArithmeticError):
    """A kernel disagreed with its reference."""


def set_verification(on: bool) -> None:
    """Check kernels against the reference from now on, each at its first use with a shape; or stop."""
    global _on
    _on = on
    _checked.clear()


def verifying() -> bool:
    """Whether kernels are checked: what changes its arguments must keep them for that."""
    return _on


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
    _compare("output", _tuple(result), _tuple(plain), _tuple(exact))


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
    _compare("gradient", found, plain, exact)


def _first(way: str, operator: Operator, tensors: Tensors, attributes: Mapping[str, Any]) -> bool:
    shapes = tuple(None if tensor is None else (tensor.dtype, tensor.shape) for tensor in tensors)
    kept = {name: value for name, value in attributes.items() if not isinstance(value, torch.Tensor)}
    key = (way, operator.name, shapes, repr(sorted(kept.items(), key=lambda item: item[0])))
    if key in _checked:
        return False
    _checked.add(key)
    return True


def _double(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.double()


def _tuple(result: Any) -> Tensors:
    return result if isinstance(result, tuple) else (result,)


def _compare(what: str, found: Tensors, plain: Tensors, exact: Tensors) -> None:
    for error in errors(what, found, plain, exact):
        if not error.within(_FACTOR, _UNITS):
            raise WrongResultError(
                f"wrong {error.what}: error {error.ours:.1e}, torch's in the same dtype {error.theirs:.1e}"
            )
