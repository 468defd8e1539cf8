"""Launching the attention templates, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..runtime import launch, target_for
from ..templates._attention_tiles import AttentionTiles, Pass, choose, padded
from ._layout import reach
from ._matmul_launch import Dropout, precision_of

_LOG2E = 1.4426950408889634


@dataclass(frozen=True)
class Call:
    """One call of attention: arguments in the layout of the templates, and what it does with them.

    ``mask`` and ``bias`` are expanded to (batch, heads, time, keys).
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    bias: torch.Tensor | None
    scale: float
    causal: bool
    zeros: bool
    dropout: Dropout | None

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Batch, heads, queries and keys."""
        batch, time, heads, _ = self.query.shape
        return batch, heads, time, self.key.shape[1]

    def numbers(self) -> tuple[Any, ...]:
        """Strides and sizes, as all templates take them."""
        strides = tuple(x.stride(axis) for x in (self.query, self.key, self.value) for axis in (0, 1, 2))
        extra = tuple(
            stride for x in (self.mask, self.bias) for stride in ((0,) * 4 if x is None else x.stride())
        )
        _, heads, time, keys = self.sizes
        group = heads // self.key.shape[2]
        return strides, extra, heads, group, time, keys, self.query.shape[3], self.value.shape[3]

    def drop(self) -> tuple[torch.Tensor | None, tuple[int, float]]:
        """Seed of dropout, what random bits must reach, and what is multiplied with what is kept."""
        return (None, (0, 1.0)) if self.dropout is None else (self.dropout.seed, self.dropout.numbers())

    def plan(self, way: Pass) -> tuple[AttentionTiles, dict[str, Any]]:
        """Tiles and constants of a pass."""
        target = target_for(self.query)
        kind, precision = precision_of(self.query.dtype, target)
        _, _, time, keys = self.sizes
        size, value = padded(self.query.shape[3]), padded(self.value.shape[3])
        by_row = [x is not None and x.stride(2) != 0 for x in (self.mask, self.bias)]
        laden = any(by_row) or self.dropout is not None
        tiles = choose(target, way, kind, max(size, value), laden, time, keys)
        return tiles, {
            "CAUSAL": self.causal,
            "ZEROS": self.zeros,
            "MASK_BY_ROW": by_row[0],
            "BIAS_BY_ROW": by_row[1],
            "WIDE": any(
                reach([x[0, 0]]) >= 2**31 for x in (self.mask, self.bias) if x is not None and x.numel()
            ),
            "THIN": self.dropout is not None,
            "PRECISION": precision,
            "ROWS": tiles.rows,
            "KEYS": tiles.keys,
            "SIZE": size,
            "VALUE": value,
            "PART": tiles.part,
        }


def forward(call: Call, wants_statistics: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Output (batch, time, heads, value size), and the statistics (2, batch, heads, time)."""
    from ..templates._attention import attention as template

    batch, heads, time, _ = call.sizes
    out = call.query.new_empty((batch, time, heads, call.value.shape[3]))
    statistics = None
    if wants_statistics:
        statistics = call.query.new_empty((2, batch, heads, time), dtype=torch.float32)
    if not out.numel():
        return out, statistics
    tiles, constants = call.plan("forward")
    seed, numbers = call.drop()
    arguments = (
        call.query, call.key, call.value, call.mask, call.bias, seed, out, statistics,
        *call.numbers(), call.scale * _LOG2E, *numbers,
    )  # fmt: skip
    grid = (-(-time // tiles.rows) * batch * heads,)
    launch(template, grid, out, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return out, statistics


def query_gradient(
    call: Call, out: torch.Tensor, statistics: torch.Tensor, dout: torch.Tensor, wants_bias: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Gradient of the query, ``delta`` for the other pass, and the scores' gradient where it is wanted."""
    from ..templates._attention_backward import query_gradient as template

    batch, heads, time, keys = call.sizes
    dquery = call.query.new_empty(call.query.shape)
    delta = call.query.new_empty((batch, heads, time), dtype=torch.float32)
    dbias = delta.new_empty((batch, heads, time, keys)) if wants_bias else None
    if batch * time:
        tiles, constants = call.plan("query")
        seed, numbers = call.drop()
        arguments = (
            call.query, call.key, call.value, call.mask, call.bias, seed, out, statistics, dout, dquery,
            delta, dbias, *call.numbers(), call.scale * _LOG2E, call.scale, *numbers,
        )  # fmt: skip
        grid = (-(-time // tiles.rows) * batch * heads,)
        launch(template, grid, dquery, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return dquery, delta, dbias


def key_gradients(
    call: Call, statistics: torch.Tensor, delta: torch.Tensor, dout: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of key and value."""
    from ..templates._attention_backward import key_gradients as template

    batch, _, _, keys = call.sizes
    dkey, dvalue = call.key.new_empty(call.key.shape), call.value.new_empty(call.value.shape)
    if batch:
        tiles, constants = call.plan("keys")
        seed, numbers = call.drop()
        arguments = (
            call.query, call.key, call.value, call.mask, call.bias, seed, statistics, delta, dout, dkey,
            dvalue, *call.numbers(), call.scale * _LOG2E, call.scale, *numbers,
        )  # fmt: skip
        grid = (-(-keys // tiles.keys) * batch * call.key.shape[2],)
        launch(template, grid, dkey, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return dkey, dvalue
