"""Products of stacks of matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch

from ..templates._tiles import Way
from ._fit import unfit
from ._matmul_launch import End, multiply
from ._operator import Case, Cost, Operator, Tensors, register


class Matmul(Operator):
    """``a @ b``, one product of matrices for each place on the leading axes."""

    name = "matmul"
    vendor = "cuBLAS"
    saves = "both factors"
    cases = (
        Case("scores", ((96, 512, 64), (96, 64, 512))),
        Case("experts", ((8, 1024, 512), (8, 512, 2048))),
        Case("long_sum", ((4, 32, 8192), (4, 8192, 32))),
    )

    def reference(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Multiply.

        Args:
            a: (..., M, K).
            b: (..., K, N), with the same leading axes.

        Returns:
            (..., M, N).
        """
        return torch.matmul(a, b)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        a, b = tensors
        assert a is not None
        assert b is not None
        if min(a.dim(), b.dim()) < 2 or a.shape[-1] != b.shape[-2]:
            return "shapes do not fit"
        if a.shape[:-2] != b.shape[:-2]:
            return "leading axes that broadcast"
        if a.dtype != b.dtype:
            return "tensors of several dtypes"
        return unfit(tensors)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, Tensors]:
        return _product("forward", a, b), (a, b)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (a, b), (dy,) = saved, gradients
        assert a is not None
        assert b is not None
        assert dy is not None
        return (
            _product("input", dy, b.mT) if needs[0] else None,
            _product("input", a.mT, dy) if needs[1] else None,
        )

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        a, b = shapes
        assert a is not None
        assert b is not None
        results = prod(a[:-1]) * b[-1]
        return Cost(flops=2 * results * a[-1], bytes=(prod(a) + prod(b) + results) * itemsize)


def _product(way: Way, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    out = a.new_empty((*a.shape[:-1], b.shape[-1]))
    if out.numel():
        batches = prod(a.shape[:-2])
        a, b = (x.reshape(batches, *x.shape[-2:]) for x in (a, b))
        multiply(way, a, b, out.view(batches, *out.shape[-2:]), End())
    return out


matmul = register(Matmul())
