"""Any pointwise expression over broadcast tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from ._operator import Case, Cost, Operator, register

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class Map(Operator):
    """``fn(*tensors)``, element by element, with broadcasting and one or several results."""

    name = "map"
    saves = "y or x where one tensor goes in and one comes out, else the inputs"
    cases = (Case("activation", ((4096, 4096),)), Case("bias", ((4096, 4096), (4096,))))

    def reference(self, *tensors: torch.Tensor, fn: Pointwise) -> Any:
        """``fn`` on tensors that broadcast together: a tensor, or a tuple where ``fn`` returns one."""
        return fn.torch(*tensors)

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        present = [shape for shape in shapes if shape is not None]
        result = prod(torch.broadcast_shapes(*present))
        return Cost(flops=result, bytes=itemsize * (sum(prod(shape) for shape in present) + result))


map = register(Map())
