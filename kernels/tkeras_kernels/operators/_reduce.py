"""An expression, a reduction over axes, an expression of what was reduced: losses, metrics, pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import nan, prod
from typing import TYPE_CHECKING, Any, Literal

import torch

from .. import losses
from ..pointwise import pointwise
from ._fit import DTYPES, unfit
from ._operator import Case, Cost, Operator, Tensors, register
from ._reduce_launch import Reduction, reduce, spread
from ._row_launch import axes_of, reduced_back, reduced_last

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Kind = Literal["sum", "mean", "max"]
_TORCH: dict[str, Any] = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax}
_LOSS = partial(pointwise, arity=2)


class ReduceRows(Operator):
    """``then(*reduction(fn(*tensors)))`` over axes; ``fn`` and ``then`` may have several results."""

    name = "reduce_rows"
    saves = "the tensors; what was reduced where the gradient of `then` needs it; of a maximum also its ties"
    keeps_inputs = True
    cases = (
        Case("mean_squared_error", ((4096, 784), (4096, 784)), {"fn": _LOSS(losses.squared_error)}),
        Case(
            "cosine_similarity",
            ((4096, 768), (4096, 768)),
            {
                "fn": _LOSS(losses.products),
                "then": pointwise(losses.cosine_similarity, arity=3),
                "reduction": "sum",
            },
        ),
        Case("global_average", ((32, 49, 2048),), {"axis": 1}),
        Case("mean_of_all", ((1024, 1024),), {"axis": (0, 1)}),
    )

    def reference(
        self,
        *tensors: torch.Tensor,
        fn: Pointwise | None = None,
        then: Pointwise | None = None,
        reduction: Kind = "mean",
        axis: int | Sequence[int] = -1,
        keepdims: bool = False,
        dtype: torch.dtype | None = None,
    ) -> Any:
        """Reduce.

        Args:
            tensors: broadcast together; one if ``fn`` is None.
            fn: one value an element, or a tuple of them, from the tensors' elements.
            then: the same from what was reduced.
            reduction: ``"sum"``, ``"mean"`` or ``"max"``, the same for every value.
            axis: what is reduced, one axis or several.
            dtype: of the results; default: that of the tensors.

        Returns:
            A tensor without ``axis`` (or with ones there), or a tuple where the last function gives one.
        """
        values = tensors if fn is None else fn.torch(*tensors)
        values: Any = values if isinstance(values, tuple) else (values,)
        axes = (axis,) if isinstance(axis, int) else tuple(axis)
        reduced: Any = tuple(_TORCH[reduction](value, axes, keepdim=keepdims) for value in values)
        made: Any = reduced if then is None else then.torch(*reduced)
        made = made if isinstance(made, tuple) else (made,)
        made = made if dtype is None else tuple(result.to(dtype) for result in made)
        return made if len(made) > 1 else made[0]

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        present: list[torch.Tensor] = [tensor for tensor in tensors if tensor is not None]
        fn: Pointwise | None = attributes.get("fn")
        first = present[0]
        if len(present) != (1 if fn is None else fn.arity):
            return "wrong number of tensors"
        if any(tensor.dtype != first.dtype for tensor in present):
            return "tensors of several dtypes"
        if attributes.get("axis", -1) == () or not first.dim():
            return "no axis to reduce"
        for function in (fn, attributes.get("then")):
            if function is not None and function.graph is None:
                return f"{function.name} is torch code: {function.reason}"
        if fn is not None and not fn.uniform and any(tensor.shape != first.shape for tensor in present):
            return "a value that does not depend on every tensor keeps a smaller shape"
        if attributes.get("reduction") == "max" and (fn is not None or not first.numel()):
            return "maximum of nothing" if fn is None else "maximum of a function"
        if attributes.get("dtype") not in (None, *DTYPES):
            return "no fused kernel for its dtype"
        return unfit(present)

    def infer(
        self,
        *tensors: torch.Tensor,
        keepdims: bool = False,
        dtype: torch.dtype | None = None,
        **attributes: Any,
    ) -> Any:
        views, axes, kept, made = _plan(tensors, **attributes)
        results, _ = reduce(views, kept, made, [dtype or tensors[0].dtype] * _results(**attributes))
        return _shaped(results, axes, keepdims)

    def forward(
        self,
        *tensors: torch.Tensor,
        keepdims: bool = False,
        dtype: torch.dtype | None = None,
        **attributes: Any,
    ) -> tuple[Any, Tensors]:
        views, axes, kept, made = _plan(tensors, **attributes)
        keep = made.maximum or made.then is not None
        dtypes = [dtype or tensors[0].dtype] * _results(**attributes)
        results, sums = reduce(views, kept, made, dtypes, keep)
        return _shaped(results, axes, keepdims), (*tensors, *sums)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        keepdims: bool = False,
        dtype: torch.dtype | None = None,
        **attributes: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        tensors: Any = saved[: len(needs)]
        sums: Any = saved[len(needs) :]
        views, axes, kept, made = _plan(tensors, **attributes)
        shape = views[0].shape[:kept]
        given = [dy.reshape(shape) for dy in gradients if dy is not None]
        fn, then = attributes.get("fn"), attributes.get("then")
        made = made._replace(
            function=None if fn is None else fn.gradient_leaf(tuple(needs)),
            then=None if then is None else then.gradient_leaf((True,) * then.arity),
        )
        read = views if fn is not None or made.maximum else ()
        like = [view for view, need in zip(views, needs, strict=True) if need]
        found = iter(spread(read, sums, given, kept, made, like))
        return tuple(
            reduced_back(next(found), axes).sum_to_size(tensor.shape) if need else None
            for tensor, need in zip(tensors, needs, strict=True)
        )

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        present = [shape for shape in shapes if shape is not None]
        full = torch.broadcast_shapes(*present)
        written = prod(full) // max(
            1, prod(full[axis] for axis in axes_of(attributes.get("axis", -1), len(full)))
        )
        elements = sum(prod(shape) for shape in present) + written * _results(**attributes)
        return Cost(flops=2 * prod(full), bytes=elements * itemsize)


def _results(fn: Pointwise | None = None, then: Pointwise | None = None, **_: Any) -> int:
    last = then or fn
    return 1 if last is None else last.outputs


def _plan(
    tensors: Sequence[torch.Tensor],
    *,
    fn: Pointwise | None = None,
    then: Pointwise | None = None,
    reduction: Kind = "mean",
    axis: int | Sequence[int] = -1,
) -> tuple[list[torch.Tensor], tuple[int, ...], int, Reduction]:
    """Views of one shape with the reduced axes last, those axes, the count of others, and the reduction."""
    shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
    axes = axes_of(axis, len(shape))
    views = [reduced_last(tensor.expand(shape), axes) for tensor in tensors]
    length = prod(shape[a] for a in axes)
    made = Reduction(
        function=None if fn is None else fn.forward_leaf,
        count=1 if fn is None else fn.outputs,
        then=None if then is None else then.forward_leaf,
        scale=1.0 if reduction != "mean" else (1.0 / length if length else nan),
        maximum=reduction == "max",
    )
    return views, axes, len(shape) - len(axes), made


def _shaped(results: Sequence[torch.Tensor], axes: tuple[int, ...], keepdims: bool) -> Any:
    if keepdims:
        for axis in axes:
            results = [result.unsqueeze(axis) for result in results]
    return tuple(results) if len(results) > 1 else results[0]


reduce_rows = register(ReduceRows())
