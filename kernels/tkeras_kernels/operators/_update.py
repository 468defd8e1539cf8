"""Optimizers' arithmetic over many tensors: an update rule in one launch, and sums over each tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from ..pointwise import pointwise
from ..runtime import WrongResultError, check_forward, verifying
from ._fit import DTYPES
from ._multitensor_launch import Tables, unfit_memory
from ._operator import Case, Cost, Operator, Tensors, register
from ._update_rule import updated

if TYPE_CHECKING:
    from ..pointwise import Pointwise

_MLP = ((784, 512), (512,), (512, 10), (10,))
_TRANSFORMER = ((32_000, 768), *((768, 3072), (3072,), (3072, 768), (768,)) * 2)


def _case(name: str, shapes: Sequence[tuple[int, ...]], rule: str, states: int, **parameters: Any) -> Case:
    arrays = 2 + states + ("average" in parameters)
    fn = pointwise(updated, arity=arrays + 2, rule=rule, states=states, **parameters)
    tensors = (*shapes,) * arrays
    dtypes = {len(tensors): torch.float32, len(tensors) + 1: torch.int32}
    return Case(name, (*tensors, (), ()), {"fn": fn, "arrays": arrays}, dtypes)


class _MultiTensor(Operator):
    """What both share: ``arrays`` times N tensors, array by array, then scalars, then (N,) tensors."""

    differentiable = False
    writes: bool

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        fn = attributes["fn"]
        if isinstance(fn, str):
            return fn
        if fn.graph is None:
            return f"the rule is torch code: {fn.reason}"
        arrays, rest = _split(tensors, fn, attributes["arrays"])
        kinds = {(tensor.dtype, tensor.device, tensor.layout) for tensor in _flat(arrays)}
        dtypes, devices = {kind[0] for kind in kinds}, {kind[1] for kind in kinds}
        devices |= {tensor.device for tensor in rest if tensor is not None}
        if not dtypes <= {*DTYPES}:
            wrong = sorted(str(dtype).removeprefix("torch.") for dtype in dtypes - {*DTYPES})
            return f"no fused kernel for {', '.join(wrong)}"
        if any(len({tensor.dtype for tensor in array}) > 1 for array in arrays):
            return "variables of several dtypes"
        if len(devices) > 1:
            return "tensors on several devices"
        if any(kind[2] is not torch.strided for kind in kinds):
            return "sparse tensors"
        return unfit_memory(arrays)

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        fn, arrays = attributes["fn"], attributes["arrays"]
        count = (len(shapes) - fn.arity + arrays) // arrays
        elements = sum(prod(shape) for shape in shapes[:count] if shape is not None)
        moved = arrays + (fn.outputs if self.writes else 0)
        return Cost(flops=elements * fn.operations, bytes=elements * moved * itemsize)


class Update(_MultiTensor):
    """An update rule over all parameters and their states, in one launch."""

    name = "update"
    writes = True
    saves = "nothing"
    cases = (
        _case("mlp_sgd", _MLP, "sgd", 1, momentum=0.9, nesterov=True),
        _case("mlp_rmsprop", _MLP, "rmsprop", 2, momentum=0.9),
        _case("mlp_adam", _MLP, "adam", 2),
        _case("transformer_adamw", _TRANSFORMER, "adam", 2, decay=0.01, average=0.99),
        _case("transformer_lion", _TRANSFORMER, "lion", 1, clipvalue=1.0),
    )

    def reference(self, *tensors: Any, fn: Pointwise, arrays: int) -> tuple[torch.Tensor, ...]:
        """New values of the first arrays, one array a result of ``fn``.

        Args:
            tensors: N parameters, N of each state, N gradients, then scalars and (N,) tensors: the arguments
                of ``fn`` in its order.
        """
        rows = list(_rows(tensors, fn, arrays))
        return tuple(row[result] for result in range(len(rows[0])) for row in rows)

    def forward(self, *tensors: Any, fn: Pointwise, arrays: int) -> tuple[tuple[torch.Tensor, ...], Tensors]:
        groups, rest = _split(tensors, fn, arrays)
        copies = [[tensor.clone() for tensor in group] for group in groups[: fn.outputs]]
        update_(Tables(), [*copies, *groups[fn.outputs :]], fn, rest)
        return tuple(_flat(copies)), ()


class MultiSum(_MultiTensor):
    """Sums of an expression over each of many tensors: norms, and whether all is finite."""

    name = "multi_sum"
    saves = "nothing"
    writes = False
    cases = (Case("gradient_norms", _TRANSFORMER, {"fn": pointwise(torch.square), "arrays": 1}),)

    def reference(self, *tensors: Any, fn: Pointwise, arrays: int) -> torch.Tensor:
        """(N, results of ``fn``), in float32 at least."""
        wide = [tensor if tensor.dtype == torch.float64 else tensor.float() for tensor in tensors]
        return torch.stack([torch.stack([x.sum() for x in row]) for row in _rows(wide, fn, arrays)])

    def forward(self, *tensors: Any, fn: Pointwise, arrays: int) -> tuple[torch.Tensor, Tensors]:
        groups, rest = _split(tensors, fn, arrays)
        return multi_sums(Tables(), groups, fn, rest), ()


def update_(
    tables: Tables,
    arrays: Sequence[Sequence[torch.Tensor]],
    fn: Pointwise,
    rest: Sequence[torch.Tensor],
) -> None:
    """Set the first arrays to the results of ``fn``, in one launch.

    Args:
        tables: of these arrays; they are brought up to date.
        rest: scalars, then one value a tensor.
    """
    checked = verifying()
    before = [tensor.clone() for tensor in _flat(arrays)] if checked else []
    tables.update(arrays)
    tables.run(fn.forward_leaf, fn.outputs, 0, *_kinds(rest))
    if checked:
        attributes = {"fn": fn, "arrays": len(arrays)}
        try:
            check_forward(update, (*before, *rest), attributes, tuple(_flat(arrays[: fn.outputs])))
        except WrongResultError:
            for tensor, value in zip(_flat(arrays), before, strict=True):
                tensor.copy_(value)
            raise


def multi_sums(
    tables: Tables,
    arrays: Sequence[Sequence[torch.Tensor]],
    fn: Pointwise,
    rest: Sequence[torch.Tensor] = (),
) -> torch.Tensor:
    """The sums of ``fn`` over each tensor, (N, results of ``fn``) in float32."""
    tables.update(arrays)
    found = tables.run(fn.forward_leaf, 0, fn.outputs, *_kinds(rest))
    assert found is not None
    check_forward(multi_sum, (*_flat(arrays), *rest), {"fn": fn, "arrays": len(arrays)}, found)
    return found


def _kinds(rest: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    scalars = [tensor for tensor in rest if not tensor.dim()]
    return scalars, [tensor.contiguous() for tensor in rest if tensor.dim()]


def _split(tensors: Sequence[Any], fn: Pointwise, arrays: int) -> tuple[list[Sequence[Any]], list[Any]]:
    """The arrays, and what follows them."""
    count = (len(tensors) - fn.arity + arrays) // arrays
    cut = arrays * count
    return [tensors[a * count : (a + 1) * count] for a in range(arrays)], list(tensors[cut:])


def _rows(tensors: Sequence[Any], fn: Pointwise, arrays: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Results for each tensor, by torch."""
    groups, rest = _split(tensors, fn, arrays)
    rest = [tensor.to(tensors[0].dtype) for tensor in rest]
    for index, values in enumerate(zip(*groups, strict=True)):
        given = [tensor[index] if tensor.dim() else tensor for tensor in rest]
        found = fn.torch(*values, *given)
        yield found if isinstance(found, tuple) else (found,)


def _flat(arrays: Sequence[Sequence[torch.Tensor]]) -> list[torch.Tensor]:
    return [tensor for array in arrays for tensor in array]


update = register(Update())
multi_sum = register(MultiSum())
