"""Numerical checks of the recurrent operators, run by the interpreter's tests and by tests/gpu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import Operator, gru, lstm, reference_gradients, simple_rnn
from tkeras_kernels.pointwise import pointwise

GATES = {"lstm": 4, "gru": 3, "gru_before": 3, "simple_rnn": 1}
SIZES = [(1, 2, 1, 1), (3, 5, 2, 3), (17, 3, 5, 17), (2, 4, 3, 33), (16, 2, 3, 16)]
"""(batch, steps, width, units)."""


def own(x: Any) -> Any:
    """A user's activation, NaN where the padding would hold it: 0 / 0 at 0."""
    return torch.tanh(x) * x / torch.sqrt(x * x)


def operator_of(kind: str) -> tuple[Operator, dict[str, Any]]:
    if kind == "gru_before":
        return gru, {"reset_after": False}
    return {"lstm": lstm, "gru": gru, "simple_rnn": simple_rnn}[kind], {}


def arguments(
    kind: str,
    sizes: tuple[int, int, int, int],
    dtype: torch.dtype,
    device: str,
    bias: bool = True,
    starts: bool = True,
    mask: torch.Tensor | None = None,
    input_masks: int = 0,
    dropped: bool = False,
) -> list[torch.Tensor | None]:
    batch, steps, width, units = sizes
    columns = GATES[kind] * units

    def keep(*shape: int) -> torch.Tensor:
        return ((torch.rand(shape) > 0.3) / 0.7).to(dtype).to(device)

    states = 2 if kind == "lstm" else 1
    return [
        cases.draw((batch, steps, width), dtype, device),
        cases.draw((width, columns), dtype, device, width**-0.5),
        cases.draw((units, columns), dtype, device, units**-0.5),
        cases.draw((2, columns) if kind == "gru" else (columns,), dtype, device, 0.5) if bias else None,
        *(cases.draw((batch, units), dtype, device) if starts else None for _ in range(states)),
        None if mask is None else mask.to(device),
        keep(input_masks, batch, width) if input_masks else None,
        keep(GATES[kind], batch, units) if dropped else None,
    ]


def ragged(batch: int, steps: int) -> torch.Tensor:
    """Rows that start late, end early, pause or hold nothing."""
    mask = torch.rand(batch, steps) > 0.4
    mask[0] = False
    return mask


def check(kind: str, tensors: list[torch.Tensor | None], **attributes: Any) -> None:
    """Outputs and gradients of the fused kernels within the bound of ``fused_cases``; memory they do not write
    is NaN."""
    operator, more = operator_of(kind)
    attributes = {**attributes, **more}
    assert operator.unsupported(tuple(tensors), attributes) is None
    needs = [tensor is not None for tensor in tensors[:-3]] + [False] * 3
    doubles = [t if t is None or not t.is_floating_point() else t.double() for t in tensors]
    with torch.no_grad(), cases.poisoned():
        alone = operator.infer(*tensors, **attributes)
        found, saved = operator.forward(*tensors, **attributes)
    for one, other in zip(alone, found, strict=True):
        assert torch.equal(one, other)
    plain = operator.reference(*tensors, **attributes)
    exact = operator.reference(*doubles, **attributes)
    cotangents = tuple(torch.randn_like(y) for y in plain)
    with torch.no_grad(), cases.poisoned():
        ours = operator.backward(saved, cotangents, needs, **attributes)
    theirs = reference_gradients(operator, tuple(tensors), cotangents, needs, attributes)
    wide = tuple(y.double() for y in cotangents)
    truth = reference_gradients(operator, tuple(doubles), wide, needs, attributes)
    compared = [
        *runtime.errors("output", found, plain, exact),
        *runtime.errors("gradient", ours, theirs, truth),
    ]
    wrong = cases.beyond(compared, plain[0].dtype)
    assert not wrong, wrong


FUNCTIONS: dict[str, Callable[..., Any] | None] = {
    "relu": library.relu,
    "hard_sigmoid": library.hard_sigmoid,
    "none": None,
    "own": own,
}


def fused(name: str) -> Any:
    function = FUNCTIONS[name]
    return None if function is None else pointwise(function)
