"""Pointwise calls into what makes their operands."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Type, Value
from tkeras.compiler.passes._composed import joined, pointwise_chain, steps_of, unary
from tkeras.compiler.passes._layout import cast_of
from tkeras.compiler.passes._rewrite import (
    arguments,
    calls,
    functions,
    only_use,
    pure,
    replaced,
    takes,
    torch_op,
)
from tkeras_kernels.operators import registry

_ADD = functions("add")
_MOST_OPERANDS = 6
_MIXED = {torch.float32, torch.bfloat16, torch.float16}
_SCALABLE, _NORMS = ("dense", "conv"), ("batch_norm", "conv_batch_norm")


def fuse_activations(program: Program) -> Program:
    """A function of one tensor becomes the activation of the call that makes the tensor."""
    uses, results = program.uses(), set(program.results)
    old: dict[Op, list[Op]] = {}
    for op in program.ops:
        if not _activates(op):
            continue
        after = only_use(uses, results, op.outputs[0])
        function = unary(after) if after is not None else None
        if after is None or function is None or after.outputs[0].type != op.outputs[0].type:
            continue
        attributes = {**op.attributes, "activation": function}
        old[op] = [op.with_(attributes=attributes, outputs=(*after.outputs, *op.outputs[1:]))]
        old[after] = []
    return replaced(program, old, {})


def _activates(op: Op) -> bool:
    """Whether the call can apply a function to its first result."""
    if not takes(op.name, "activation") or op.attributes.get("activation") is not None:
        return False
    single = len(op.outputs) == 1 or op.name in _NORMS
    return single and not _has_added(op) and not op.attributes.get("rate")


def _has_added(op: Op) -> bool:
    """Whether a call adds a residual after the place of its activation."""
    return registry()[op.name].adds_last and len(op.inputs) > 3 and op.inputs[3] is not None


def fuse_residuals(program: Program) -> Program:
    """A sum becomes part of the call that makes one term, where that call can add."""
    uses, results, made = program.uses(), set(program.results), program.producers()
    order, written = {op: index for index, op in enumerate(program.ops)}, program.written()
    old: dict[Op, list[Op]] = {}
    taken: set[Op] = set()
    for op in program.ops:
        pair = arguments(op) if calls(op, _ADD) and not op.attributes.get("kwargs") else ()
        if len(pair) != 2 or not all(isinstance(value, Value) for value in pair):
            continue
        for value, other in (pair, pair[::-1]):
            source = made.get(value)
            if source is None or source in taken or not _adds(source) or value.type != other.type:
                continue
            if only_use(uses, results, value) is not op or (other in made and order[made[other]] > order[op]):
                continue
            if any(operand in written for operand in source.inputs):
                continue
            generator = source.inputs[-1:] if source.attributes.get("generated") else ()
            given = source.inputs[: len(source.inputs) - len(generator)]
            inputs = (*given, *(None,) * (3 - len(given)), other, *generator)
            old[source], old[op] = [], [source.with_(inputs=inputs, outputs=op.outputs)]
            taken.add(source)
            break
    return replaced(program, old, {})


def _adds(op: Op) -> bool:
    if not takes(op.name, "residual") or len(op.outputs) != 1:
        return False
    free = op.attributes.get("activation") is None or registry()[op.name].adds_last
    return free and len(op.inputs) <= 3 + bool(op.attributes.get("generated"))


def fuse_dropouts(program: Program) -> Program:
    """Dropout becomes part of the matrix product before it."""
    uses, results, made = program.uses(), set(program.results), program.producers()
    old: dict[Op, list[Op]] = {}
    for op in program.ops:
        source = made.get(op.inputs[0]) if op.name == "dropout" and op.inputs[0] is not None else None
        if source is None or not takes(source.name, "rate") or source.effect or _has_added(source):
            continue
        if op.attributes.get("noise_shape") is not None or not op.attributes.get("generated"):
            continue
        if not pure(source, program.written()):
            continue
        if only_use(uses, results, source.outputs[0]) is not op or len(source.inputs) > 3:
            continue
        attributes = {**source.attributes, "rate": op.attributes["rate"]}
        attributes["generated"] = op.attributes["generated"]
        inputs = (*source.inputs, *op.inputs[1:])
        old[source] = []
        old[op] = [source.with_(inputs=inputs, attributes=attributes, outputs=op.outputs, effect=True)]
    return replaced(program, old, {})


def fuse_statistics(program: Program) -> Program:
    """In training, the statistics of a batch normalization are taken by the convolution before it."""
    uses, results, made = program.uses(), set(program.results), program.producers()
    old: dict[Op, list[Op]] = {}
    for op in program.ops:
        source = made.get(op.inputs[0]) if op.name == "batch_norm" and op.inputs[0] is not None else None
        if source is None or source.name != "conv" or not _taken_together(source, op):
            continue
        if not pure(source, program.written()):
            continue
        if only_use(uses, results, source.outputs[0]) is not op:
            continue
        own = ("epsilon", "momentum", "activation")
        attributes = {key: value for key, value in source.attributes.items() if key != "activation"}
        attributes |= {key: op.attributes[key] for key in own if key in op.attributes}
        inputs = (*source.inputs, *(None,) * (3 - len(source.inputs)), *op.inputs[1:5])
        old[source], old[op] = [], [op.with_(name="conv_batch_norm", inputs=inputs, attributes=attributes)]
    return replaced(program, old, {})


def _taken_together(source: Op, norm: Op) -> bool:
    plain = source.attributes.get("activation") is None and len(source.inputs) <= 3
    masked = len(norm.inputs) > 5 and norm.inputs[5] is not None
    if not plain or masked or not norm.attributes.get("training"):
        return False
    rank = len(source.outputs[0].type.shape)
    first = source.attributes.get("data_format") == "channels_first"
    return norm.attributes.get("axis", -1) % rank == (1 if first else rank - 1)


def fuse_pointwise(program: Program) -> Program:
    """Chains of pointwise calls become one call of `map`, until none is left."""
    while True:
        found = _chain(program)
        if found is None:
            return program
        program = found


def _chain(program: Program) -> Program | None:
    uses, results, made = program.uses(), set(program.results), program.producers()
    for op in program.ops:
        second = _fusable(op)
        if second is None:
            continue
        for value in second[0]:
            source = made.get(value)
            first = _fusable(source) if source is not None else None
            if first is None or only_use(uses, results, value) is not op:
                continue
            if source is None or not pure(source, program.written()):
                continue
            operands, steps = joined(first, value, second)
            if len(operands) > _MOST_OPERANDS or value.type.shape != op.outputs[0].type.shape:
                continue
            if _rounds(first[0], value, op.outputs[0]):
                continue
            attributes: dict[str, Any] = {"fn": pointwise_chain(operands, steps)}
            dtype = op.outputs[0].type.dtype
            if any(operand.type.dtype != dtype for operand in operands):
                attributes["dtype"] = dtype
            fused = Op("map", tuple(operands), attributes, op.outputs, op.layer)
            return replaced(program, {source: [], op: [fused]}, {})
    return None


def _rounds(operands: list[Value], between: Value, result: Value) -> bool:
    """Whether a value is narrowed and then widened again: a rounding that is meant."""
    middle = between.type.dtype
    assert middle is not None
    assert result.type.dtype is not None
    narrowed = any(torch.promote_types(value.type.dtype, middle) != middle for value in operands)  # type: ignore[arg-type]
    return narrowed and torch.promote_types(middle, result.type.dtype) != middle


def _fusable(op: Op | None) -> Any:
    """Operands and steps of a pointwise call of floats with one result."""
    if op is None or len(op.outputs) != 1 or op.attributes.get("saves"):
        return None
    found, dtype = steps_of(op), op.outputs[0].type.dtype
    if found is None or dtype is None or not dtype.is_floating_point:
        return None
    types = {value.type.dtype for value in found[0]} | {dtype}
    return found if len(types) == 1 or types <= _MIXED else None


def fold_batch_norm(program: Program) -> Program:
    """Outside training, a batch normalization goes into the weights of the call before it."""
    uses, results, made = program.uses(), set(program.results), program.producers()
    old: dict[Op, list[Op]] = {}
    for op in program.ops:
        if op.name != "batch_norm" or op.attributes.get("training") or _read(op.outputs[1:], uses, results):
            continue
        source = made.get(op.inputs[0]) if op.inputs[0] is not None else None
        casts = tuple(_before_cast(value, made) for value in source.inputs[1:3]) if source is not None else ()
        if source is None or source in old or not _scalable(source, op, casts):
            continue
        if not pure(source, program.written()):
            continue
        if only_use(uses, results, source.outputs[0]) is not op:
            continue
        folded, kernel, bias = _folded(source, op, casts)
        old[source] = []
        attributes = {**source.attributes, "activation": op.attributes.get("activation")}
        inputs = (source.inputs[0], kernel, bias)
        old[op] = [*folded, source.with_(inputs=inputs, attributes=attributes, outputs=op.outputs[:1])]
    return replaced(program, old, {})


def _read(values: Any, uses: Any, results: set[Value]) -> bool:
    return any(uses.get(value) or value in results for value in values)


def _before_cast(value: Value | None, made: dict[Value, Op]) -> Value | None:
    """What a value was cast from, else the value."""
    source = made.get(value) if value is not None else None
    return source.inputs[0] if source is not None and cast_of(source) is not None else value


def _scalable(source: Op, norm: Op, casts: tuple[Value | None, ...]) -> bool:
    if (
        source.name not in _SCALABLE
        or source.attributes.get("activation") is not None
        or len(source.inputs) > 3
    ):
        return False
    rank = len(source.outputs[0].type.shape)
    last = norm.attributes.get("axis", -1) % rank == rank - 1
    variance, kernel = norm.inputs[4], casts[0]
    same = variance is not None and kernel is not None and variance.type.dtype == kernel.type.dtype
    return same and last and source.attributes.get("data_format", "channels_last") == "channels_last"


def _folded(source: Op, norm: Op, casts: tuple[Value | None, ...]) -> tuple[list[Op], Value, Value]:
    """Calls that make the new kernel and bias, from what they were cast from."""
    _, gamma, beta, mean, variance = norm.inputs[:5]
    kernel, bias = (*casts, None)[:2]
    assert kernel is not None
    assert variance is not None
    channels, made = variance.type, []

    def call(function: Any, *args: Any, type: Any = channels) -> Value:
        made.append(torch_op(function, args, [type], norm.layer))
        return made[-1].outputs[0]

    scale = call(torch.rsqrt, call(torch.add, variance, norm.attributes.get("epsilon", 1e-3)))
    scale = scale if gamma is None else call(torch.mul, scale, gamma)
    shift = call(torch.neg, mean) if bias is None else call(torch.sub, bias, mean)
    shift = call(torch.mul, shift, scale)
    shift = shift if beta is None else call(torch.add, shift, beta)
    kernel = call(torch.mul, kernel, scale, type=kernel.type)
    dtype = source.outputs[0].type.dtype
    if kernel.type.dtype != dtype:
        kernel = call(torch.Tensor.to, kernel, dtype, type=Type(kernel.type.shape, dtype))
        shift = call(torch.Tensor.to, shift, dtype, type=Type(shift.type.shape, dtype))
    return made, kernel, shift
