"""What an operator is: a reference, its launches, its cost and its representative cases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Tensors = tuple[torch.Tensor | None, ...]
Epilogue = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Cost:
    """Work of one forward call: floating point operations and the bytes that must move at least once."""

    flops: int
    bytes: int


@dataclass(frozen=True)
class Case:
    """A representative call: shapes of the tensor arguments, None for an absent one, and the attributes.

    ``dtypes``: those of arguments that are not of the dtype a case is run in, by position.
    """

    name: str
    shapes: tuple[tuple[int, ...] | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dtypes: Mapping[int, torch.dtype] = field(default_factory=dict)


class Operator(ABC):
    """One computation on torch tensors with a plain torch reference and, where it has them, fused kernels.

    Subclasses register one instance with :func:`register`; dispatch, the autograd bridge, the numerical
    tests, the static gates and the performance report are all driven by that instance.
    """

    name: str
    saves: str = ""
    """What the fused forward keeps for backward, in one phrase for the documentation table."""
    cases: Sequence[Case] = ()
    vendor: str = "torch"
    """Whose code the reference runs on a GPU, for dispatch to say where it is faster."""
    adds_last: bool = False
    """Whether an argument ``residual`` is added after the activation, not before it."""
    differentiable: bool = True
    """Whether there is a backward; none for what changes parameters."""
    keeps_inputs: bool = True
    """Whether the bridge keeps the tensor arguments for second derivatives. An operator whose backward
    formula needs only ``saved`` can set False and override ``differentiable_backward``, which then gets no
    inputs."""

    @abstractmethod
    def reference(self, *tensors: Any, **attributes: Any) -> Any:
        """The same result in plain, differentiable torch: any dtype, any device, meta included."""

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        """Why the fused kernels cannot take this call (a phrase for the report), or None when they can."""
        return "no fused kernel for this operator yet"

    def remark(self, attributes: Mapping[str, Any]) -> str:
        """What the report adds about a fused call with these attributes, without sizes; mostly nothing."""
        return ""

    def route(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str:
        """Which of several kernels takes a fused call, for the report, where sizes decide; mostly nothing."""
        return ""

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        """The attributes the kernels take, and torch code that must follow: an untraceable activation."""
        return attributes, None

    def infer(self, *tensors: Any, **attributes: Any) -> Any:
        """The outputs alone, for a call that nothing will differentiate."""
        return self.forward(*tensors, **attributes)[0]

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Any, Tensors]:
        """Launch the fused kernels: ``(outputs, saved tensors)``."""
        raise TypeError(f"operator {self.name!r} has no fused forward; dispatch must use its reference")

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        """Gradients of the tensor arguments, None where ``needs`` is False."""
        raise TypeError(f"operator {self.name!r} has no fused backward; dispatch must use its reference")

    def differentiable_backward(
        self,
        inputs: Tensors,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        **attributes: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        """The same gradients in torch code that can be differentiated again, by default the reference's."""
        return reference_gradients(self, inputs, gradients, needs, attributes)

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        """Work of one forward call on arguments of these shapes with elements of ``itemsize`` bytes."""
        raise TypeError(f"operator {self.name!r} states no cost")


def reference_gradients(
    operator: Operator,
    inputs: Tensors,
    gradients: Tensors,
    needs: Sequence[bool],
    attributes: Mapping[str, Any],
) -> tuple[torch.Tensor | None, ...]:
    """Gradients by torch's autograd through the reference; differentiable again where gradients are
    enabled."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        leaves = [_leaf(tensor, need, create_graph) for tensor, need in zip(inputs, needs, strict=True)]
        outputs = operator.reference(*leaves, **attributes)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    pairs = [(y, g) for y, g in zip(outputs, gradients, strict=True) if y.requires_grad and g is not None]
    wanted = [leaf for leaf, need in zip(leaves, needs, strict=True) if need and leaf is not None]
    roots, cotangents = [y for y, _ in pairs], [g for _, g in pairs]
    found = iter(
        torch.autograd.grad(roots, wanted, cotangents, create_graph=create_graph, allow_unused=True)
        if roots
        else [None] * len(wanted)
    )
    return tuple(next(found) if need else None for need in needs)


def _leaf(tensor: torch.Tensor | None, need: bool, create_graph: bool) -> torch.Tensor | None:
    """A fresh name for an argument, so that nothing is differentiated through another argument."""
    if tensor is None or not need:
        return tensor
    return tensor.view_as(tensor) if create_graph else tensor.detach().requires_grad_()


_registry: dict[str, Operator] = {}


def register(operator: Operator) -> Operator:
    """Add an operator under its name; a second one of the same name is refused."""
    if operator.name in _registry:
        raise ValueError(f"operator {operator.name!r} is registered already")
    _registry[operator.name] = operator
    return operator


def registry() -> Mapping[str, Operator]:
    """All registered operators by name."""
    return _registry
