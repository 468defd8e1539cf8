"""Layer, root-mean-square, deviation and unit normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ._activate import activate
from ._epilogue import Activated
from ._fit import unfit
from ._operator import Case, Cost, Tensors, register
from ._row_launch import axes_of, reduced_back, reduced_last
from ._row_norm_launch import Norm, normalize, normalize_backward
from ._work import Shapes, pointwise_work

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Axes = int | Sequence[int]


def widened(x: torch.Tensor) -> torch.Tensor:
    """Half precision as float32, in which statistics are taken; anything else as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def like(parameter: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor | None:
    """A parameter in the dtype of ``x``."""
    return None if parameter is None else parameter.to(x.dtype)


def parameter_gradient(gradient: torch.Tensor | None, parameter: torch.Tensor | None) -> torch.Tensor | None:
    """A flat float32 gradient in the shape and dtype of its parameter."""
    if gradient is None or parameter is None:
        return None
    return gradient.view(parameter.shape).to(parameter.dtype)


class _RowNorm(Activated):
    """Normalization of what the given axes hold; ``center``, ``shift`` and ``unit`` are those of ``Norm``."""

    center: bool
    shift: bool = True
    unit: bool = False
    flops_an_element: int

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        x, *parameters = tensors
        assert x is not None
        axis = attributes.get("axis", -1)
        if not x.dim() or axis in ((), []):
            return "no axis"
        sizes = self._sizes(x, axis)
        if any(parameter is not None and parameter.shape != sizes for parameter in parameters):
            return "shapes do not fit"
        return unfit(tensors) or (None if prod(sizes) else "nothing to normalize over")

    def infer(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        axis: Axes = -1,
        epsilon: float | None = None,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        axes = axes_of(axis, x.dim())
        norm = self._norm(x, gamma, beta, axis, epsilon, activation)
        y, _ = normalize(reduced_last(x, axes), x.dim() - len(axes), norm, keep=False)
        return reduced_back(y, axes)

    def forward(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        axis: Axes = -1,
        epsilon: float | None = None,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor, Tensors]:
        axes = axes_of(axis, x.dim())
        norm = self._norm(x, gamma, beta, axis, epsilon, activation)
        y, statistics = normalize(reduced_last(x, axes), x.dim() - len(axes), norm, keep=True)
        assert statistics is not None
        return reduced_back(y, axes), (x, gamma, beta, *statistics)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        axis: Axes = -1,
        epsilon: float | None = None,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        x, gamma, beta, *statistics = saved
        (dy,) = gradients
        mean, rstd = statistics
        assert x is not None
        assert dy is not None
        assert rstd is not None
        axes = axes_of(axis, x.dim())
        norm = self._norm(x, gamma, beta, axis, epsilon, activation)
        views = reduced_last(x, axes), reduced_last(dy, axes), x.dim() - len(axes)
        wants = (*needs, False, False)[:3]
        dx, dgamma, dbeta = normalize_backward(*views, norm, (mean, rstd), wants)
        found = (
            None if dx is None else reduced_back(dx, axes),
            parameter_gradient(dgamma, gamma),
            parameter_gradient(dbeta, beta),
        )
        return found[: len(needs)]

    def _sizes(self, x: torch.Tensor, axis: Axes) -> torch.Size:
        return torch.Size(x.shape[a] for a in axes_of(axis, x.dim()))

    def _norm(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None,
        beta: torch.Tensor | None,
        axis: Axes,
        epsilon: float | None,
        activation: Pointwise | None,
    ) -> Norm:
        sizes = self._sizes(x, axis)
        for name, parameter in (("gamma", gamma), ("beta", beta)):
            if parameter is not None and parameter.shape != sizes:
                raise ValueError(
                    f"{self.name}: expected {name} of shape {tuple(sizes)}, the sizes of axis {axis} of an "
                    f"input of shape {tuple(x.shape)}. Received: {tuple(parameter.shape)}"
                )
        gamma, beta = (None if p is None else p.contiguous() for p in (gamma, beta))
        kind = (self.center, self.shift, self.unit)
        return Norm(gamma, beta, self.epsilon if epsilon is None else epsilon, *kind, activation)

    epsilon: float
    """Its default."""

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, self.flops_an_element, **attributes)


class LayerNorm(_RowNorm):
    """``activation((x - mean) / sqrt(variance + epsilon) * gamma + beta)`` over axes (Ba et al., 2016)."""

    name = "layer_norm"
    saves = "input, mean and 1 / standard deviation"
    center = True
    epsilon = 1e-3
    flops_an_element = 8
    cases = (
        Case("transformer", ((32, 512, 768), (768,), (768,)), {"axis": -1}),
        Case("wide", ((8, 2048, 4096), (4096,), (4096,)), {"axis": -1}),
        Case("tabular", ((256, 100), (100,), (100,)), {"axis": -1}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Normalize over ``axis``; gamma and beta have the sizes of these axes in ascending order."""
        axes = axes_of(axis, x.dim())
        moved = reduced_last(widened(x), axes)
        y = F.layer_norm(moved, moved.shape[-len(axes) :], like(gamma, moved), like(beta, moved), epsilon)
        return activate(reduced_back(y, axes).to(x.dtype), activation)


class RMSNorm(_RowNorm):
    """``activation(x / sqrt(mean(x²) + epsilon) * gamma)`` over axes (Zhang & Sennrich, 2019)."""

    name = "rms_norm"
    saves = "input and 1 / root mean square"
    center = False
    epsilon = 1e-6
    flops_an_element = 5
    cases = (
        Case("llama", ((4, 2048, 4096), (4096,)), {"axis": -1}),
        Case("transformer", ((32, 512, 768), (768,)), {"axis": -1}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        *,
        axis: Axes = -1,
        epsilon: float = 1e-6,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Normalize over ``axis``; gamma has the sizes of these axes in ascending order."""
        axes = axes_of(axis, x.dim())
        moved = reduced_last(widened(x), axes)
        y = F.rms_norm(moved, moved.shape[-len(axes) :], like(gamma, moved), epsilon)
        return activate(reduced_back(y, axes).to(x.dtype), activation)


class DeviationNorm(_RowNorm):
    """``activation(x / sqrt(variance + epsilon) * gamma)``, the variance about the mean, which stays."""

    name = "deviation_norm"
    saves = "input, mean and 1 / standard deviation"
    center = True
    shift = False
    epsilon = 1e-3
    flops_an_element = 7
    cases = (Case("transformer", ((32, 512, 768), (768,)), {"axis": -1}),)

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        *,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Divide by the standard deviation over ``axis``; gamma has the sizes of these axes, ascending."""
        axes = axes_of(axis, x.dim())
        moved = reduced_last(widened(x), axes)
        last = tuple(range(-len(axes), 0))
        variance = (moved - moved.mean(last, keepdim=True)).square().mean(last, keepdim=True)
        y = moved * torch.rsqrt(variance + epsilon)
        weight = like(gamma, moved)
        y = y if weight is None else y * weight
        return activate(reduced_back(y, axes).to(x.dtype), activation)


class UnitNorm(_RowNorm):
    """``activation(x / max(|x|, epsilon))`` with the Euclidean length over axes.

    A row shorter than epsilon is divided by a constant.
    """

    name = "unit_norm"
    saves = "input and 1 / length"
    center = False
    unit = True
    epsilon = 1e-12
    flops_an_element = 4
    cases = (
        Case("embeddings", ((256, 768),), {"axis": -1}),
        Case("wide", ((8, 2048, 4096),), {"axis": -1}),
    )

    def reference(
        self,
        x: torch.Tensor,
        *,
        axis: Axes = -1,
        epsilon: float = 1e-12,
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Scale to length 1 over ``axis``."""
        wide = widened(x)
        length = torch.linalg.vector_norm(wide, dim=axes_of(axis, x.dim()), keepdim=True)
        return activate((wide / length.clamp_min(epsilon)).to(x.dtype), activation)


layer_norm = register(LayerNorm())
rms_norm = register(RMSNorm())
deviation_norm = register(DeviationNorm())
unit_norm = register(UnitNorm())
