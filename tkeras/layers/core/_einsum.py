"""What an einsum equation says about the kernel, bias and output of `EinsumDense`."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_FORM = re.compile(r"(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?")


class Equation(NamedTuple):
    """The letters of ``inputs,kernel->outputs`` and on which side of the inputs an ellipsis stands."""

    inputs: str
    kernel: str
    outputs: str
    left: bool
    right: bool

    def product(self, elided: int) -> Product | None:
        """How the equation is a product of matrices, where it is: ``abc,cde->abde``, ``abc,dc->adb``, and
        with letters that all three share one for each of their places: ``abc,bcd->abd``.

        Args:
            elided: how many axes the ellipsis stands for.
        """
        dots = tuple(map(str, range(elided)))
        inputs, outputs = (
            (*dots, *letters) if self.left else (*letters, *dots) for letters in (self.inputs, self.outputs)
        )
        kernel = tuple(self.kernel)
        batch = [x for x in outputs if x in inputs and x in kernel]
        free = [x for x in outputs if x in inputs and x not in kernel]
        summed = [x for x in kernel if x in inputs and x not in outputs]
        new = [x for x in outputs if x in kernel and x not in inputs]
        parts = (inputs, batch + free + summed), (kernel, batch + summed + new), (outputs, batch + free + new)
        if not summed or any(sorted(one) != sorted(other) for one, other in parts):
            return None
        return Product(
            tuple(map(inputs.index, batch + free + summed)),
            tuple(map(kernel.index, batch + summed + new)),
            tuple(map((batch + free + new).index, outputs)),
            (len(batch), len(free), len(summed), len(new)),
        )


class Product(NamedTuple):
    """An equation as a product of matrices: orders of axes, and how many are shared, free, summed and new.

    ``inputs`` and ``kernel`` bring the axes into the order (shared, free, summed) and (shared, summed, new),
    ``outputs`` brings (shared, free, new) into that of the output.
    """

    inputs: tuple[int, ...]
    kernel: tuple[int, ...]
    outputs: tuple[int, ...]
    counts: tuple[int, int, int, int]

    @property
    def new(self) -> list[int]:
        """The axes of the output that are new."""
        shared, free, _, _ = self.counts
        return [axis for axis, source in enumerate(self.outputs) if source >= shared + free]


def parse(equation: str) -> Equation:
    """The parts of an equation.

    Raises:
        ValueError: it has none of the three forms ``ab,bc->ac``, ``...a,ab->...b`` and ``ab...,bc->ac...``.
    """
    match = _FORM.fullmatch(equation)
    if match is not None:
        before, inputs, after, kernel, out_before, outputs, out_after = match.groups()
        left, right = bool(before), bool(after)
        if (left, right) == (bool(out_before), bool(out_after)) and not (left and right):
            return Equation(inputs, kernel, outputs, left, right)
    raise ValueError(
        f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], "
        "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
    )


class Shapes(NamedTuple):
    """Shapes of an `EinsumDense`, and the axes of the kernel that are summed over and that are new."""

    kernel: tuple[int | None, ...]
    bias: tuple[int | None, ...] | None
    output: tuple[int | None, ...]
    input_axes: list[int]
    output_axes: list[int]


def analyze(equation: Equation, bias_axes: str | None, input_shape: Any, output_shape: Any) -> Shapes:
    """Shapes for inputs of ``input_shape`` and an ``output_shape`` without batch and elided axes.

    Raises:
        ValueError: the shapes contradict each other or the equation.
    """
    elided = len(input_shape) - len(equation.inputs)
    if elided < 0 or (elided and not (equation.left or equation.right)):
        raise ValueError(f"The equation takes {len(equation.inputs)} axes. Received: {tuple(input_shape)}")
    output = _full_output(equation, elided, input_shape, output_shape)
    first = elided if equation.left else 0
    of_inputs = dict(zip(equation.inputs, input_shape[first:], strict=False))
    of_outputs = dict(zip(equation.outputs, output[first:], strict=False))
    for letter, size in of_inputs.items():
        if of_outputs.get(letter) not in (None, size):
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{letter}'. "
                f"Input shape is {size}, and output shape is {of_outputs[letter]}."
            )
    for letter in equation.outputs:
        if letter not in equation.inputs + equation.kernel:
            raise ValueError(
                f"Dimension '{letter}' was specified in the output '{equation.outputs}' but has no "
                f"corresponding dim in the input spec '{equation.inputs}' or weight spec '{equation.kernel}'"
            )
    kernel, input_axes, output_axes = _kernel(equation, of_inputs, of_outputs)
    bias = None if bias_axes is None else _bias(equation, bias_axes, of_outputs, elided)
    return Shapes(kernel, bias, output, input_axes, output_axes)


def _full_output(equation: Equation, elided: int, input_shape: Any, output_shape: Any) -> tuple[Any, ...]:
    if equation.left:
        return (input_shape[0], *input_shape[1:elided], *output_shape)
    return (input_shape[0], *output_shape, *(input_shape[len(input_shape) - elided :] if elided else ()))


def _kernel(equation: Equation, of_inputs: Any, of_outputs: Any) -> tuple[Any, list[int], list[int]]:
    shape, input_axes, output_axes = [], [], []
    for axis, letter in enumerate(equation.kernel):
        if letter in of_outputs:
            shape.append(of_outputs[letter])
            output_axes.append(axis)
        elif letter in of_inputs:
            shape.append(of_inputs[letter])
            input_axes.append(axis)
        else:
            raise ValueError(
                f"Weight dimension '{letter}' did not have a match in either the input spec "
                f"'{equation.inputs}' or the output spec '{equation.outputs}'. For this layer, the weight "
                "must be fully specified."
            )
    return tuple(shape), input_axes, output_axes


def _bias(equation: Equation, bias_axes: str, of_outputs: Any, elided: int) -> tuple[Any, ...]:
    for letter in bias_axes:
        if letter not in equation.outputs:
            raise ValueError(
                f"Bias dimension '{letter}' was requested, but is not part of the output spec "
                f"'{equation.outputs}'"
            )
    first = min(equation.outputs.find(letter) for letter in bias_axes)
    shape = [of_outputs[letter] if letter in bias_axes else 1 for letter in equation.outputs[first:]]
    return (*shape, *[1] * (elided if equation.right else 0))
