"""Measuring the error of an operator's kernels, forward and backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..operators import Operator, reference_gradients
from ..runtime import Error, errors


def measure_errors(
    operator: Operator,
    tensors: Sequence[torch.Tensor | None],
    attributes: Mapping[str, Any],
    gradients: Sequence[torch.Tensor] | None = None,
) -> list[Error]:
    """Errors of the outputs and of every gradient, against float64 and beside torch's in the same dtype.

    Args:
        gradients: cotangents of the outputs; drawn from torch's generator if absent.
    """
    attributes, _ = operator.split(dict(attributes))
    with torch.no_grad():
        found, saved = operator.forward(*tensors, **attributes)
        plain = _tuple(operator.reference(*tensors, **attributes))
        doubles = tuple(map(_double, tensors))
        exact = _tuple(operator.reference(*doubles, **attributes))
        cotangents = tuple(gradients or map(torch.randn_like, plain))
        needs = [tensor is not None and tensor.is_floating_point() for tensor in tensors]
        backward = operator.backward(saved, cotangents, needs, **attributes)
        plain_backward = reference_gradients(operator, tuple(tensors), cotangents, needs, attributes)
        exact_backward = reference_gradients(
            operator, doubles, tuple(map(_double, cotangents)), needs, attributes
        )
    return [
        *errors("output", _tuple(found), plain, exact),
        *errors("gradient", backward, plain_backward, exact_backward),
    ]


def _tuple(result: Any) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def _double(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return tensor if tensor is None or not tensor.is_floating_point() else tensor.double()
