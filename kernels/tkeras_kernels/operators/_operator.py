"""What an operator is: a reference, its launches, its cost and its representative cases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Tensors = tuple[torch.Tensor | None, ...]


@dataclass(frozen=True)
class Cost:
    """Work of one forward call: floating point operations and the bytes that must move at least once."""

    flops: int
    bytes: int


@dataclass(frozen=True)
class Case:
    """A representative call: the shapes of the tensor arguments (None for an absent one) and the attributes."""

    name: str
    shapes: tuple[tuple[int, ...] | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Operator(ABC):
    """One computation on torch tensors with a plain torch reference and, where it has them, fused kernels.

    Subclasses register one instance with :func:`register`; dispatch, the autograd bridge, the numerical tests, the
    static gates and the performance report are all driven by that instance.
    """

    name: str
    saves: str = ""
    """What the fused forward keeps for backward, in one phrase for the documentation table."""
    cases: Sequence[Case] = ()

    @abstractmethod
    def reference(self, *tensors: Any, **attributes: Any) -> Any:
        """The same result in plain, differentiable torch: any dtype, any device, meta included."""

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        """Why the fused kernels cannot take this call (a phrase for the report), or None when they can."""
        return "no fused kernel for this operator yet"

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Any, Tensors]:
        """Launch the fused kernels: ``(outputs, saved tensors)``."""
        raise TypeError(f"operator {self.name!r} has no fused forward; dispatch must use its reference")

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        """Gradients of the tensor arguments, None where ``needs`` is False."""
        raise TypeError(f"operator {self.name!r} has no fused backward; dispatch must use its reference")

    def cost(self, shapes: Sequence[tuple[int, ...] | None], itemsize: int, **attributes: Any) -> Cost:
        """Work of one forward call on arguments of these shapes with elements of ``itemsize`` bytes."""
        raise TypeError(f"operator {self.name!r} states no cost")


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
