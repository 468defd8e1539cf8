"""Casts between element types, which are no calls of their own where something beside them can do them."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.compiler._interpret import executes
from tkeras.compiler._program import Op, Program
from tkeras.compiler.passes._layout import cast_of
from tkeras.compiler.passes._rewrite import only_use, replaced

_WRITES_ANY = ("dense", "embedding", "global_average_pool", "global_max_pool", "reduce_rows")
"""Operators that take the element type of their result as ``dtype``."""


def join_casts(program: Program) -> Program:
    """The casts of all variables to one type are one call; those of inputs come along."""
    written = program.written()
    groups: dict[torch.dtype, list[Op]] = {}
    for op in program.ops:
        dtype, source = cast_of(op), op.inputs[0] if op.inputs else None
        if dtype is None or op.effect or source is None or source in written or source.kind == "result":
            continue
        if source.type.dtype is not None and source.type.dtype.is_floating_point:
            groups.setdefault(dtype, []).append(op)
    old: dict[Op, list[Op]] = {}
    for dtype, casts in groups.items():
        sources = tuple(op.inputs[0] for op in casts)
        if len(casts) > 1 and any(value is not None and value.kind == "variable" for value in sources):
            old.update((op, []) for op in casts)
            outputs = tuple(op.outputs[0] for op in casts)
            old[casts[0]] = [Op("cast", sources, {"dtype": dtype}, outputs)]
    return replaced(program, old, {})


def write_casts(program: Program) -> Program:
    """The only cast of a result is done by the call that makes it, where that can write another type."""
    uses, results = program.uses(), set(program.results)
    old: dict[Op, list[Op]] = {}
    for op in program.ops:
        if op.name not in _WRITES_ANY or len(op.outputs) != 1 or op.attributes.get("dtype") is not None:
            continue
        after = only_use(uses, results, op.outputs[0])
        dtype = cast_of(after) if after is not None else None
        if after is None or dtype not in (torch.float32, torch.bfloat16, torch.float16):
            continue
        old[op] = [op.with_(attributes={**op.attributes, "dtype": dtype}, outputs=after.outputs)]
        old[after] = []
    return replaced(program, old, {})


@executes("cast")
def cast(op: Op, operands: list[Any]) -> tuple[Any, ...]:
    """All operands as one element type."""
    return _Cast.apply(op.attributes["dtype"], *operands)  # type: ignore[no-any-return]


class _Cast(torch.autograd.Function):
    """Many tensors in one call, and their gradients back in one."""

    @staticmethod
    def forward(ctx: Any, dtype: torch.dtype, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        ctx.set_materialize_grads(False)
        return _copies(tensors, [dtype] * len(tensors))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        present = [index for index, gradient in enumerate(gradients) if gradient is not None]
        made = _copies([gradients[index] for index in present], [ctx.dtypes[index] for index in present])
        found: list[Any] = [None] * len(gradients)
        for index, gradient in zip(present, made, strict=True):
            found[index] = gradient
        return (None, *found)


def _copies(tensors: Any, dtypes: list[torch.dtype]) -> tuple[torch.Tensor, ...]:
    made = [torch.empty_like(tensor, dtype=dtype) for tensor, dtype in zip(tensors, dtypes, strict=True)]
    torch._foreach_copy_(made, list(tensors))  # pyright: ignore[reportPrivateImportUsage]
    return tuple(made)
