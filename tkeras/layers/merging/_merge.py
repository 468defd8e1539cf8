"""Layers that join several tensors into one, and their functional forms."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch

from tkeras.bridge import call, mapped
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import expr, operators


class Merge(Layer):
    """Joins a list of tensors of equal shape element by element; sizes of 1 and missing axes broadcast."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that the inputs fit together."""
        self._check_list(input_shape)
        shapes = [shape for shape in input_shape if None not in shape[1:]]
        if self.broadcasts and shapes and len({len(shape) for shape in shapes}) == 1:
            try:
                torch.broadcast_shapes(*(tuple(shape)[1:] for shape in shapes))
            except RuntimeError as error:
                raise ValueError(
                    "Inputs have incompatible shapes. Received shapes "
                    f"{' and '.join(str(tuple(shape)[1:]) for shape in input_shape)} for layer '{self.name}'"
                ) from error

    broadcasts = True
    _demand = "A merge layer should be called on a list of inputs."
    _found = " (not a list of shapes)"

    def _check_list(self, input_shape: Any) -> None:
        several = (
            isinstance(input_shape, (list, tuple))
            and input_shape
            and isinstance(input_shape[0], (list, tuple))
        )
        if not several:
            raise ValueError(f"{self._demand} Received: input_shape={input_shape}{self._found}")

    def call(self, inputs: Any) -> Any:
        """The joined tensor."""
        return self.merge([align(tensor, inputs) for tensor in inputs])

    def merge(self, inputs: list[Any]) -> Any:
        """Join tensors of one rank."""
        raise NotImplementedError(f"{type(self).__name__} must define `merge`.")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where all the masks are."""
        masks = [m for m in mask or [] if m is not None]
        return reduce(torch.logical_and, masks) if masks else None


def align(tensor: Any, inputs: list[Any]) -> Any:
    """Insert axes after the batch until the tensor has the highest rank among the inputs."""
    missing = max(other.dim() for other in inputs) - tensor.dim()
    return tensor.reshape(tensor.shape[0], *[1] * missing, *tensor.shape[1:]) if missing else tensor


def _sum(*values: Any) -> Any:
    return reduce(operator.add, values)


def _product(*values: Any) -> Any:
    return reduce(operator.mul, values)


def _average(*values: Any) -> Any:
    return _sum(*values) / len(values)


def _largest(*values: Any) -> Any:
    return reduce(expr.maximum, values)


def _smallest(*values: Any) -> Any:
    return reduce(expr.minimum, values)


def _pairwise(name: str, function: Callable[..., Any], doc: str, alone: int = 1) -> Any:
    """A layer; up to ``alone`` inputs are one call of torch forward and backward, more go to one kernel."""

    def merge(self: Any, inputs: list[Any]) -> Any:
        together = len(inputs) > alone and len({tensor.dtype for tensor in inputs}) == 1
        return mapped(function, *inputs) if together else function(*inputs)

    kind = type(name, (Merge,), {"merge": merge, "__doc__": doc, "__module__": __name__})
    return public(f"keras.layers.{name}")(kind)


Add = _pairwise("Add", _sum, "Sum of a list of tensors.", alone=2)
Multiply = _pairwise("Multiply", _product, "Product of a list of tensors, element by element.", alone=2)
Average = _pairwise("Average", _average, "Average of a list of tensors, element by element.")
Maximum = _pairwise("Maximum", _largest, "Maximum of a list of tensors, element by element.")
Minimum = _pairwise("Minimum", _smallest, "Minimum of a list of tensors, element by element.")


@public("keras.layers.Subtract")
class Subtract(Merge):
    """First minus second of two tensors."""

    def build(self, input_shape: Any) -> None:
        """Check that there are two inputs."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. Received: "
                f"input_shape={input_shape}"
            )

    def merge(self, inputs: list[Any]) -> Any:
        """Subtract."""
        return inputs[0] - inputs[1]


@public("keras.layers.Concatenate")
class Concatenate(Merge):
    """Joins tensors along an axis.

    Args:
        axis: the axis; all others must agree.
    """

    _config = ("axis",)
    broadcasts = False

    _demand = "A `Concatenate` layer should be called on a list of at least 1 input."
    _found = ""

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Check that the shapes agree but for the axis."""
        self._check_list(input_shape)
        ranks = {len(shape) for shape in input_shape}
        rests = [[s for i, s in enumerate(shape) if i != self.axis % len(shape)] for shape in input_shape]
        clash = len(ranks) != 1 or any(
            len({s for s in sizes if s is not None}) > 1 for sizes in zip(*rests, strict=True)
        )
        if clash:
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
                f"axis ({self.axis}). Received: input_shape={[tuple(shape) for shape in input_shape]}"
            )

    def call(self, inputs: Any) -> Any:
        """Concatenate."""
        return torch.cat(list(inputs), self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks joined along the axis; absent ones count as all True."""
        masks = list(mask or [])
        if not any(m is not None for m in masks):
            return None
        parts = []
        for tensor, one in zip(inputs, masks, strict=True):
            full = torch.ones_like(tensor, dtype=torch.bool)
            parts.append(
                full if one is None else full & one.reshape(*one.shape, *[1] * (tensor.dim() - one.dim()))
            )
        return torch.cat(parts, self.axis).all(-1)


@public("keras.layers.Dot")
class Dot(Merge):
    """Product of two tensors, summed over one axis of each.

    Args:
        axes: the axis of both, or a pair.
        normalize: scale both to length 1 along the axis first, which gives the cosine.
    """

    _config = ("axes", "normalize")
    broadcasts = False

    _demand = "A `Dot` layer should be called on a list of 2 inputs."
    _found = ""

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        pair = (
            isinstance(axes, (list, tuple)) and len(axes) == 2 and all(isinstance(axis, int) for axis in axes)
        )
        if not isinstance(axes, int) and not pair:
            raise ValueError(
                "Invalid format for argument `axes`: it should be an int or a pair of ints. Received: "
                f"axes={axes}"
            )
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = normalize

    def _pair(self, ranks: tuple[int, int]) -> tuple[int, int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return axes[0] % ranks[0], axes[1] % ranks[1]

    def build(self, input_shape: Any) -> None:
        """Check the two shapes."""
        self._check_list(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={input_shape}"
            )
        a, b = self._pair((len(input_shape[0]), len(input_shape[1])))
        sizes = input_shape[0][a], input_shape[1][b]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                f"Incompatible input shapes: axis values {sizes[0]} (at axis {a}) != {sizes[1]} (at axis "
                f"{b}). Full input shapes: {tuple(input_shape[0])}, {tuple(input_shape[1])}"
            )

    def call(self, inputs: Any) -> Any:
        """(batch, …), (batch, …) → (batch, the other axes of both)."""
        first, second = inputs
        a, b = self._pair((first.dim(), second.dim()))
        if self.normalize:
            first = call(operators.unit_norm, first, axis=a, epsilon=1e-6)
            second = call(operators.unit_norm, second, axis=b, epsilon=1e-6)
        first, second = first.movedim(a, -1), second.movedim(b, 1)
        batch, left, right = first.shape[0], first.shape[1:-1], second.shape[2:]
        width = first.shape[-1]
        product = torch.bmm(first.reshape(batch, -1, width), second.reshape(batch, width, -1))
        return product.reshape(batch, *left, *right) if left or right else product.reshape(batch, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None."""
        return None


def _functional(kind: Any) -> Callable[..., Any]:
    def merge(inputs: Any, **kwargs: Any) -> Any:
        return kind(**kwargs)(inputs)

    merge.__name__ = kind.__name__.lower()
    merge.__doc__ = f"Functional form of `{kind.__name__}`: ``{kind.__name__.lower()}([a, b, …])``."
    return public(f"keras.layers.{merge.__name__}")(merge)


add, subtract, multiply, average = map(_functional, (Add, Subtract, Multiply, Average))
maximum, minimum = map(_functional, (Maximum, Minimum))


@public("keras.layers.concatenate")
def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Functional form of `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


@public("keras.layers.dot")
def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Functional form of `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
