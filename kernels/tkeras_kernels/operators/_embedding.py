"""Rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F

from ._fit import DTYPES, unfit
from ._gather_launch import gather, gather_backward
from ._operator import Case, Cost, Operator, Tensors, register
from ._pool import shape_of
from ._work import Shapes


def indices(ids: torch.Tensor) -> torch.Tensor:
    """Integers torch can index with; floats are truncated, as Keras does."""
    return ids if ids.dtype in (torch.int32, torch.int64) else ids.long()


class Embedding(Operator):
    """``table[ids]``.

    Ids outside the table: torch refuses them (on a GPU by a failed assertion of the device); the kernels give
    rows of NaN, and the gradient leaves them out. Nothing is read or written outside the table.
    """

    name = "embedding"
    saves = "ids"
    keeps_inputs = False
    cases = (
        Case("headline", ((32, 100), (10_000, 512)), dtypes={0: torch.int64}),
        Case("siamese", ((32, 280), (20_000, 256)), dtypes={0: torch.int64}),
        Case("transformer", ((8, 2048), (50_000, 768)), dtypes={0: torch.int64}),
        Case(
            "mixed",
            ((8, 2048), (50_000, 768)),
            {"dtype": torch.bfloat16},
            dtypes={0: torch.int64, 1: torch.float32},
        ),
    )

    def reference(
        self, ids: torch.Tensor, table: torch.Tensor, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Look up ids of any shape in a (rows, width) table: (*ids, width), as ``dtype`` if one is given."""
        ids = indices(ids)
        if ids.is_cuda:
            found = F.embedding(ids, table)
        else:  # its backward is the faster one
            found = table.index_select(0, ids.reshape(-1)).view(*ids.shape, table.shape[1])
        return found if dtype is None else found.to(dtype)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        ids, table = tensors
        assert ids is not None
        assert table is not None
        if ids.dtype.is_complex or ids.device != table.device:
            return "ids of complex numbers" if ids.dtype.is_complex else "tensors on several devices"
        if table.dim() != 2:
            return "a table that is not a matrix"
        if attributes.get("dtype") not in (None, *DTYPES):
            return "no fused kernel for its dtype"
        return unfit((table,))

    def forward(
        self, ids: torch.Tensor, table: torch.Tensor, dtype: torch.dtype | None = None
    ) -> tuple[torch.Tensor, Tensors]:
        ids = indices(ids)
        return gather(ids, table, dtype), (ids, shape_of(table))

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        ids, table, dy = _known(saved, gradients)
        return None, gather_backward(ids, dy, table) if needs[1] else None

    def differentiable_backward(
        self,
        inputs: Tensors,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        **attributes: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        ids, table, dy = _known(saved, gradients)
        flat = ids.reshape(-1).long()
        known = (flat >= 0) & (flat < table.shape[0])
        rows = torch.where(known[:, None], dy.reshape(flat.numel(), table.shape[1]).to(table.dtype), 0)
        return None, table.new_zeros(table.shape).index_add(0, torch.where(known, flat, 0), rows)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        ids, table = shapes
        assert ids is not None
        assert table is not None
        count = prod(ids)
        return Cost(flops=0, bytes=2 * count * table[1] * itemsize + 8 * count)


def _known(saved: Tensors, gradients: Tensors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    (ids, table), (dy,) = saved, gradients
    assert ids is not None
    assert table is not None
    assert dy is not None
    return ids, table, dy


embedding = register(Embedding())
