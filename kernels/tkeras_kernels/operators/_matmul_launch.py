"""Launching the matmul templates: what a dense layer needs forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ..runtime import Target, get_matmul_precision, launch, target_for
from ..templates._tiles import Held, Tiles, Way, choose, splits, sum_splits
from ._random import threshold

_GROUP = 8
_FUSED_TILES = 4
"""A prologue is computed again for each tile across: up to this many, that is cheaper than one more pass."""
_FEW_ELEMENTS = 1 << 17
"""Below this a launch costs more than any number of repetitions."""
_FINISHED = (8, 256)
"""Tile of the pass that adds splits: whole cache lines, 16 elements for each thread of 4 warps."""
_PASS = 1024
"""Elements of a program of the pass over a gradient: 8 for each thread of 4 warps."""


@dataclass(frozen=True)
class Dropout:
    """Dropout inside a product: its rate and the seed (1,) int64 on the tensors' device."""

    rate: float
    seed: torch.Tensor

    def numbers(self) -> tuple[int, float]:
        """What random bits must reach, and what is multiplied with what is kept."""
        return threshold(self.rate), 1.0 if self.rate == 1 else 1 / (1 - self.rate)


@dataclass(frozen=True)
class End:
    """What is done to sums: ``residual + dropout(activation(sums + bias))``.

    ``keep``, contiguous, takes what the derivative needs: the value before ``activation``, or with
    ``keep_output`` the one after it.
    """

    bias: torch.Tensor | None = None
    activation: Any = None
    dropout: Dropout | None = None
    residual: torch.Tensor | None = None
    keep: torch.Tensor | None = None
    keep_output: bool = False

    def fit(self) -> End:
        """Tensors as the templates take them: ``residual`` (rows, columns) with unit column stride."""
        residual = None if self.residual is None else _flat(self.residual)
        if residual is not None and residual.stride(1) != 1:
            residual = residual.contiguous()
        return replace(self, bias=None if self.bias is None else self.bias.contiguous(), residual=residual)

    def tensors(self, out: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        seed = None if self.dropout is None else self.dropout.seed
        return self.bias, self.residual, seed, out, self.keep

    def numbers(self) -> tuple[int, int, float]:
        row = 0 if self.residual is None else self.residual.stride(0)
        return (row, *_numbers(self.dropout))

    def constants(self) -> dict[str, Any]:
        return {"EPILOGUE": self.activation, "KEEP_OUTPUT": self.keep_output}


def _numbers(dropout: Dropout | None) -> tuple[int, float]:
    return (0, 1.0) if dropout is None else dropout.numbers()


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """(rows, last axis)."""
    return tensor if tensor.dim() == 2 else tensor.reshape(-1, tensor.shape[-1])


def precision_of(dtype: torch.dtype, target: Target) -> tuple[str, str]:
    """Row of the tile table and ``input_precision`` of the a dtype's products (AMD: tf32 on gfx942 alone)."""
    if dtype != torch.float32:
        return "half", "ieee"
    has_tf32 = target.backend != "hip" or target.name == "gfx942"
    precision = get_matmul_precision() if has_tf32 else "ieee"
    return precision, precision


def _constants(tiles: Tiles, precision: str) -> dict[str, Any]:
    return {
        "PRECISION": precision,
        "ROWS": tiles.rows,
        "COLUMNS": tiles.columns,
        "INNER": tiles.inner,
        "GROUP": _GROUP,
    }


def multiply(
    way: Way,
    a: torch.Tensor,
    b: torch.Tensor,
    out: torch.Tensor,
    end: End,
    saved: torch.Tensor | None = None,
    prologue: Any = None,
    dropout: Dropout | None = None,
) -> None:
    """``out = end(prologue(saved, dropout(a)) @ b)`` on matrices, or on stacks (batches, rows, columns) of
    them; ``out`` is contiguous. The ends are for matrices alone."""
    from ..templates._matmul import product as template

    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    batches = a.shape[0] if a.dim() == 3 else 1
    if not out.numel():
        return
    target = target_for(a)
    kind, precision = precision_of(a.dtype, target)
    held = Held(end.dropout is not None or dropout is not None, _narrow(a, b))
    tiles = choose(target, way, kind, rows, columns, inner, batches, held)
    plain = prologue is None and dropout is None and batches == 1
    if tiles.persistent and plain and _descriptors_fit(a, b):
        _stay(target, tiles, precision, a, b, out, end)
        return
    parts = sum_splits(target, tiles, rows, columns, inner, batches)
    inner_a_split = -(-inner // (parts * tiles.inner)) * tiles.inner if parts > 1 else inner
    parts = -(-inner // inner_a_split) if parts > 1 else 1
    whole, sums = (end, out) if parts == 1 else (End(), _partial(out, parts))
    constants = {
        "PROLOGUE": prologue,
        "THIN_A": dropout is not None,
        "THIN_OUT": whole.dropout is not None,
        "STACKED": batches > 1,
        "SPLIT": parts > 1,
        **whole.constants(),
        **_constants(tiles, precision),
    }
    strides = (*_strides(a), 0 if saved is None else saved.stride(0), *_strides(b))
    bias, residual, seed, sums, keep = whole.tensors(sums)
    row, *numbers = whole.numbers() if dropout is None else (0, *dropout.numbers())
    arguments = (
        a, saved, b, bias, residual, seed if dropout is None else dropout.seed, sums, keep, rows, columns,
        inner, inner_a_split, *strides, row, *numbers,
    )  # fmt: skip
    grid = (batches * -(-rows // tiles.rows) * -(-columns // tiles.columns), parts)
    launch(template, grid, out, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    if parts > 1:
        assert sums is not None
        _finish(sums, out, end, batches * rows, columns, parts)


def _narrow(*matrices: torch.Tensor) -> bool:
    """Whether rows start where Triton cannot know them to be aligned, so that loads are an element wide."""
    return any(stride != 1 and stride % 16 for matrix in matrices for stride in matrix.stride())


def _strides(matrices: torch.Tensor) -> tuple[int, ...]:
    return matrices.stride() if matrices.dim() == 3 else (0, *matrices.stride())


def _partial(out: torch.Tensor, parts: int) -> torch.Tensor:
    return out.new_empty((parts, *out.shape), dtype=torch.float32)


def _finish(sums: torch.Tensor, out: torch.Tensor, end: End, rows: int, columns: int, parts: int) -> None:
    """``out = end(sums.sum(0))``, added in order."""
    from ..templates._matmul_ends import finish as template

    high, wide = _FINISHED
    bias, residual, seed, _, keep = end.tensors(out)
    arguments = (sums, bias, residual, seed, out, keep, rows, columns, parts, *end.numbers())
    constants = {**end.constants(), "THIN": end.dropout is not None, "ROWS": high, "COLUMNS": wide}
    launch(template, (-(-rows // high) * -(-columns // wide),), out, arguments, constants)


def _descriptors_fit(*matrices: torch.Tensor) -> bool:
    """Whether TMA can fetch blocks of these matrices."""
    return all(
        x.stride(1) == 1 and x.stride(0) * x.element_size() % 16 == 0 and x.data_ptr() % 16 == 0
        for x in matrices
    )


def _stay(
    target: Target,
    tiles: Tiles,
    precision: str,
    a: torch.Tensor,
    b: torch.Tensor,
    out: torch.Tensor,
    end: End,
) -> None:
    """``out = end(a @ b)`` by one program a multiprocessor."""
    from triton.tools.tensor_descriptor import TensorDescriptor

    from ..templates._matmul_persistent import product_persistent as template

    (rows, inner), columns = a.shape, b.shape[1]
    left = TensorDescriptor.from_tensor(a, [tiles.rows, tiles.inner])
    right = TensorDescriptor.from_tensor(b, [tiles.inner, tiles.columns])
    constants = {
        **end.constants(),
        "THIN_OUT": end.dropout is not None,
        **_constants(tiles, precision),
    }
    arguments = (left, right, *end.tensors(out), rows, columns, inner, *end.numbers())
    programs = min(target.multiprocessors, -(-rows // tiles.rows) * -(-columns // tiles.columns))
    launch(template, (programs,), out, arguments, constants, warps=tiles.warps, stages=tiles.stages)


def product(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    epilogue: Any = None,
    before: torch.Tensor | None = None,
) -> torch.Tensor:
    """``epilogue(x @ kernel + bias)`` (..., N) for x (..., K); ``before``, contiguous, takes the epilogue's
    input."""
    return ended_product(x, kernel, End(bias, epilogue, keep=before))


def ended_product(
    x: torch.Tensor, kernel: torch.Tensor, end: End, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """``end(x @ kernel)`` (..., N) for x (..., K), as ``dtype`` if one is given."""
    y = x.new_empty((*x.shape[:-1], kernel.shape[1]), dtype=dtype)
    multiply("forward", _flat(x), kernel, y.view(-1, y.shape[-1]) if y.numel() else y, end.fit())
    return y


def worth_fusing(dy: torch.Tensor, kernel: torch.Tensor) -> bool:
    """Whether the gradients of x and kernel should each compute the activation's derivative while they
    load."""
    if dy.numel() <= _FEW_ELEMENTS:
        return True
    inner, columns = kernel.shape
    rows = dy.numel() // columns
    target = target_for(dy)
    kind, _ = precision_of(dy.dtype, target)
    across = choose(target, "input", kind, rows, inner, columns).columns
    down = choose(target, "weight", kind, inner, columns, rows).rows
    return max(-(-inner // across), -(-inner // down)) <= _FUSED_TILES


def differentiate(
    dy: torch.Tensor, saved: torch.Tensor | None, prologue: Any, dropout: Dropout | None
) -> torch.Tensor:
    """``prologue(saved, dropout(dy))`` in a pass of its own."""
    from ..templates._matmul_ends import differentiate as template

    dz = torch.empty_like(dy, memory_format=torch.contiguous_format)
    if dy.numel():
        seed = None if dropout is None else dropout.seed
        arguments = (dy.contiguous(), saved, seed, dz, dy.numel(), *_numbers(dropout))
        constants = {"PROLOGUE": prologue, "THIN": dropout is not None, "BLOCK": _PASS}
        launch(template, (-(-dy.numel() // _PASS),), dz, arguments, constants)
    return dz


def input_gradient(
    dy: torch.Tensor,
    saved: torch.Tensor | None,
    kernel: torch.Tensor,
    prologue: Any,
    dropout: Dropout | None = None,
) -> torch.Tensor:
    """``prologue(saved, dropout(dy)) @ kernelᵀ`` (..., K) for dy (..., N) and kernel (K, N)."""
    dx = dy.new_empty((*dy.shape[:-1], kernel.shape[0]))
    kept = None if saved is None else _flat(saved)
    flat = dx.view(-1, dx.shape[-1]) if dx.numel() else dx
    multiply("input", _flat(dy), kernel.t(), flat, End(), kept, prologue, dropout)
    return dx


def weight_gradient(
    x: torch.Tensor,
    saved: torch.Tensor | None,
    dy: torch.Tensor,
    prologue: Any,
    wants_bias: bool,
    dropout: Dropout | None = None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """``xᵀ @ dz`` (K, N) and the sums of ``dz = prologue(saved, dropout(dy))`` over all but the last axis,
    (N,)."""
    from ..templates._matmul import weight_gradient as template

    x, dy = _flat(x), _flat(dy)
    (rows, inner), columns = x.shape, dy.shape[1]
    if not rows:
        return dy.new_zeros((inner, columns)), dy.new_zeros(columns) if wants_bias else None
    target = target_for(x)
    kind, precision = precision_of(x.dtype, target)
    held = Held(dropout is not None, _narrow(x, dy))
    tiles = choose(target, "weight", kind, inner, columns, rows, held=held)
    parts = splits(target, tiles, inner, columns, rows)
    rows_a_split = -(-rows // (parts * tiles.inner)) * tiles.inner
    parts = -(-rows // rows_a_split)
    dtype = dy.dtype if parts == 1 else torch.float32
    dw = dy.new_empty((parts, inner, columns), dtype=dtype)
    db = dy.new_empty((parts, columns), dtype=dtype) if wants_bias else None
    kept = None if saved is None else _flat(saved)
    strides = (*x.stride(), 0 if kept is None else kept.stride(0), *dy.stride())
    seed = None if dropout is None else dropout.seed
    arguments = (
        x, kept, dy, seed, dw, db, rows, columns, inner, rows_a_split, *strides, *_numbers(dropout),
    )  # fmt: skip
    constants = {"PROLOGUE": prologue, "THIN": dropout is not None, **_constants(tiles, precision)}
    grid = (-(-inner // tiles.rows) * -(-columns // tiles.columns), parts)
    launch(template, grid, dw, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return _joined(dw, dy.dtype), None if db is None else _joined(db, dy.dtype)


def _joined(parts: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else parts.sum(0).to(dtype)
