"""Rows of a table."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
import torch.nn.functional as F

from ._operator import Case, Cost, Operator, register
from ._work import Shapes


def indices(ids: torch.Tensor) -> torch.Tensor:
    """Integers torch can index with; floats are truncated, as Keras does."""
    return ids if ids.dtype in (torch.int32, torch.int64) else ids.long()


class Embedding(Operator):
    """``table[ids]``."""

    name = "embedding"
    saves = "ids"
    cases = (
        Case("headline", ((32, 100), (10_000, 512))),
        Case("siamese", ((32, 280), (20_000, 256))),
        Case("transformer", ((8, 2048), (50_000, 768))),
    )

    def reference(self, ids: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Look up ids of any shape in a (rows, width) table: (*ids, width)."""
        ids = indices(ids)
        if ids.is_cuda:
            return F.embedding(ids, table)
        return table.index_select(0, ids.reshape(-1)).view(
            *ids.shape, table.shape[1]
        )  # its backward is the faster one

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        ids, table = shapes
        assert ids is not None
        assert table is not None
        count = prod(ids)
        return Cost(flops=0, bytes=2 * count * table[1] * itemsize + 8 * count)


embedding = register(Embedding())
