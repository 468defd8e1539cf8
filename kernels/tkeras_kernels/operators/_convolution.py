"""What the convolution operators share: their launches in order, and what they refuse."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ._conv_plan import Plan, lifted
from ._epilogue import Activated
from ._fit import unfit
from ._operator import Tensors
from ._pointwise_launch import pointwise_launch
from ._spatial import channels_are_last

if TYPE_CHECKING:
    from ..pointwise import Pointwise

_GRID = 65535
"""Programs along the second axis of a grid."""


class Products(NamedTuple):
    """The launches of a kind of convolution, on (batch, depth, height, width, channels).

    Attributes:
        forward: (plan, x, kernel, bias, epilogue, before, residual) to y.
        input_gradient: (plan, dy, saved, kernel, channels, prologue) to dx.
        kernel_gradient: (plan, x, dy, saved, prologue, wants_bias) to the gradients of kernel and bias.
        fuses: (plan, dy, channels, needs) to whether the gradients compute the activation's derivative.
    """

    forward: Callable[..., torch.Tensor]
    input_gradient: Callable[..., torch.Tensor]
    kernel_gradient: Callable[..., tuple[torch.Tensor, torch.Tensor | None]]
    fuses: Callable[..., bool]


def channels_last(x: torch.Tensor, data_format: str) -> torch.Tensor:
    """View of ``x`` as (batch, *sizes, channels)."""
    return x if channels_are_last(data_format) else x.movedim(1, -1)


def as_given(y: torch.Tensor, data_format: str) -> torch.Tensor:
    """Back from :func:`channels_last`; the memory stays channels-last."""
    return y if channels_are_last(data_format) else y.movedim(-1, 1)


def refuse(name: str, what: str, expected: object, received: object) -> None:
    """Raise the error of a call that no implementation can serve."""
    raise ValueError(f"{name}: expected {what} {expected}. Received: {received}")


class Convolution(Activated):
    """A convolution with bias and activation in its epilogue."""

    vendor = "cuDNN"
    saves = "x, kernel and y (the value before the activation where the derivative needs that)"

    @abstractmethod
    def plan(self, x: Sequence[int], kernel: Sequence[int], **geometry: Any) -> Plan:
        """Geometry for channels-last shapes; raises ValueError where they do not fit."""

    @abstractmethod
    def products(self, plan: Plan, kernel: torch.Tensor) -> tuple[Products, torch.Tensor]:
        """The launches, and the kernel, which is contiguous, as they take it."""

    def outer(self, kernel: Sequence[int]) -> int:
        """Channels of the result."""
        return kernel[-1]

    def result(self, plan: Plan) -> tuple[int, int, int]:
        """Sizes of the result."""
        return plan.small

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        geometry = dict(attributes)
        geometry.pop("activation", None)
        data_format = geometry.pop("data_format", "channels_last")
        x, kernel, *rest = tensors
        assert x is not None
        assert kernel is not None
        if x.dim() not in (3, 4, 5):
            refuse(self.name, "an input of rank", "3, 4 or 5", tuple(x.shape))
        last = channels_last(x, data_format).shape
        if kernel.dim() != x.dim():
            refuse(self.name, "a kernel of rank", x.dim(), tuple(kernel.shape))
        if not kernel.numel():
            return "empty kernel"
        if not all(last[1:-1]):
            return "an empty axis"
        plan = self.plan(last, kernel.shape, **geometry)
        self._check_others(plan, last, kernel.shape, data_format, *rest)
        strides = plan.axes[0].stride * plan.axes[1].stride * plan.axes[2].stride
        if plan.groups * strides > _GRID:
            return "more groups and strides than a grid takes"
        if any(tensor is not None and tensor.dtype != x.dtype for tensor in tensors):
            return "tensors of several dtypes"
        return unfit(tensors)

    def _check_others(
        self,
        plan: Plan,
        x: Sequence[int],
        kernel: Sequence[int],
        data_format: str,
        bias: torch.Tensor | None = None,
        residual: torch.Tensor | None = None,
    ) -> None:
        """Refuse a bias or a residual that does not fit; ``x`` is a channels-last shape."""
        outer = self.outer(kernel)
        if bias is not None and bias.shape != (outer,):
            refuse(self.name, "a bias of shape", (outer,), tuple(bias.shape))
        sizes = (plan.batch, *self.result(plan)[5 - len(x) :], outer)
        if residual is not None and channels_last(residual, data_format).shape != sizes:
            refuse(self.name, "a channels-last residual of shape", sizes, tuple(residual.shape))

    def infer(self, *tensors: Any, activation: Pointwise | None = None, **attributes: Any) -> torch.Tensor:
        return self._forward(tensors, activation, False, **attributes)[0]

    def forward(
        self, *tensors: Any, activation: Pointwise | None = None, **attributes: Any
    ) -> tuple[torch.Tensor, Tensors]:
        y, kept = self._forward(tensors, activation, True, **attributes)
        return y, (tensors[0], tensors[1], kept)

    def _forward(
        self,
        tensors: Tensors,
        activation: Pointwise | None,
        training: bool,
        data_format: str = "channels_last",
        **geometry: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The result, and what the derivative of the activation is a function of."""
        x, kernel, bias, residual, *_ = *tensors, None, None
        assert x is not None
        assert kernel is not None
        last = channels_last(x, data_format)
        plan = self.plan(last.shape, kernel.shape, **geometry)
        self._check_others(plan, last.shape, kernel.shape, data_format, bias, residual)
        products, matrix = self.products(plan, kernel.contiguous())
        shape = (plan.batch, *self.result(plan), self.outer(kernel.shape))
        keeps = "none" if activation is None else activation.saves
        before = x.new_empty(shape) if training and keeps == "input" else None
        leaf = None if activation is None else activation.forward_leaf
        bias = None if bias is None else bias.contiguous()
        if residual is not None:
            residual = channels_last(residual, data_format).contiguous()
        y = products.forward(plan, lifted(last), matrix, bias, leaf, before, residual)
        sizes = (plan.batch, *shape[6 - x.dim() :])
        y = as_given(y.view(sizes), data_format)
        if before is not None:
            return y, as_given(before.view(sizes), data_format)
        return y, y if keeps == "output" else None

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        activation: Pointwise | None = None,
        data_format: str = "channels_last",
        **geometry: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        (x, kernel, kept), (dy,) = saved, gradients
        assert x is not None
        assert kernel is not None
        assert dy is not None
        last = channels_last(x, data_format)
        plan = self.plan(last.shape, kernel.shape, **geometry)
        products, matrix = self.products(plan, kernel.contiguous())
        dz = lifted(channels_last(dy, data_format)).contiguous()
        if kept is not None:
            kept = lifted(channels_last(kept, data_format))
        leaf = None if activation is None else activation.backward_leaf
        wants_bias, wants_residual = (*needs, False, False)[2:4]
        if leaf is not None and (wants_residual or not products.fuses(plan, dz, last.shape[-1], needs)):
            (dz,) = pointwise_launch(leaf, (dz,) if kept is None else (kept, dz), [dz.dtype])
            leaf = kept = None
        dx = dw = db = None
        if needs[0]:
            dx = products.input_gradient(plan, dz, kept, matrix, last.shape[-1], leaf)
            dx = as_given(dx.view(last.shape), data_format)
        if needs[1] or wants_bias:
            dw, db = products.kernel_gradient(plan, lifted(last), dz, kept, leaf, wants_bias)
            dw = dw.view(kernel.shape) if needs[1] else None
        dr = as_given(dz.view(channels_last(dy, data_format).shape), data_format) if wants_residual else None
        return (dx, dw, db, dr)[: len(needs)]
