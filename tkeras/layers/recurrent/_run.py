"""Running a cell over the time axis: by the cell itself or a trace of it, else in a loop on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from tkeras.graph._tree import flatten, is_nested, map_structure, pack_as
from tkeras.layers._context import context
from tkeras.layers._layer import Layer
from tkeras.layers._signature import call_signature
from tkeras.layers.recurrent._cell import Cell, Result, Tensor
from tkeras.layers.recurrent._traced import run_traced

Step = Callable[[Tensor, Any], Any]


def run(cell: Any, x: Tensor, states: Any, mask: Tensor | None, training: bool, **order: bool) -> Result:
    """Run a cell over a sequence.

    Args:
        cell: a cell of the library, a user's layer, or any object with ``call`` and ``state_size``.
        x: (batch, time, …).
        states: list in the structure of ``cell.state_size``; None for what the cell starts with.
        mask: (batch, time) or None; where it is False the states stay and the output repeats.
        order: ``return_sequences``, ``go_backwards``, ``zero_output_for_mask``.

    Returns:
        outputs (batch, time, …) in the order of computation, or the last one (batch, …); last states.
    """
    if not isinstance(cell, Layer):
        return _loop(cell, x, states, mask, training, order)
    with inside(cell):
        x = cast(cell, x)
        if not own(type(cell), "call") or not cell._takes_sequences:
            return _loop(cell, x, states, mask, training, order)
        if states is None and not own(type(cell), "get_initial_state"):
            states = initial_states(cell, x)
        return cell._over_time(x, states, mask, training, **order)


@contextmanager
def inside(cell: Layer) -> Iterator[None]:
    """What a call of the cell would have around it."""
    autocast = context.autocast
    context.stack.append(cell)
    context.autocast = cell._autocast_type
    try:
        yield
    finally:
        context.stack.pop()
        context.autocast = autocast


def cast(cell: Layer, x: Tensor) -> Tensor:
    """The input in the type that the cell computes in."""
    if cell.autocast and x.dtype is not cell._compute_type and x.is_floating_point():
        return x.to(cell._compute_type)
    return x


@cache
def own(kind: type[Any], method: str) -> bool:
    """Whether a class runs sequences by itself with this method, which a subclass may have changed."""
    owner = next((base for base in kind.__mro__ if "_over_time" in vars(base)), None)
    return owner is not None and getattr(kind, method) is getattr(owner, method)


def _loop(cell: Any, x: Tensor, states: Any, mask: Any, training: bool, order: dict[str, bool]) -> Result:
    step, states = _step_of(cell, training), states or initial_states(cell, x)
    traced = run_traced(cell, step, x, states, mask, training, order)
    if traced is not None:
        return traced
    _reset_dropout(cell, training)
    result = scan(step, x, states, mask, **order)
    _reset_dropout(cell, training)
    return result


def _reset_dropout(cell: Any, training: bool) -> None:
    for layer in cell._flat_layers() if training and isinstance(cell, Layer) else ():
        if isinstance(layer, Cell):
            layer.reset_dropout_masks()


def _step_of(cell: Any, training: bool) -> Step:
    """The cell as a function; what surrounds ``call`` in a layer is done once, not at every step."""
    if not isinstance(cell, Layer):
        return cell if callable(cell) else cell.call
    options = {"training": training} if takes_training(cell) else {}
    hooks = cell._forward_hooks or cell._forward_pre_hooks or cell._backward_hooks
    bare = cell.built and not hooks and not cell.activity_regularizer
    function = cell.call if bare and type(cell).__call__ is Layer.__call__ else cell
    return lambda x, states: function(x, states, **options)


def takes_training(cell: Any) -> bool:
    """Whether a cell is told if it trains: a layer whose ``call`` has the argument."""
    return isinstance(cell, Layer) and call_signature(type(cell).call).training


def scan(
    step: Step,
    x: Tensor,
    states: list[Any],
    mask: Tensor | None,
    *,
    return_sequences: bool,
    go_backwards: bool,
    zero_output_for_mask: bool,
) -> Result:
    """``step(x[:, t], states) -> (output, states)`` for every t; arguments and results as for :func:`run`."""
    steps, kept = x.unbind(1), None if mask is None else mask.bool().unbind(1)
    if go_backwards:
        steps, kept = steps[::-1], None if kept is None else kept[::-1]
    output, outputs = None, []
    for t, x_t in enumerate(steps[:1] if x.is_meta else steps):
        new, after = step(x_t, tuple(states))
        after = list(after) if is_nested(after) else [after]
        if kept is not None:
            before = output if output is not None and not zero_output_for_mask else torch.zeros_like(new)
            new, after = _select(kept[t], new, before), _select_all(kept[t], after, states)
        output, states = new, after
        if return_sequences:
            outputs.append(output)
    if output is None:
        raise ValueError(f"A recurrent layer needs at least one time step. Received: shape={tuple(x.shape)}")
    if return_sequences:
        output = torch.stack(outputs, 1)
        if x.is_meta:  # every step has the shapes of the first
            output = output.expand(-1, len(steps), *output.shape[2:])
    return output, states


def _select(kept: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(kept.reshape(-1, *(1,) * (new.dim() - 1)), new, old)


def _select_all(kept: Tensor, new: list[Any], old: list[Any]) -> list[Any]:
    pairs = zip(flatten(new), flatten(old), strict=True)
    return pack_as(new, [_select(kept, after, before) for after, before in pairs])


def initial_states(cell: Any, x: Tensor) -> list[Any]:
    """What a cell starts with for inputs (batch, …): its own initial state, or zeros of its state size."""
    own, dtype = getattr(cell, "get_initial_state", None), getattr(cell, "_compute_type", None) or x.dtype
    if own is None:
        sizes = as_list(cell.state_size)
        return map_structure(lambda size: x.new_zeros(x.shape[0], size, dtype=dtype), sizes)
    start = own(batch_size=x.shape[0])
    return as_list(map_structure(lambda state: torch.as_tensor(state).to(x.device, dtype), start))


def as_list(value: Any) -> list[Any]:
    """A list of states, or of their sizes, where a cell may have given a single one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
