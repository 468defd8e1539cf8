"""Functions of functions: `function` runs a graph, `rnn` a step over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.backend._math import backend_op
from tkeras.backend._phase import learning_phase, learning_phase_scope
from tkeras.config import torch_dtype
from tkeras.graph import KerasTensor, Plan
from tkeras.graph._tree import flatten, map_structure, pack_as
from tkeras.ops import convert_to_numpy
from tkeras.ops._convert import convert

Tensor = torch.Tensor


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None) -> Callable[[Any], Any]:
    """A function of arrays from a graph of layers.

    Args:
        inputs: symbolic tensors; ``K.learning_phase()`` among them makes that argument the learning phase.
        outputs: a symbolic tensor, or a list of them.
        updates: not supported: assign to variables after the call.
        name: of the function.

    Returns:
        A function that takes a list of values in the order of ``inputs`` and gives arrays in the structure of
        ``outputs``.

    Example:
        >>> features = K.function([model.input], [model.layers[2].output])
        >>> (array,) = features([x])
    """
    if updates:
        raise ValueError(
            "`K.function` takes no `updates`: call `variable.assign` after the function. "
            f"Received: updates={updates}"
        )
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    symbolic = [one for one in given if isinstance(one, KerasTensor)]
    if any(not isinstance(one, (KerasTensor, int)) for one in given):
        raise ValueError(f"Expected symbolic tensors or `K.learning_phase()`. Received: inputs={inputs}")
    plan = Plan(symbolic, outputs)

    def call(values: Any) -> Any:
        found = list(values) if isinstance(values, (list, tuple)) else [values]
        if len(found) != len(given):
            raise ValueError(f"Expected {len(given)} values. Received: {len(found)}")
        phase, tensors = learning_phase(), []
        for one, value in zip(given, found, strict=True):
            if isinstance(one, KerasTensor):
                tensors.append(convert(value, torch_dtype(one.dtype)))
            else:
                phase = int(value)
        with torch.no_grad(), learning_phase_scope(phase):
            return map_structure(convert_to_numpy, plan.run(tensors))

    call.__name__ = name or "function"
    return call


def _expanded(mask: Tensor, like: Tensor) -> Tensor:
    return mask.reshape(*mask.shape, *(1 for _ in range(like.ndim - mask.ndim)))


def _chosen(mask: Tensor, new: Any, old: Any) -> Any:
    """Leaf by leaf ``new`` where the mask (batch,) is True, else ``old``."""
    olds = iter(flatten(old))
    return map_structure(lambda leaf: torch.where(_expanded(mask, leaf), leaf, next(olds)), new)


def _time_mask(mask: Any, input_length: Any, steps: int, time_major: bool) -> Tensor | None:
    """(time, batch), or None."""
    if mask is not None:
        mask = convert(mask).bool()
        mask = mask.squeeze(-1) if mask.ndim == 3 else mask
        return mask if time_major else mask.transpose(0, 1)
    if input_length is None:
        return None
    lengths = convert(input_length)
    return torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths.reshape(1, -1)


@backend_op
def rnn(
    step_function: Callable[[Any, Any], tuple[Any, Any]],
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:
    """A step function run over the time axis.

    Args:
        step_function: takes a slice of the inputs (batch, …) and the list of states and constants; gives the
            output and the list of new states.
        inputs: (batch, time, …), or a structure of such tensors.
        initial_states: list of tensors (batch, …).
        go_backwards: whether to go from the end; outputs are in the order of the steps.
        mask: (batch, time); where it is False, states stay and the output is the one before.
        constants: list of tensors that the step gets after the states.
        unroll: has no effect, as every step is run by itself.
        input_length: instead of a mask, the number of steps of each sample.
        time_major: whether inputs, mask and outputs are (time, batch, …).
        zero_output_for_mask: whether the output is zero where the mask is False.
        return_all_outputs: whether ``outputs`` holds every step, else the last one.

    Returns:
        The last output, the outputs (batch, time, …) and the last states.
    """
    series = map_structure(lambda x: convert(x) if time_major else convert(x).transpose(0, 1), inputs)
    steps = flatten(series)[0].shape[0]
    kept = _time_mask(mask, input_length, steps, time_major)
    states, constants = list(initial_states), list(constants or [])
    outputs: list[Any] = []
    for t in reversed(range(steps)) if go_backwards else range(steps):
        current = map_structure(lambda x, t=t: x[t], series)
        output, new_states = step_function(current, [*states, *constants])
        if kept is not None:
            first = zero_output_for_mask or not outputs
            before = map_structure(torch.zeros_like, output) if first else outputs[-1]
            output = _chosen(kept[t], output, before)
            new_states = _chosen(kept[t], list(new_states), states)
        states = list(new_states)
        outputs = [*outputs, output] if return_all_outputs else [output]
    axis = 0 if time_major else 1
    series = [torch.stack(leaves, axis) for leaves in zip(*map(flatten, outputs), strict=True)]
    return outputs[-1], pack_as(outputs[-1], series), states
