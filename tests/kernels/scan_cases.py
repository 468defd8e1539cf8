"""Numerical checks of the recurrent operators, run by the interpreter's tests and by tests/gpu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.kernels import fused_cases as cases
from tkeras_kernels import library, runtime
from tkeras_kernels.operators import Operator, gru, lstm, reference_gradients, several, simple_rnn
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
    """Outputs and gradients of a recurrent operator; see :func:`compare`."""
    operator, more = operator_of(kind)
    needs = [tensor is not None for tensor in tensors[:-3]] + [False] * 3
    compare(operator, tensors, needs, {**attributes, **more})


def compare(
    operator: Operator, tensors: list[torch.Tensor | None], needs: list[bool], attributes: dict[str, Any]
) -> None:
    """Outputs and gradients of the fused kernels within the bound of ``fused_cases``; memory they do not write
    is NaN."""
    assert operator.unsupported(tuple(tensors), attributes) is None
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
    wrong = cases.beyond(compared, plain[0].dtype, share=0.5)
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


MEMBERS = ["both directions", "one layer", "a layer twice, backwards too"]


def several_arguments(
    kind: str, members: str, dtype: torch.dtype, device: str, dropped: bool = True
) -> tuple[list[torch.Tensor | None], dict[str, Any]]:
    """Arguments and attributes of ``several``: calls with masks, dropout and states, or without."""
    inputs, sets = {"both directions": ((0, 0), (0, 1)), "one layer": ((0, 1), (0, 0))}.get(
        members, ((0, 1, 0, 1), (0, 0, 1, 1))
    )
    states = 2 if kind == "lstm" else 1
    batches, steps = [5, 3], 4
    sizes = [(batches[place], steps, 5, 7) for place in inputs]
    made = [
        arguments(kind, size, dtype, device, starts=i != 0, mask=ragged(size[0], steps) if i else None,
                  input_masks=GATES[kind] * (dropped and len(set(inputs)) > 1), dropped=dropped)
        for i, size in enumerate(sizes)
    ]  # fmt: skip
    xs = [made[inputs.index(place)][0] for place in range(1 + max(inputs))]
    own = [tensor for one in made for tensor in one[4 : 7 + states]]
    weights = [tensor for i in range(1 + max(sets)) for tensor in made[sets.index(i)][1:4]]
    _, options = operator_of(kind)
    name = kind.removesuffix("_before")
    directions = tuple(i == 1 for i in range(1 + max(sets)))
    attributes = {"member": name, "reads": inputs, "sets": sets, "go_backwards": directions, **options}
    return [*xs, *own, *weights], {**attributes, "return_sequences": True}


def check_several(kind: str, members: str, dtype: torch.dtype, device: str) -> None:
    tensors, attributes = several_arguments(kind, members, dtype, device)
    states = 2 if kind == "lstm" else 1
    inputs, each = 1 + max(attributes["reads"]), states + 3
    masks = range(inputs + states, inputs + each * len(attributes["sets"]), each)
    fixed = {place + i for place in masks for i in range(3)}
    needs = [tensor is not None and i not in fixed for i, tensor in enumerate(tensors)]
    compare(several, tensors, needs, attributes)
