"""``activation(x @ kernel + bias)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .. import library
from ..pointwise import pointwise
from ._activate import activate
from ._dropout_inside import dropout_of, seeded, thinned
from ._fit import DTYPES, unfit
from ._matmul_launch import (
    Dropout,
    End,
    differentiate,
    ended_product,
    input_gradient,
    weight_gradient,
    worth_fusing,
)
from ._operator import Case, Cost, Epilogue, Operator, Tensors, register
from ._pointwise_launch import pointwise_launch

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Dense(Operator):
    """A matrix product over the last axis with bias, activation, dropout and a residual."""

    name = "dense"
    vendor = "cuBLAS"
    adds_last = True
    saves = (
        "x, kernel and y (the value before the activation where the derivative needs that, the one after it "
        "where dropout or a residual follows); of dropout its seed"
    )
    cases = (
        Case("mlp_hidden", ((128, 784), (784, 512), (512,)), {"activation": pointwise(library.relu)}),
        Case(
            "transformer_up", ((8, 512, 768), (768, 3072), (3072,)), {"activation": pointwise(library.gelu)}
        ),
        Case("transformer_down", ((8, 512, 3072), (3072, 768), (768,), (8, 512, 768)), {"rate": 0.1}),
        Case("classifier_head", ((256, 2048), (2048, 1000), (1000,))),
        Case("long_sum", ((32, 16384), (16384, 64), (64,))),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        residual: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = None,
        rate: float = 0.0,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """``dropout(activation(x @ kernel + bias)) + residual``.

        Args:
            x: (..., K).
            kernel: (K, N).
            bias: (N,) or None.
            residual: (..., N) or None.
            rate: fraction of the activated values to drop.
            generator: source of the random numbers; torch's default one when None.
            seed: (1,) int64 in place of ``generator``: what the kernels keep is kept.
            dtype: of the result; default: that of ``x``.

        Returns:
            (..., N).
        """
        if x.dim() == 2:
            y = x.mm(kernel) if bias is None else torch.addmm(bias, x, kernel)
        else:
            y = F.linear(x, kernel.t(), bias)
        y = y if activation is None else activate(y, activation)
        y = thinned(y, rate, generator, seed) if rate else y
        y = y if residual is None else y + residual
        return y if dtype is None else y.to(dtype)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        x, kernel, *rest = tensors
        assert x is not None
        assert kernel is not None
        if x.dim() == 0 or kernel.dim() != 2 or x.shape[-1] != kernel.shape[0]:
            return "shapes do not fit"
        if rest and rest[0] is not None and rest[0].shape != kernel.shape[1:]:
            return "shapes do not fit"
        residual = rest[1] if len(rest) > 1 else None
        if residual is not None and residual.shape != (*x.shape[:-1], kernel.shape[1]):
            return "a residual of another shape than the output"
        if not kernel.numel():
            return "empty kernel"
        if any(tensor is not None and tensor.dtype != x.dtype for tensor in tensors):
            return "tensors of several dtypes"
        if attributes.get("dtype") not in (None, *DTYPES):
            return "no fused kernel for its dtype"
        activation = attributes.get("activation")
        follows = attributes.get("rate") or residual is not None
        if activation is not None and activation.graph is None and follows:
            return f"activation {activation.name} is torch code, and dropout or a residual follows it"
        return unfit(tensors)

    def remark(self, attributes: Mapping[str, Any]) -> str:
        activation = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return ""
        return f"activation {activation.name} is torch code: {activation.reason}"

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        attributes = seeded(attributes)
        activation = attributes.get("activation")
        if activation is None or activation.graph is not None:
            return attributes, None
        return {**attributes, "activation": None}, activation.torch

    def infer(self, *tensors: Any, **attributes: Any) -> torch.Tensor:
        x, kernel, *_ = tensors
        return ended_product(x, kernel, _end(tensors, attributes), attributes.get("dtype"))

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        x, kernel, *_ = tensors
        activation = attributes.get("activation")
        end = _end(tensors, attributes)
        keeps = "none" if activation is None else activation.saves
        hidden = end.dropout is not None or end.residual is not None
        keep = None
        if keeps == "input" or (keeps == "output" and hidden):
            keep = x.new_empty((*x.shape[:-1], kernel.shape[1]))
        end = replace(end, keep=keep, keep_output=keeps == "output")
        y = ended_product(x, kernel, end, attributes.get("dtype"))
        return y, (x, kernel, y if keeps == "output" and not hidden else keep)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (x, kernel, kept), (dy,) = saved, gradients
        assert x is not None
        assert kernel is not None
        assert dy is not None
        dy = dy.to(x.dtype)
        activation, dropout = attributes.get("activation"), dropout_of(attributes, x)
        leaf = None if activation is None else activation.backward_leaf
        dz = dy
        if (leaf is not None or dropout is not None) and not worth_fusing(dy, kernel):
            dz = _differentiated(dy, kept, leaf, dropout)
            leaf = kept = dropout = None
        wants_bias = len(needs) > 2 and needs[2]
        dx = input_gradient(dz, kept, kernel, leaf, dropout) if needs[0] else None
        dw = db = None
        if needs[1] or wants_bias:
            dw, db = weight_gradient(x, kept, dz, leaf, wants_bias, dropout)
        residual = dy if len(needs) > 3 and needs[3] else None
        return (dx, dw if needs[1] else None, db, residual)[: len(needs)]

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        x, kernel, *rest = shapes
        assert x is not None
        assert kernel is not None
        rows, (inner, columns) = prod(x[:-1]), kernel
        bias, residual = (x is not None for x in (*rest, None, None)[:2])
        elements = rows * (inner + columns * (2 if residual else 1)) + (inner + bias) * columns
        return Cost(flops=2 * rows * inner * columns, bytes=elements * itemsize)


def _differentiated(
    dy: torch.Tensor, kept: torch.Tensor | None, leaf: Any, dropout: Dropout | None
) -> torch.Tensor:
    """The gradient of the sums, in a pass of its own."""
    if dropout is not None:
        return differentiate(dy, kept, leaf, dropout)
    return pointwise_launch(leaf, (dy,) if kept is None else (kept, dy), [dy.dtype])[0]


def _end(tensors: Sequence[Any], attributes: Mapping[str, Any]) -> End:
    x: Any
    x, _, bias, residual = (*tensors, None, None)[:4]
    activation = attributes.get("activation")
    leaf = None if activation is None else activation.forward_leaf
    return End(bias, leaf, dropout_of(attributes, x), residual)


dense = register(Dense())
