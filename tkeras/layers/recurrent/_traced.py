"""A user's own cell on the scan kernels, where its step can be traced."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call, recording
from tkeras.layers._layer import Layer
from tkeras.layers.recurrent._cell import Cell, Result, Tensor
from tkeras_kernels import operators, runtime
from tkeras_kernels.steps import TracedStep, UntraceableError, trace_step

_PLAIN = {"Dense", "Activation", "Identity", "Lambda", "ReLU", "LeakyReLU", "ELU", "Softmax"}
"""Layers of the library that do the same in training as elsewhere."""


def run_traced(
    cell: Any, step: Any, x: Tensor, states: list[Any], mask: Tensor | None, training: bool, order: Any
) -> Result | None:
    """All steps in one operator call, or None where the host has to loop, with the reason in the report."""
    if x.is_meta:
        return None
    reason = runtime.without_kernels(x) or _refused(cell, x, states, training)
    if reason is None:
        recorder, recording.active = recording.active, None
        try:
            traced = trace_step(step, x.shape[2], states[0].shape[1], len(states), x.dtype)
        except UntraceableError as error:
            reason = str(error)
        finally:
            recording.active = recorder
        if reason is None:
            return _run(traced, x, states, mask, order)
    runtime.decline("scan", f"one step after the other: {reason}")
    return None


def _refused(cell: Any, x: Tensor, states: list[Any], training: bool) -> str | None:
    if x.dim() != 3 or not x.shape[1]:
        return "inputs are not (batch, time, features)"
    if not all(isinstance(state, Tensor) and state.dim() == 2 for state in states):
        return "states are not (batch, units)"
    if len({state.shape[1] for state in states}) > 1:
        return "states of several sizes"
    for layer in cell._flat_layers() if isinstance(cell, Layer) else ():
        if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
            return f"hooks on {layer.name}"
        if layer.activity_regularizer:
            return f"an activity regularizer on {layer.name}"
        if training and _differs_in_training(layer):
            return f"{type(layer).__name__} inside the cell does something else in training"
    return None


def _differs_in_training(layer: Layer) -> bool:
    if isinstance(layer, Cell):
        return bool(layer.dropout or layer.recurrent_dropout)
    kind = type(layer)
    return kind.__module__.startswith("tkeras.") and kind.__name__ not in _PLAIN


def _run(traced: TracedStep, x: Tensor, states: list[Any], mask: Tensor | None, order: Any) -> Result:
    def dense(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        return call(operators.dense, rows, kernel, bias)

    projected, kernel = traced.arguments(x, dense)
    cell = traced.cell
    given = [states[i] for i in traced.states]
    output, *after = call(operators.scan, projected, kernel, *given, mask, **vars(cell), **order)
    new = dict(zip(traced.states, after, strict=True))
    return output, [new[i] for i in range(len(after))]
