"""Maximum and average over every spatial axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from ._operator import Case, Cost, Operator, Tensors, reference_gradients, register
from ._pool import shape_of
from ._reduce import reduce_rows
from ._spatial import channels_are_last, spatial_rank
from ._work import Shapes, pointwise_work


class _GlobalPool(Operator):
    """(N, *spatial, C) to (N, C), or with ones in place of the spatial axes; ``reduce_rows`` does it."""

    reduction: Literal["mean", "max"]

    def reference(
        self,
        x: torch.Tensor,
        *,
        keepdims: bool = False,
        data_format: str = "channels_last",
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """Reduce the spatial axes of (N, *spatial, C), or of (N, C, *spatial) for "channels_first".

        Args:
            dtype: of the result; default: that of ``x``.
        """
        return reduce_rows.reference(x, **self._reduction(x, keepdims, data_format, dtype))

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        (x,) = tensors
        assert x is not None
        if x.dim() not in (3, 4, 5):
            return "not one to three spatial axes"
        return reduce_rows.unsupported(tensors, self._reduction(x, **attributes))

    def infer(self, x: torch.Tensor, **attributes: Any) -> torch.Tensor:
        return reduce_rows.infer(x, **self._reduction(x, **attributes))

    def forward(self, x: torch.Tensor, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        return reduce_rows.forward(x, **self._reduction(x, **attributes))

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        x = saved[0]
        assert x is not None
        return reduce_rows.backward(saved, gradients, needs, **self._reduction(x, **attributes))

    def _reduction(
        self,
        x: torch.Tensor,
        keepdims: bool = False,
        data_format: str = "channels_last",
        dtype: torch.dtype | None = None,
    ) -> dict[str, Any]:
        """The attributes of ``reduce_rows``."""
        spatial_rank(x)
        axes = range(1, x.ndim - 1) if channels_are_last(data_format) else range(2, x.ndim)
        return {"axis": tuple(axes), "keepdims": keepdims, "reduction": self.reduction, "dtype": dtype}

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 1, **attributes)


class GlobalMaxPool(_GlobalPool):
    """The largest element of each channel; equal ones share the gradient."""

    name = "global_max_pool"
    saves = "input, maximum and the number of its equals"
    reduction = "max"
    cases = (
        Case("text_cnn", ((64, 512, 128),)),
        Case("image", ((32, 7, 7, 2048),)),
    )


class GlobalAveragePool(_GlobalPool):
    """The mean of each channel."""

    name = "global_average_pool"
    saves = "nothing"
    keeps_inputs = False
    reduction = "mean"
    cases = (
        Case("resnet50", ((32, 7, 7, 2048),)),
        Case("sequence", ((64, 280, 256),)),
    )

    def forward(self, x: torch.Tensor, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        return self.infer(x, **attributes), (shape_of(x),)

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (shape,) = saved
        assert shape is not None
        anywhere = torch.zeros_like(shape, requires_grad=True)
        return reference_gradients(self, (anywhere,), gradients, needs, attributes)


global_max_pool = register(GlobalMaxPool())
global_average_pool = register(GlobalAveragePool())
