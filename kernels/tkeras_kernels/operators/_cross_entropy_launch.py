"""Launching the cross-entropy template."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..runtime import launch
from ._row_launch import Rows, as_rows

_HOLDS = 2
"""Values of each element in registers: the logit, and its label or exponential."""


def _rows(
    labels: torch.Tensor, full: Sequence[torch.Tensor | None], rows: Sequence[torch.Tensor], sparse: bool
) -> Rows | None:
    """Rows with strides in the template's order: labels (one a row where ``sparse``), ``full``, ``rows``.

    What is absent has three zeros.
    """
    present = [tensor for tensor in full if tensor is not None]
    kept = present[0].dim() - 1
    found = as_rows(kept, present if sparse else (labels, *present), (labels, *rows) if sparse else rows)
    if found is None:
        return None
    threes = [found.strides[n : n + 3] for n in range(0, len(found.strides), 3)]
    if sparse:
        threes.insert(0, threes.pop(len(present)))
    for position, tensor in enumerate(full):
        if tensor is None:
            threes.insert(position + 1, (0, 0, 0))
    return found._replace(strides=tuple(stride for three in threes for stride in three))


def cross_entropy(
    labels: torch.Tensor, logits: torch.Tensor, dtype: torch.dtype, keep: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Losses, one a row, and what the gradient needs: maximum, logarithm of the sum, sum of dense labels.

    Args:
        labels: class numbers, one a row, or weights like the logits.
        logits: (..., classes).
        dtype: of the losses.
        keep: whether a gradient will be asked for.
    """
    from ..templates._row_entropy import cross_entropy as template

    sparse = labels.dim() < logits.dim()
    rows = _rows(labels, (logits,), (), sparse)
    if rows is None:
        return cross_entropy(labels.contiguous(), logits.contiguous(), dtype, keep)
    shape = logits.shape[:-1]
    loss = logits.new_empty(shape, dtype=dtype)
    stats = logits.new_empty((2 if sparse else 3, *shape), dtype=torch.float32) if keep else None
    if rows.count:
        tile = rows.tile(logits, _HOLDS)
        constants = rows.constants(tile, SPARSE=sparse, WHOLE=tile.whole)
        arguments = (labels, logits, loss, stats, rows.strides, rows.count, rows.inner, rows.columns)
        launch(template, (rows.tiles(tile),), logits, arguments, constants, warps=tile.warps)
    return loss, stats


def cross_entropy_backward(
    labels: torch.Tensor,
    logits: torch.Tensor,
    stats: torch.Tensor,
    dy: torch.Tensor,
    wants: tuple[bool, bool],
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of labels and logits, each where it is wanted."""
    from ..templates._row_entropy import cross_entropy_backward as template

    sparse = labels.dim() < logits.dim()
    dlabels = torch.empty_like(labels) if wants[0] else None
    dx = torch.empty_like(logits) if wants[1] else None
    rows = _rows(labels, (logits, dx, dlabels), (dy,), sparse)
    if rows is None:
        given = labels.contiguous(), logits.contiguous(), stats, dy.contiguous()
        return cross_entropy_backward(*given, wants)
    if rows.count and any(wants):
        tile = rows.tile(logits, None)
        grid = (rows.tiles(tile) * -(-rows.columns // tile.columns),)
        constants = rows.constants(tile, SPARSE=sparse)
        sizes = (rows.strides, rows.count, rows.inner, rows.columns)
        arguments = (labels, logits, stats, dy, dx, dlabels, *sizes)
        launch(template, grid, logits, arguments, constants, warps=tile.warps)
    return dlabels, dx
