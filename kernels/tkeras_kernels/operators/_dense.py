"""``activation(x @ kernel + bias)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .. import library
from ..pointwise import pointwise
from ._activate import activate
from ._fit import unfit
from ._matmul_launch import input_gradient, product, weight_gradient, worth_fusing
from ._operator import Case, Cost, Epilogue, Operator, Tensors, register
from ._pointwise_launch import pointwise_launch

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Dense(Operator):
    """A matrix product over the last axis with bias and activation."""

    name = "dense"
    vendor = "cuBLAS"
    saves = "x, kernel and y (the value before the activation where the derivative needs that)"
    cases = (
        Case("mlp_hidden", ((128, 784), (784, 512), (512,)), {"activation": pointwise(library.relu)}),
        Case(
            "transformer_up", ((8, 512, 768), (768, 3072), (3072,)), {"activation": pointwise(library.gelu)}
        ),
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

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        x, kernel, *rest = tensors
        assert x is not None
        assert kernel is not None
        if x.dim() == 0 or kernel.dim() != 2 or x.shape[-1] != kernel.shape[0]:
            return "shapes do not fit"
        if rest and rest[0] is not None and rest[0].shape != kernel.shape[1:]:
            return "shapes do not fit"
        if not kernel.numel():
            return "empty kernel"
        if any(tensor is not None and tensor.dtype != x.dtype for tensor in tensors):
            return "tensors of several dtypes"
        return unfit(tensors)

    def remark(self, attributes: Mapping[str, Any]) -> str:
        activation = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return ""
        return f"activation {activation.name} is torch code: {activation.reason}"

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        activation = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return attributes, None
        return {**attributes, "activation": None}, activation.torch

    def infer(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        return product(x, kernel, bias, None if activation is None else activation.forward_leaf)

    def forward(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor, Tensors]:
        keeps = "none" if activation is None else activation.saves
        before = x.new_empty((*x.shape[:-1], kernel.shape[1])) if keeps == "input" else None
        leaf = None if activation is None else activation.forward_leaf
        y = product(x, kernel, bias, leaf, before)
        return y, (x, kernel, y if keeps == "output" else before)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        x, kernel, kept = saved
        dy = gradients[0]
        assert x is not None
        assert kernel is not None
        assert dy is not None
        leaf = None if activation is None else activation.backward_leaf
        if leaf is not None and not worth_fusing(dy, kernel):
            (dy,) = pointwise_launch(leaf, (dy,) if kept is None else (kept, dy), [dy.dtype])
            leaf = kept = None
        wants_bias = len(needs) > 2 and needs[2]
        dx = input_gradient(dy, kept, kernel, leaf) if needs[0] else None
        dw = db = None
        if needs[1] or wants_bias:
            dw, db = weight_gradient(x, kept, dy, leaf, wants_bias)
        return (dx, dw if needs[1] else None, db)[: len(needs)]

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        x, kernel, *rest = shapes
        assert x is not None
        assert kernel is not None
        rows, (inner, columns) = prod(x[:-1]), kernel
        elements = rows * (inner + columns) + inner * columns + (columns if rest and rest[0] else 0)
        return Cost(flops=2 * rows * inner * columns, bytes=elements * itemsize)


dense = register(Dense())
