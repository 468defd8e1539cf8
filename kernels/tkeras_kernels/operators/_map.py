"""Any pointwise expression over broadcast tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from .. import library
from ..pointwise import pointwise
from ._fit import DTYPES, unfit
from ._operator import Case, Cost, Operator, Tensors, reference_gradients, register
from ._pointwise_launch import pointwise_launch

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Map(Operator):
    """``fn(*tensors)``, element by element, with broadcasting and one or several results."""

    name = "map"
    saves = "y, x or nothing for a function of one tensor, whichever its derivative needs; else the inputs"
    keeps_inputs = False
    cases = (
        Case("gelu", ((4096, 4096),), {"fn": pointwise(library.gelu)}),
        Case("squareplus", ((64, 56, 56, 256),), {"fn": pointwise(library.squareplus)}),
    )

    def reference(self, *tensors: torch.Tensor, fn: Pointwise, dtype: torch.dtype | None = None) -> Any:
        """``fn`` on tensors that broadcast together: a tensor, or a tuple where ``fn`` returns one.

        Args:
            dtype: of the one result, for tensors of several dtypes; then ``fn`` is computed in the widest.
        """
        if dtype is None:
            return fn.torch(*tensors)
        widest = dtype
        for tensor in tensors:
            widest = torch.promote_types(widest, tensor.dtype)
        return fn.torch(*(tensor.to(widest) for tensor in tensors)).to(dtype)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        fn: Pointwise = attributes["fn"]
        present = [tensor for tensor in tensors if tensor is not None]
        if len(present) != fn.arity:
            return "wrong number of tensors"
        first = present[0]
        if attributes.get("dtype") is None and any(tensor.dtype != first.dtype for tensor in present):
            return "tensors of several dtypes"
        if fn.graph is None:
            return f"{fn.name} is torch code: {fn.reason}"
        if not fn.uniform and any(tensor.shape != first.shape for tensor in present):
            return "a result that does not depend on every tensor keeps a smaller shape"
        if attributes.get("dtype", first.dtype) not in (None, *DTYPES):
            return "no fused kernel for its dtype"
        return unfit(present)

    def forward(
        self, *tensors: torch.Tensor, fn: Pointwise, dtype: torch.dtype | None = None
    ) -> tuple[Any, Tensors]:
        if dtype is not None:
            return pointwise_launch(fn.forward_leaf, tensors, [dtype])[0], tensors
        outputs = pointwise_launch(fn.forward_leaf, tensors, [tensors[0].dtype] * fn.outputs)
        if fn.outputs > 1:
            return outputs, tensors
        if fn.arity > 1:
            return outputs[0], tensors
        return outputs[0], {"output": outputs, "input": tensors, "none": ()}[fn.saves]

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        fn: Pointwise,
        dtype: torch.dtype | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        arguments: Any = (*saved, *gradients)
        if fn.arity == 1 and fn.outputs == 1 and dtype is None:
            return pointwise_launch(fn.backward_leaf, arguments, [arguments[-1].dtype])
        inputs: Any = saved
        wanted = [tensor.dtype for tensor, need in zip(inputs, needs, strict=True) if need]
        found = iter(pointwise_launch(fn.gradient_leaf(tuple(needs)), arguments, wanted))
        pairs = zip(inputs, needs, strict=True)
        return tuple(next(found).sum_to_size(tensor.shape) if need else None for tensor, need in pairs)

    def differentiable_backward(
        self,
        inputs: Tensors,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        fn: Pointwise,
        dtype: torch.dtype | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        if fn.arity == 1 and fn.outputs == 1 and dtype is None:
            return (fn.backward_torch(*saved, *gradients),)
        return reference_gradients(self, saved, gradients, needs, {"fn": fn, "dtype": dtype})

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        present = [shape for shape in shapes if shape is not None]
        result = prod(torch.broadcast_shapes(*present))
        return Cost(flops=result, bytes=itemsize * (sum(prod(shape) for shape in present) + result))


map = register(Map())
