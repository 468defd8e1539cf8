"""``activation(x @ kernel + bias)``."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ._activate import activate
from ._operator import Case, Cost, Operator, register

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Dense(Operator):
    """A matrix product over the last axis with bias and activation."""

    name = "dense"
    saves = "x, kernel and y, or the pre-activation where the derivative needs that"
    cases = (
        Case("mlp_hidden", ((128, 784), (784, 512), (512,))),
        Case("transformer_up", ((8, 512, 768), (768, 3072), (3072,))),
        Case("classifier_head", ((256, 2048), (2048, 1000), (1000,))),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Multiply.

        Args:
            x: (..., K).
            kernel: (K, N).
            bias: (N,) or None.

        Returns:
            (..., N).
        """
        if x.dim() == 2:
            y = x.mm(kernel) if bias is None else torch.addmm(bias, x, kernel)
        else:
            y = F.linear(x, kernel.t(), bias)
        return y if activation is None else activate(y, activation)

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        x, kernel, bias = shapes
        assert x is not None
        assert kernel is not None
        rows, (inner, columns) = prod(x[:-1]), kernel
        elements = rows * (inner + columns) + inner * columns + (0 if bias is None else columns)
        return Cost(flops=2 * rows * inner * columns, bytes=elements * itemsize)


dense = register(Dense())
