"""Gradients: a program and its loss become one program that runs forward and backward."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tkeras.compiler._program import Op, Program, Type, Value

_SAVED = Type(kind="saved")


class Gradients:
    """The backward half of a program.

    Attributes:
        ops: all calls: the forward ones, of which those on the way to the loss save what their backward
            needs, then the backward ones.
        of: the gradient of each value that has one.
    """

    def __init__(self, program: Program, loss: Value, wrt: Sequence[Value]):
        self.program = program
        self.of: dict[Value, Value] = {}
        reached = _reached(program, wrt)
        if loss not in reached:
            self.ops = list(program.ops)
            return
        needed = _needed(program, loss, reached)
        forward: list[Op] = []
        saved: dict[Op, Value] = {}
        for op in program.ops:
            if op in needed:
                saved[op] = Value(_SAVED)
                needs = tuple(value in reached for value in op.inputs)
                attributes = {**op.attributes, "saves": needs}
                forward.append(op.with_(attributes=attributes, outputs=(*op.outputs, saved[op])))
            else:
                forward.append(op)
        self.backward: list[Op] = []
        seed = Value(loss.type)
        device = torch.device(getattr(next(iter(program.captured.values()), None), "device", "cpu"))
        ones = {
            "fn": torch.ones,
            "args": (loss.type.shape,),
            "kwargs": {"dtype": loss.type.dtype, "device": device},
        }
        self.backward.append(Op("torch.call", (), ones, (seed,)))
        self.of[loss] = seed
        for op in reversed(program.ops):
            if op in saved:
                self._backward(op, saved[op], reached)
        self.ops = forward + self.backward

    def _backward(self, op: Op, saved: Value, reached: set[Value]) -> None:
        gradients = tuple(self.of.get(value) for value in op.outputs)
        if all(gradient is None for gradient in gradients):
            return
        needs = tuple(value in reached for value in op.inputs)
        wanted = [value for value in op.inputs if value in reached and value is not None]
        made = tuple(Value(value.type) for value in wanted)
        attributes = {"needs": needs}
        self.backward.append(Op(f"{op.name}.backward", (saved, *gradients), attributes, made, op.layer))
        for value, gradient in zip(wanted, made, strict=True):
            self._add(value, gradient, op.layer)

    def _add(self, value: Value, gradient: Value, layer: str | None) -> None:
        before = self.of.get(value)
        if before is not None:
            total = Value(value.type)
            self.backward.append(Op("accumulate", (before, gradient), {}, (total,), layer))
            gradient = total
        self.of[value] = gradient


def differentiate(program: Program, loss: Value, wrt: Sequence[Value]) -> Program:
    """A program that returns ``(outputs, gradients)``.

    Args:
        program: the forward computation.
        loss: a scalar among its results.
        wrt: inputs and variables; the gradient of one that the loss does not depend on is None.
    """
    gradients = Gradients(program, loss, wrt)
    found = [gradients.of.get(value) for value in wrt]
    return program.with_(ops=tuple(gradients.ops), outputs=(program.outputs, found))


def _reached(program: Program, wrt: Sequence[Value]) -> set[Value]:
    """The values that depend on ``wrt`` in a way that can be differentiated."""
    reached = set(wrt)
    for op in program.ops:
        if any(value in reached for value in op.inputs) and not _stops(op):
            reached.update(value for value in op.outputs if _floating(value))
    return reached


def _stops(op: Op) -> bool:
    return op.function is torch.Tensor.detach or op.writes is not None


def _floating(value: Value) -> bool:
    dtype = value.type.dtype
    return dtype is not None and (dtype.is_floating_point or dtype.is_complex)


def _needed(program: Program, loss: Value, reached: set[Value]) -> set[Op]:
    """The calls through which the gradient of the loss flows."""
    wanted, needed = {loss}, set()
    for op in reversed(program.ops):
        if not _stops(op) and any(value in wanted and value in reached for value in op.outputs):
            needed.add(op)
            wanted.update(value for value in op.inputs if value is not None)
    return needed
